"""Filters that differ in one conjunct, found by all the others.

The outputs `s = 'A' AND price < 10` and `s = 'B' AND price < 10` can be one, because what is left
of each without its condition on s is the same. So every output is filed once for each of its
conjuncts, under a digest of the path and of all other conjuncts, and whoever could be united with
a filter is in one of the groups where that filter would be. No two filters are ever tried that
differ in more.

Within a group few are tried in vain. Sizes of value lists are sorted: if any list leaves room for
mine, the shortest does. Spans are sorted, too: no two of them touch, or they would be one, so only
the neighbours of mine can. Only a span is tried with every list, of which there are few, for the
short ones are one.

Most filters are alone in all their groups. Alone, one is an int, and nothing is known of its
condition.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from hashlib import blake2b

from brokers.reduce.conditions import Condition
from matchengine._conditions import Span, path_of

__all__ = ["MOST_CONJUNCTS", "Group", "places", "span_rank"]

#: Filters with more conjuncts are left alone: filing one is quadratic in them.
MOST_CONJUNCTS = 32


def places(operands: list[bytes]) -> list[tuple[int, bytes]]:
    """The conjuncts that might be united with one of another filter, each with its group."""
    if len(operands) > MOST_CONJUNCTS:
        return []
    found: dict[bytes, int] = {}
    for place, operand in enumerate(operands):
        path = path_of(operand)
        if path is not None:
            digest = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=16)
            for other in sorted(operands[:place] + operands[place + 1 :]):
                digest.update(len(other).to_bytes(8, "little"))
                digest.update(other)
            found.setdefault(digest.digest(), place)  # a conjunct may stand there twice
    return [(place, name) for name, place in found.items()]


class Group:
    """Two outputs or more that have all conjuncts but one in common, and its path."""

    __slots__ = ("_sizes", "_spans", "places")

    def __init__(self) -> None:
        """Without any."""
        self.places: dict[int, int] = {}  #: output -> which of its conjuncts it is
        self._sizes: list[tuple[int, int]] = []
        self._spans: list[tuple[bool, bool, object, int]] = []

    def add(self, number: int, place: int, condition: Condition) -> None:
        """Add an output whose conjunct here says `condition`."""
        self.places[number] = place
        if condition.span is not None:
            insort(self._spans, span_rank(condition.span, number))
            return
        insort(self._sizes, (len(condition.values), number))

    def remove(self, number: int, condition: Condition) -> None:
        """Remove an output that was added with this condition."""
        del self.places[number]
        if condition.span is not None:
            del self._spans[bisect_left(self._spans, span_rank(condition.span, number))]
            return
        del self._sizes[bisect_left(self._sizes, (len(condition.values), number))]

    def candidates(self, condition: Condition) -> list[int]:
        """Some of which one can be united with it, if any can."""
        found: dict[int, None] = {}
        if condition.span is None:
            if self._sizes:
                found[self._sizes[0][1]] = None
            first = condition.values[0]
            spans = [] if isinstance(first, bool) else [next(condition.spans())]
        else:
            spans = [condition.span]
            found.update((number, None) for _, number in self._sizes)
        for span in spans:
            at = bisect_left(self._spans, span_rank(span, -1))
            found.update((rank[3], None) for rank in self._spans[max(at - 2, 0) : at + 2])
        return list(found)


def span_rank(span: Span, number: int) -> tuple[bool, bool, object, int]:
    """Numbers before strings, and those without a lower end first."""
    end = span.low if span.low is not None else span.high
    text = isinstance(end, str)
    return (text, span.low is not None, end if span.low is not None else "" if text else 0, number)
