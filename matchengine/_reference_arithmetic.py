"""The twin's arithmetic: what an operand comes to when every name stands for one value.

>>> from matchengine._reference_filter import Arithmetic, Name, Value
>>> calculate(Arithmetic("+", (Name("a"), Value(1))), {"a": 2**63 - 1})
9.223372036854775808e+18
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from matchengine._reference_filter import (
    And,
    Arithmetic,
    Computed,
    Name,
    Node,
    Not,
    Operand,
    Or,
    Value,
)
from matchengine._reference_values import Scalar

#: Steps that the computed predicates of a filter may take: each has as many combinations.
MAX_COMBINATIONS = 1 << 20


def postfix(operand: Operand) -> Iterator[Operand]:
    """`operand` and all that it is made of, operators after their operands."""
    backwards = []
    todo = [operand]
    while todo:
        one = todo.pop()
        backwards.append(one)
        if isinstance(one, Arithmetic):
            todo.extend(one.operands)
    return reversed(backwards)


def names(operand: Operand) -> set[str]:
    """The attributes in it."""
    return {one.path for one in postfix(operand) if isinstance(one, Name)}


def steps(node: Computed) -> int:
    """Its names, constants and operators, which is what one combination costs. A plain leaf: 0."""
    return 0 if _is_plain(node) else sum(1 for side in node.operands for _ in postfix(side))


def _is_plain(node: Computed) -> bool:
    """One name alone on its side against constants that come to something comparable?"""
    left, *others = node.operands
    if not isinstance(left, Name):
        left, others = others[0], [left] if node.relation != "BETWEEN" else []
    if not isinstance(left, Name) or not others or any(map(names, others)):
        return False
    try:
        constants = [calculate(other, {}) for other in others]
    except ZeroDivisionError:
        return False
    comparable = len({kind(other, {}) for other in others}) == 1
    return comparable and not any(isinstance(c, float) and math.isnan(c) for c in constants)


def share(root: Node) -> int:
    """How many combinations each of the computed predicates in `root` looks at."""
    total, todo = 0, [root]
    while todo:
        node = todo.pop()
        if isinstance(node, Computed):
            total += steps(node)
        elif isinstance(node, Not):
            todo.append(node.operand)
        elif isinstance(node, (And, Or)):
            todo.extend(node.operands)
    return max(1, MAX_COMBINATIONS // total) if total > 0 else MAX_COMBINATIONS


def kind(operand: Operand, chosen: Mapping[str, Scalar]) -> type | None:
    """bool, str, or float for every number; None where arithmetic meets what is no number."""
    kinds = {
        type(one.constant if isinstance(one, Value) else chosen[one.path])
        for one in postfix(operand)
        if isinstance(one, (Value, Name))
    }
    if kinds <= {int, float}:
        return float
    return None if isinstance(operand, Arithmetic) else kinds.pop()


def calculate(operand: Operand, chosen: Mapping[str, Scalar]) -> Scalar:
    """The value of `operand`, whose `kind` is not None. Raises ZeroDivisionError."""
    stack: list[Scalar] = []
    for one in postfix(operand):
        if isinstance(one, Value):
            stack.append(one.constant)
        elif isinstance(one, Name):
            stack.append(chosen[one.path])
        else:
            assert isinstance(one, Arithmetic)
            taken = stack[-len(one.operands) :]
            del stack[-len(one.operands) :]
            stack.append(_apply(one.operator, *map(_number, taken)))
    return stack.pop()


def _is_int64(number: int) -> bool:
    return -(2**63) <= number < 2**63


def _number(value: Scalar) -> int | float:
    """A number as arithmetic takes it: an int in int64, or a float."""
    assert isinstance(value, (int, float))
    if isinstance(value, float) or _is_int64(value):
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _apply(operator: str, x: int | float, y: int | float = 0) -> int | float:
    if operator == "/":
        return float(x) / float(y)
    if isinstance(x, float) or (isinstance(y, float) and operator != "negate"):
        x, y = float(x), float(y)
    result = {"+": x + y, "-": x - y, "*": x * y, "negate": -x}[operator]
    # Python's float() of an int is the nearest one.
    return float(result) if isinstance(result, int) and not _is_int64(result) else result
