"""Filters beside filters: does one cover another, do they overlap, can they be one?

    >>> from matchengine import covers, merge
    >>> covers("price < 10", "price < 5 AND symbol = 'ACME'")
    True
    >>> print(merge("symbol = 'A' AND price < 10", "symbol = 'B' AND price < 10"))
    symbol IN ('A', 'B') AND price < 10

Brokers forward a subscription only where no other covers it, and merge what they forward. What
covering means over arrays, NULL and NOT is in ``docs/semantics.md``, section 8.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from matchengine import _cover, _filters
from matchengine.errors import LimitExceeded
from matchengine.filters import Filter, filter_of, parse

__all__ = ["covers", "merge", "overlaps"]


def covers(f: Filter | str, g: Filter | str, /) -> bool:
    """Does `f` match every event that `g` matches?

    True is always right. False may mean "not known" for filters with NOT, patterns or several
    conditions on one attribute; it is exact where both are an AND of ``=``, IN, ranges,
    STARTS_WITH and EXISTS on different attributes. A microsecond for short filters, some tenths
    of a second at most, without the GIL. Raises what `parse` raises.
    """
    return _cover.covers(_filter(f)._ir, _filter(g)._ir)


def overlaps(
    f: Filter | str, g: Filter | str, /, *, arrays: bool | Literal["unshared"] = True
) -> bool:
    """May there be an event that both match?

    False is always right. True may mean "not known", except where both are an AND of ``=``, IN,
    ranges, STARTS_WITH and EXISTS on different attributes. An array can satisfy ``a = 1`` and
    ``a = 2`` at once; with ``arrays=False`` only events count that have one value at a path, and
    with ``arrays="unshared"`` those that have one at each path of both filters. Raises what
    `parse` raises, and ValueError for another string.
    """
    return _cover.overlaps(_filter(f)._ir, _filter(g)._ir, arrays)


def merge(f: Filter | str, g: Filter | str, /) -> Filter | None:
    """Return one filter that matches exactly what `f` or `g` matches, or None.

    There is one where one covers the other, and where both are an AND with all operands but one in
    common, and the values of these two can be said in one condition: ``=`` and IN, or ranges that
    touch. (``f | g`` always says the same, but is no simpler than the two.) Takes as long as
    `covers`. Raises what `parse` raises.
    """
    f, g = _filter(f), _filter(g)
    if _cover.covers(f._ir, g._ir):
        return f
    if _cover.covers(g._ir, f._ir):
        return g
    ours, theirs = _cover.conjuncts(f._ir), _cover.conjuncts(g._ir)
    only_ours, only_theirs = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    if only_ours.total() != 1 or only_theirs.total() != 1:
        return None
    (one,), (other,) = only_ours, only_theirs
    try:
        united = _unite(one, other)
        if united is None:
            return None
        ours[ours.index(one)] = united
        return filter_of(ours[0] if len(ours) == 1 else _filters.combine("AND", ours))
    except LimitExceeded:  # both fit, but not in one
        return None


def values_of(f: Filter, path: str) -> tuple[object, ...] | None:
    """The constants of which `f` needs one at `path`; None where it does not say.

    Looks at the operands of the outermost AND for ``=`` and IN.
    """
    for operand in _cover.conjuncts(f._ir):
        (op, at, constants), *rest = _filters.nodes(operand)
        if at == path and not rest and op in ("=", "IN"):
            return constants
    return None


def _filter(f: Filter | str) -> Filter:
    if isinstance(f, Filter):
        return f
    if isinstance(f, str | bytes):
        return parse(f)
    raise TypeError(f"a filter is a str or a Filter, got {type(f).__name__}")


# ---- two conditions as one ----------------------------------------------------------------------

Number = int | float


@dataclass(frozen=True, slots=True)
class Span:
    """All values of a type from `low` to `high`; None is no end, and always open."""

    low: Number | str | None
    high: Number | str | None
    low_closed: bool = False
    high_closed: bool = False

    def touches(self, other: Span) -> bool:
        """Do the two make one span?"""
        return self._reaches(other) and other._reaches(self)

    def _reaches(self, other: Span) -> bool:
        """Is there no gap between our end and the other's beginning?"""
        if self.high is None or other.low is None:
            return True
        if self.high == other.low:
            return self.high_closed or other.low_closed
        return self.high > other.low  # type: ignore[operator]

    def union(self, other: Span) -> Span:
        """Both, where they touch."""
        first, last = self, self
        if not _begins_by(self, other):
            first = other
        if not _ends_by(self, other):
            last = other
        return Span(first.low, last.high, first.low_closed, last.high_closed)

    def condition(self, path: str) -> bytes | None:
        """As one condition, if there is one."""
        if self.low is None and self.high is None:
            return None
        if self.low is None:
            return _filters.leaf("<=" if self.high_closed else "<", path, (self.high,))
        if self.high is None:
            return _filters.leaf(">=" if self.low_closed else ">", path, (self.low,))
        if self.low_closed and self.high_closed:
            return _filters.leaf("BETWEEN", path, (self.low, self.high))
        return None


