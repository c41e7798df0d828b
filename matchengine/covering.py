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
from typing import Literal

from matchengine import _conditions, _cover, _filters
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
    common, and these two can be one: ``=`` and IN, or ranges that touch, where the two ends of a
    range, ``a >= 0 AND a < 4``, count as one operand. (``f | g`` always says the same, but is no
    simpler than the two.) Takes as long as `covers`. Raises what `parse` raises.
    """
    f, g = _filter(f), _filter(g)
    if _cover.covers(f._ir, g._ir):
        return f
    if _cover.covers(g._ir, f._ir):
        return g
    for operands_of in (_cover.conjuncts, _conditions.operands_of):
        united = _united(operands_of(f._ir), operands_of(g._ir))
        if united is not None:
            return united
    return None


def _united(ours: list[bytes], theirs: list[bytes]) -> Filter | None:
    """One filter for two ANDs that differ in one operand, if there is one."""
    only_ours, only_theirs = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    if only_ours.total() != 1 or only_theirs.total() != 1:
        return None
    (one,), (other,) = only_ours, only_theirs
    this, that = _conditions.condition_of(one), _conditions.condition_of(other)
    if this is None or that is None or this.path != that.path:
        return None
    try:
        united = _conditions.unite(this, that)
        operand = None if united is None else united.operand()
        if operand is None:
            return None
        ours[ours.index(one)] = operand
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
