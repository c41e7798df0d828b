"""How reducers unite conditions: in an order that tells nothing, and within bounds.

What a condition is, and which two can be one, is `matchengine._conditions`; `merge` stands on it,
too. A reducer unites hundreds of them in a row, so it keeps them as they are and does not read each
union's bytes again, which would be quadratic. tests/brokers compares it with `merge`.
"""

from __future__ import annotations

from matchengine import _conditions, _filters
from matchengine._conditions import Condition, condition_of, distinct
from matchengine.errors import LimitExceeded
from matchengine.filters import Filter, filter_of

__all__ = ["Condition", "condition_of", "conjunction", "listed", "operands_of", "unite"]


#: A union of more bytes is none: each change of a part sends its whole again, and there is no room
#: for a text of any length in a frame.
MOST_BYTES = 1 << 16


def operands_of(filter: Filter) -> list[bytes]:
    """The operands of a filter that is an AND, the two ends of a span as one; else the filter."""
    return _conditions.operands_of(filter._ir)


def conjunction(operands: list[bytes]) -> Filter | None:
    """The inverse of `operands_of`; None where the filter would be too long."""
    if sum(map(len, operands)) > MOST_BYTES:
        return None
    if len(operands) == 1:
        return filter_of(operands[0])
    try:
        return filter_of(_filters.combine("AND", operands))
    except LimitExceeded:
        return None


def unite(one: Condition, other: Condition, most: int) -> Condition | None:
    """The condition that holds where one of two holds; None where it is not one.

    Neither is one that would have more than `most` values.
    """
    lists = one.span is None and other.span is None
    if lists and len(one.values) + len(other.values) > most:
        return None
    united = _conditions.unite(one, other)
    return listed(one.path, list(united.values)) if united is not None and lists else united


def listed(path: str, values: list[object]) -> Condition:
    """One of these values, in an order that does not tell how they came together.

    For lists on one path have to be the same where conditions on another are to be united.
    """
    once = distinct(values)
    alike = len({type(value) for value in once}) == 1
    ordered = sorted(once) if alike else sorted(once, key=_order)  # type: ignore[type-var]
    return Condition(path, tuple(ordered), None)


def _order(value: object) -> tuple[bool, bool, object]:
    return isinstance(value, str), isinstance(value, bool), value
