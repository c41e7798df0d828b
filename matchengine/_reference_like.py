"""The twin's LIKE and ILIKE, by following every way to match at once. Nothing is shared with C.

>>> like("a%_c", None, False, "abbc")
True
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from matchengine._reference_values import fold

# Longer than one code point, so that neither can be mistaken for a literal one.
_RUN = "any run"
_ONE = "any one"


@lru_cache(maxsize=4096)
def _pattern(pattern: str, escape: str | None, folds: bool) -> list[str]:
    """A LIKE pattern as a list of _RUN, _ONE and literal code points."""
    pieces = []
    rest = iter(pattern)
    for one in rest:
        if one == escape:
            literal = next(rest)  # the parser has refused a pattern that ends here
            pieces.append(fold(literal) if folds else literal)
        elif one in "%_":
            pieces.append(_RUN if one == "%" else _ONE)
        else:
            pieces.append(fold(one) if folds else one)
    return pieces


def like(pattern: str, escape: str | None, folds: bool, text: str) -> bool:
    """Does `text` match? Follows every way at once: linear in it, however many % there are."""
    pieces = _pattern(pattern, escape, folds)

    def past_runs(place: int) -> Iterator[int]:
        """`place`, and every place that is reached from it by letting runs be empty."""
        yield place
        while place < len(pieces) and pieces[place] is _RUN:
            place += 1
            yield place

    places = set(past_runs(0))
    for one in fold(text) if folds else text:
        after: set[int] = set()
        for place in places:
            if place < len(pieces):
                piece = pieces[place]
                if piece is _RUN:
                    after.update(past_runs(place))
                elif piece is _ONE or piece == one:
                    after.update(past_runs(place + 1))
        places = after
    return len(pieces) in places
