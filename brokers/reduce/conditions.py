"""Conditions on one path, and which two of them can be one.

    a = 1,  a IN (3, 4)          values          together a IN (1, 3, 4)
    a < 5,  a BETWEEN 5 AND 9    spans           together a <= 9
    a < 5,  a = 5                span, values    together a <= 5

This is the last step of `matchengine.merge`, taken apart: a reducer unites hundreds of conditions
in a row, and reading each union's bytes again would make that quadratic. tests/brokers compares it
with `merge`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from matchengine import _cover, _filters
from matchengine.covering import Span, distinct, same_type, span_of
from matchengine.errors import LimitExceeded
from matchengine.filters import Filter, filter_of

__all__ = ["Condition", "condition_of", "conjunction", "conjuncts", "listed", "spans_of", "unite"]


#: A union of more bytes is none: each change of a part sends its whole again, and there is no room
#: for a text of any length in a frame.
MOST_BYTES = 1 << 16


class Condition(NamedTuple):
    """A conjunct that may be united with another: some values of a path, or all in a span."""

    path: str
    values: tuple[object, ...]  #: empty for a span
    span: Span | None

    def leaf(self) -> bytes | None:
        """As a conjunct; None where no one condition says it."""
        if self.span is not None:
            return self.span.condition(self.path)
        op = "=" if len(self.values) == 1 else "IN"
        return _filters.leaf(op, self.path, self.values)


def conjuncts(filter: Filter) -> list[bytes]:
    """The operands of a filter that is an AND; of any other, the filter itself."""
    return _cover.conjuncts(filter._ir)


def conjunction(operands: list[bytes]) -> Filter | None:
    """The inverse of `conjuncts`; None where the filter would be too long."""
    if sum(map(len, operands)) > MOST_BYTES:
        return None
    if len(operands) == 1:
        return filter_of(operands[0])
    try:
        return filter_of(_filters.combine("AND", operands))
    except LimitExceeded:
        return None


def condition_of(conjunct: bytes) -> Condition | None:
    """The condition that a conjunct is, if it can be united with any."""
    nodes = _filters.nodes(conjunct)
    op, path, constants = nodes[0]
    if len(nodes) != 1 or path is None:
        return None
    if op in ("=", "IN"):
        return Condition(path, tuple(distinct(list(constants))), None)
    span = span_of(op, constants)
    return None if span is None else Condition(path, (), span)


def unite(one: Condition, other: Condition, most: int) -> Condition | None:
    """The condition that holds where one of two holds; None where it is not one.

    Neither is one that would have more than `most` values.
    """
    if one.span is None and other.span is None:
        if len(one.values) + len(other.values) > most:
            return None
        return listed(one.path, [*one.values, *other.values])
    if one.span is None:
        one, other = other, one
    span = one.span
    assert span is not None
    for more in spans_of(other):
        if not same_type(_an_end(span), _an_end(more)) or not span.touches(more):
            return None
        span = span.union(more)
    if span.low is None and span.high is None:
        return None
    return Condition(one.path, (), span)


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


def spans_of(condition: Condition) -> Iterator[Span]:
    """The span, or one for each value."""
    if condition.span is not None:
        yield condition.span
    for value in condition.values:
        yield Span(value, value, True, True)  # type: ignore[arg-type]


def _an_end(span: Span) -> object:
    return span.low if span.high is None else span.high
