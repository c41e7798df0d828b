"""Conditions on one path, and which two of them can be one.

    a = 1,  a IN (3, 4)              values          together a IN (1, 3, 4)
    a < 5,  a BETWEEN 5 AND 9        spans           together a <= 9
    a < 5,  a = 5                    span, values    together a <= 5
    a >= 0 AND a < 4,  a >= 4        spans           together a >= 0

A span with two ends is said in one of two ways, which differ for arrays: BETWEEN wants one value
that lies in it, and two comparisons want a value above the one end and a value, that one or
another, below the other end: such a span is *apart*. Where two spans touch, their union is exact,
and it is apart as soon as one of them is. (Let A be from l to h and apart, and B another, from m to
n. Who meets the union is above the lower beginning and below the higher end. If he is not above l,
he is above m, and his greatest value is not above l, so in B, which goes at least that far; if he
is not below h, his least value is in B; if both is so and B is apart, he is above m and below n.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from matchengine import _cover, _filters

__all__ = ["Condition", "Span", "condition_of", "distinct", "operands_of", "path_of", "unite"]

Number = int | float

_LOWER, _UPPER = (">", ">="), ("<", "<=")
_SPANS = (*_LOWER, *_UPPER, "BETWEEN")
_VALUES = ("=", "IN")


@dataclass(frozen=True, slots=True)
class Span:
    """All values of a type from `low` to `high`; None is no end, and always open."""

    low: Number | str | None
    high: Number | str | None
    low_closed: bool = False
    high_closed: bool = False
    apart: bool = False  #: each end may be met by another value; only if there are two

    def touches(self, other: Span) -> bool:
        """Do the two make one span?"""
        return (
            isinstance(self.an_end, str) == isinstance(other.an_end, str)
            and self._reaches(other)
            and other._reaches(self)
        )

    @property
    def an_end(self) -> Number | str | None:
        """The end that there is."""
        return self.low if self.high is None else self.high

    def _reaches(self, other: Span) -> bool:
        """Is there no gap between our end and the other's beginning?"""
        if self.high is None or other.low is None:
            return True
        if self.high == other.low:
            return self.high_closed or other.low_closed
        return self.high > other.low  # type: ignore[operator]

    def union(self, other: Span) -> Span:
        """Both, where they touch."""
        first = self if _begins_by(self, other) else other
        last = self if _ends_by(self, other) else other
        ends = first.low is not None and last.high is not None
        apart = ends and (self.apart or other.apart)
        return Span(first.low, last.high, first.low_closed, last.high_closed, apart)

    def operand(self, path: str) -> bytes | None:
        """As one operand of an AND; None where it has no end."""
        if self.low is not None and self.high is not None and not self.apart:
            return _filters.leaf("BETWEEN", path, (self.low, self.high))
        bounds = []
        if self.low is not None:
            bounds.append(_filters.leaf(">=" if self.low_closed else ">", path, (self.low,)))
        if self.high is not None:
            bounds.append(_filters.leaf("<=" if self.high_closed else "<", path, (self.high,)))
        if len(bounds) == 2:
            return _filters.combine("AND", bounds)
        return bounds[0] if bounds else None


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


class Condition(NamedTuple):
    """Some values of a path, or all in a span."""

    path: str
    values: tuple[object, ...]  #: empty for a span
    span: Span | None

    def operand(self) -> bytes | None:
        """As one operand of an AND; None where none says it."""
        if self.span is not None:
            return self.span.operand(self.path)
        return _filters.leaf("=" if len(self.values) == 1 else "IN", self.path, self.values)

    def spans(self) -> Iterator[Span]:
        """The span, or one for each value. None for a value that has no order."""
        if self.span is not None:
            yield self.span
        for value in self.values:
            yield Span(value, value, True, True)  # type: ignore[arg-type]


# ---- reading filters ----------------------------------------------------------------------------


def operands_of(ir: bytes) -> list[bytes]:
    """The operands of an AND; where two of them are the ends of a span, the span is one operand.

    Of any other filter, the filter itself. Their AND says the same. A span begins before it ends:
    `a > 5 AND a < 3`, which an array may satisfy, is none.
    """
    operands = _cover.conjuncts(ir)
    if len(operands) < 2:
        return operands
    bounds: dict[tuple[str, bool], tuple[list[tuple[int, Any]], list[tuple[int, Any]]]] = {}
    for place, operand in enumerate(operands):
        nodes = _filters.nodes(operand)
        op, path, constants = nodes[0]
        if len(nodes) == 1 and path is not None and op in (*_LOWER, *_UPPER):
            places = bounds.setdefault((path, isinstance(constants[0], str)), ([], []))
            places[op in _UPPER].append((place, constants[0]))
    for lower, upper in bounds.values():
        if len(lower) == len(upper) == 1 and lower[0][1] <= upper[0][1]:
            (low, _), (high, _) = lower[0], upper[0]
            operands[min(low, high)] = _filters.combine("AND", [operands[low], operands[high]])
            operands[max(low, high)] = b""
    return [operand for operand in operands if operand]


def path_of(operand: bytes) -> str | None:
    """The path of an operand, as `operands_of` has it, that is a condition; else None."""
    nodes = _filters.nodes(operand)
    op, path, _ = nodes[0]
    is_one = len(nodes) == 1 and (op in _SPANS or op in _VALUES)
    return path if is_one or nodes[-1][0] == "AND" else None


def condition_of(operand: bytes) -> Condition | None:
    """The condition that an operand of `operands_of` is; None if it is another filter."""
    nodes = _filters.nodes(operand)
    op, path, constants = nodes[0]
    if path is None or (len(nodes) > 1 and nodes[-1][0] != "AND"):
        return None
    if op in _VALUES:
        return Condition(path, tuple(distinct(list(constants))), None)
    if op not in _SPANS:
        return None
    span = _span(op, constants)
    if len(nodes) > 1:  # the lower end comes first
        upper = _span(nodes[1][0], nodes[1][2])
        span = Span(span.low, upper.high, span.low_closed, upper.high_closed, True)
    return Condition(path, (), span)


def _span(op: str, constants: tuple[object, ...]) -> Span:
    a, b = constants[0], constants[-1]
    if op == "BETWEEN":
        return Span(a, b, True, True)  # type: ignore[arg-type]
    if op in _LOWER:
        return Span(a, None, low_closed=op == ">=")  # type: ignore[arg-type]
    return Span(None, a, high_closed=op == "<=")  # type: ignore[arg-type]


# ---- two as one ---------------------------------------------------------------------------------


def unite(one: Condition, other: Condition) -> Condition | None:
    """The condition that holds where one of two on a path holds; None where none is."""
    if one.span is None and other.span is None:
        return Condition(one.path, tuple(distinct([*one.values, *other.values])), None)
    if one.span is None:
        one, other = other, one
    span = one.span
    assert span is not None
    if any(isinstance(value, bool) for value in other.values):
        return None
    for more in other.spans():
        if not span.touches(more):
            return None
        span = span.union(more)
    return None if span.an_end is None else Condition(one.path, (), span)


def distinct(members: list[object]) -> list[object]:
    """Each value once, in order; True is not 1."""
    return list({(isinstance(member, bool), member): member for member in members}.values())
