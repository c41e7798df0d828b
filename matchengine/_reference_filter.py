"""The twin's filters: one frozen dataclass per kind of leaf, three connectives.

Nothing here is shared with the C core, and nothing here is fast. `str` prints the canonical text
of ``docs/semantics.md`` section 6, which is also what makes two filters equal:

    >>> print(Not(Or((Compare("a", "=", 1), In("b c", ("x", True))))))
    NOT (a = 1 OR "b c" IN ('x', TRUE))

Printing keeps its own stack, so the depth of a filter is bounded by memory alone.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass

from matchengine._reference_values import Scalar

# ---- the tree ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """A filter. `str` is its canonical text, and filters are equal when their texts are.

    (Comparing fields would not do: to Python ``True == 1 == 1.0``.)
    """

    # mypy alone refuses to make one of these without its abstract methods: with ABCMeta the many
    # isinstance of the twin would take twice as long.

    @abstractmethod
    def _pieces(self) -> tuple[str | Node, ...]:
        """The canonical text, with operands that are still to be printed."""

    def _negated(self) -> tuple[str | Node, ...]:
        """The canonical text of NOT of this filter."""
        return ("NOT ", self)

    def __str__(self) -> str:
        done: list[str] = []
        todo: list[str | Node] = [self]
        while todo:
            piece = todo.pop()
            if isinstance(piece, str):
                done.append(piece)
            else:
                todo.extend(reversed(piece._pieces()))
        return "".join(done)

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Node):
    """TRUE or FALSE."""

    value: bool

    def _pieces(self) -> tuple[str | Node, ...]:
        return (constant_text(self.value),)


@dataclass(frozen=True, eq=False, repr=False)
class Leaf(Node):
    """A test of one path."""

    path: str


@dataclass(frozen=True, eq=False, repr=False)
class Compare(Leaf):
    """``path operator constant``; the operator is one of = <> < <= > >=."""

    operator: str
    constant: Scalar

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"{name_text(self.path)} {self.operator} {constant_text(self.constant)}",)


@dataclass(frozen=True, eq=False, repr=False)
class _InnerNot(Leaf):
    """A leaf whose negation has a spelling of its own: ``path NOT test``."""

    @abstractmethod
    def _test(self) -> str:
        """What stands behind the path and NOT."""

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"{name_text(self.path)} {self._test()}",)

    def _negated(self) -> tuple[str | Node, ...]:
        return (f"{name_text(self.path)} NOT {self._test()}",)


@dataclass(frozen=True, eq=False, repr=False)
class Between(_InnerNot):
    """``path BETWEEN low AND high``, both ends included."""

    low: Scalar
    high: Scalar

    def _test(self) -> str:
        return f"BETWEEN {constant_text(self.low)} AND {constant_text(self.high)}"


@dataclass(frozen=True, eq=False, repr=False)
class In(_InnerNot):
    """``path IN (constants)``."""

    constants: tuple[Scalar, ...]

    def _test(self) -> str:
        return f"IN ({', '.join(map(constant_text, self.constants))})"


@dataclass(frozen=True, eq=False, repr=False)
class Like(_InnerNot):
    """``path LIKE pattern``, or ILIKE where `fold` is set."""

    pattern: str
    escape: str | None
    fold: bool

    def _test(self) -> str:
        escape = "" if self.escape is None else f" ESCAPE {constant_text(self.escape)}"
        return f"{'ILIKE' if self.fold else 'LIKE'} {constant_text(self.pattern)}{escape}"


@dataclass(frozen=True, eq=False, repr=False)
class Affix(Leaf):
    """``function(path, text)``; the function is STARTS_WITH, ENDS_WITH or CONTAINS."""

    function: str
    text: str

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"{self.function}({name_text(self.path)}, {constant_text(self.text)})",)


@dataclass(frozen=True, eq=False, repr=False)
class Matches(Leaf):
    """``MATCHES(path, regex)``."""

    regex: str

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"MATCHES({name_text(self.path)}, {constant_text(self.regex)})",)


@dataclass(frozen=True, eq=False, repr=False)
class IsNull(Leaf):
    """``path IS NULL``: missing, or some value is null."""

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"{name_text(self.path)} IS NULL",)

    def _negated(self) -> tuple[str | Node, ...]:
        return (f"{name_text(self.path)} IS NOT NULL",)


@dataclass(frozen=True, eq=False, repr=False)
class Exists(Leaf):
    """``EXISTS(path)``: there is a value, null included."""

    def _pieces(self) -> tuple[str | Node, ...]:
        return (f"EXISTS({name_text(self.path)})",)


# What Computed compares. Operands have no truth, but they are printed like filters.


@dataclass(frozen=True, eq=False, repr=False)
class Operand(Node):
    """A side of a comparison."""

    def _strength(self) -> int:
        """How tightly the text holds together."""
        return 3


@dataclass(frozen=True, eq=False, repr=False)
class Name(Operand):
    """The value of an attribute."""

    path: str

    def _pieces(self) -> tuple[str | Node, ...]:
        return (name_text(self.path),)


@dataclass(frozen=True, eq=False, repr=False)
class Value(Operand):
    """A constant."""

    constant: Scalar

    def is_number(self) -> bool:
        return isinstance(self.constant, (int, float)) and not isinstance(self.constant, bool)

    def _pieces(self) -> tuple[str | Node, ...]:
        return (constant_text(self.constant),)


@dataclass(frozen=True, eq=False, repr=False)
class Arithmetic(Operand):
    """``+ - * /`` of two operands, or "negate" of one."""

    operator: str
    operands: tuple[Operand, ...]

    def _strength(self) -> int:
        return {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}[self.operator]

    def _pieces(self) -> tuple[str | Node, ...]:
        if self.operator == "negate":
            (operand,) = self.operands
            # -(3) is not the constant -3.
            literal = isinstance(operand, Value) and not str(operand).startswith("-")
            return ("-", *_grouped(operand, literal or operand._strength() < 3))
        left, right = self.operands
        return (
            *_grouped(left, left._strength() < self._strength()),
            f" {self.operator} ",
            *_grouped(right, right._strength() <= self._strength()),
        )


def _grouped(operand: Operand, needed: bool) -> tuple[str | Node, ...]:
    return ("(", operand, ")") if needed else (operand,)


@dataclass(frozen=True, eq=False, repr=False)
class Computed(Node):
    """A comparison that is more than a name with constants: ``a * b > 5``, ``a BETWEEN b AND c``.

    `relation` is an operator of Compare, or BETWEEN, which has three operands.
    """

    relation: str
    operands: tuple[Operand, ...]

    def _pieces(self) -> tuple[str | Node, ...]:
        return self._with(f" {self.relation} ")

    def _negated(self) -> tuple[str | Node, ...]:
        return self._with(" NOT BETWEEN ") if self.relation == "BETWEEN" else ("NOT ", self)

    def _with(self, word: str) -> tuple[str | Node, ...]:
        first, second, *third = self.operands
        return (first, word, second, " AND ", *third) if third else (first, word, second)


@dataclass(frozen=True, eq=False, repr=False)
class Not(Node):
    """Kleene's NOT."""

    operand: Node

    def _pieces(self) -> tuple[str | Node, ...]:
        return self.operand._negated()