def _begins_by(a: Span, b: Span) -> bool:
    if a.low is None or b.low is None:
        return a.low is None
    if a.low == b.low:
        return a.low_closed
    return a.low < b.low  # type: ignore[operator]


def _ends_by(a: Span, b: Span) -> bool:
    if a.high is None or b.high is None:
        return a.high is None
    if a.high == b.high:
        return a.high_closed
    return a.high > b.high  # type: ignore[operator]


def span_of(op: str, constants: tuple[object, ...]) -> Span | None:
    a = constants[0] if constants else None
    if not isinstance(a, int | float | str):
        return None
    match op:
        case "<" | "<=":
            return Span(None, a, high_closed=op == "<=")
        case ">" | ">=":
            return Span(a, None, low_closed=op == ">=")
        case "BETWEEN":
            return Span(a, constants[1], True, True)  # type: ignore[arg-type]
    return None


def _unite(one: bytes, other: bytes) -> bytes | None:
    """The condition that holds where one of two holds, if there is one."""
    nodes = [_filters.nodes(ir) for ir in (one, other)]
    if any(len(some) != 1 for some in nodes):
        return None
    (op, path, constants), (other_op, other_path, other_constants) = nodes[0][0], nodes[1][0]
    if path is None or path != other_path:
        return None
    members = [
        list(some) if name in ("=", "IN") else None
        for name, some in ((op, constants), (other_op, other_constants))
    ]
    span, other_span = span_of(op, constants), span_of(other_op, other_constants)
    if members[0] is not None and members[1] is not None:
        return _filters.leaf("IN", path, tuple(distinct(members[0] + members[1])))
    if span is not None and other_span is not None:
        return _unite_spans(path, span, other_span)
    if span is not None and members[1] is not None:
        return _unite_members(path, span, members[1])
    if other_span is not None and members[0] is not None:
        return _unite_members(path, other_span, members[0])
    return None


def distinct(members: list[object]) -> list[object]:
    """Each value once, in order; True is not 1."""
    return list({(isinstance(member, bool), member): member for member in members}.values())


def same_type(a: object, b: object) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return False
    return isinstance(a, str) == isinstance(b, str)


def _unite_spans(path: str, a: Span, b: Span) -> bytes | None:
    if not same_type(a.low if a.high is None else a.high, b.low if b.high is None else b.high):
        return None
    return a.union(b).condition(path) if a.touches(b) else None


def _unite_members(path: str, span: Span, members: list[object]) -> bytes | None:
    """Values that lie in the span, or close its ends."""
    for member in members:
        if not same_type(member, span.low if span.high is None else span.high):
            return None
        point = Span(member, member, True, True)  # type: ignore[arg-type]
        if not span.touches(point):
            return None
        span = span.union(point)
    return span.condition(path)