@dataclass(frozen=True, eq=False, repr=False)
class And(Node):
    """Kleene's AND of two or more operands, none of them an And."""

    operands: tuple[Node, ...]

    def _pieces(self) -> tuple[str | Node, ...]:
        pieces: list[str | Node] = []
        for operand in self.operands:
            pieces.append(" AND " if pieces else "")
            pieces.extend(("(", operand, ")") if isinstance(operand, Or) else (operand,))
        return tuple(pieces)

    def _negated(self) -> tuple[str | Node, ...]:
        return ("NOT (", self, ")")


@dataclass(frozen=True, eq=False, repr=False)
class Or(Node):
    """Kleene's OR of two or more operands, none of them an Or."""

    operands: tuple[Node, ...]

    def _pieces(self) -> tuple[str | Node, ...]:
        pieces: list[str | Node] = []
        for operand in self.operands:
            pieces.append(" OR " if pieces else "")
            pieces.append(operand)
        return tuple(pieces)

    def _negated(self) -> tuple[str | Node, ...]:
        return ("NOT (", self, ")")


# ---- canonical text of names and constants -----------------------------------------------------

KEYWORDS = frozenset(
    ["AND", "OR", "NOT", "TRUE", "FALSE", "NULL", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "ESCAPE"]
)

#: The first and the other characters of an unquoted name, and such a name with its dots.
_BLANKS = r"\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
FIRST = rf"(?:[A-Za-z_$]|[^\x00-\x7f{_BLANKS}])"
REST = rf"(?:{FIRST}|[0-9])"
NAME = re.compile(rf"{FIRST}{REST}*(?:\.{REST}+)*")


def upper(word: str) -> str:
    """`word` as a keyword would be spelled."""
    # str.upper alone would let U+0131, a dotless i, spell IN.
    return word.upper() if word.isascii() else word


def name_text(name: str) -> str:
    """`name`, in quotes where a bare one would not be read back."""
    if NAME.fullmatch(name) and upper(name) not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def constant_text(value: Scalar) -> str:
    """`value` as a literal of the dialect."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and math.isinf(value):
        return "1e+999" if value > 0 else "-1e+999"
    return repr(value)
