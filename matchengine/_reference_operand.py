"""The twin's reader of what a comparison compares: names, constants, arithmetic on them.

Operators wait on a stack until one that binds no tighter comes, and then become the tops of trees:

    >>> from matchengine._reference_lexer import Lexer
    >>> print(Reader(Lexer("(a + 1) * -b"), lambda: 2, lambda: False).read().operand)
    (a + 2) * -b
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from matchengine._reference_filter import Arithmetic, Name, Operand, Value
from matchengine._reference_lexer import FilterTypeError, Lexer
from matchengine._reference_values import Scalar

#: How tightly an operator binds. "(" waits for its own end.
_BINDS = {"(": 0, "+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}


class Term(NamedTuple):
    """One side of a comparison, and where errors about it point to."""

    operand: Operand
    start: int


class Reader:
    """Reads one operand. `constant` reads a constant, the minus of a number included."""

    def __init__(
        self, lexer: Lexer, constant: Callable[[str], Scalar], around: Callable[[], bool]
    ) -> None:
        self._lexer = lexer
        self._constant = constant
        #: Steps over a ")" whose "(" was taken for one around a condition, if there is one.
        self._around = around
        self._operators: list[str] = []
        self._terms: list[Term] = []

    def read(self, expected: str = "a name, a constant or (") -> Term:
        """The operand that begins at the current token."""
        start = self._lexer.token.start
        self._read_term(expected)
        while self._continues():
            pass
        self._apply(1)
        (term,) = self._terms
        return Term(term.operand, start) if isinstance(term.operand, Arithmetic) else term

    def _read_term(self, expected: str) -> None:
        lexer = self._lexer
        while True:
            start = lexer.token.start
            if lexer.accept("("):
                self._operators.append("(")
            elif lexer.at("-") and not lexer.is_minus_of_number():
                lexer.take()
                self._operators.append("negate")
            else:
                break
        if lexer.token.kind in ("name", "quoted") and not lexer.is_function():
            self._terms.append(Term(Name(lexer.take().text), start))
            return
        self._terms.append(Term(Value(self._constant(expected)), start))
        if set(self._operators) - {"("}:
            self._check_number()

    def _continues(self) -> bool:
        """Step over an operator and its right side, or over a parenthesis that ends."""
        lexer = self._lexer
        self._apply(_BINDS["negate"])
        if lexer.follows("+", "-", "*", "/"):
            self._check_number()
            operator = lexer.take().text
            self._apply(_BINDS[operator])
            self._operators.append(operator)
            self._read_term("a name, a constant or (")
            return True
        if "(" in self._operators:
            if not lexer.accept(")"):
                raise lexer.unexpected("an operator or )")
            self._apply(1)
            self._operators.pop()
            return True
        if lexer.follows(")") and self._around():
            self._apply(1)
            return True
        return False

    def _check_number(self) -> None:
        operand, start = self._terms[-1]
        if isinstance(operand, Value) and not operand.is_number():
            raise FilterTypeError("arithmetic needs numbers", start)

    def _apply(self, least: int) -> None:
        """The operators on top that bind at least so tightly have all of their operands."""
        while self._operators and _BINDS[self._operators[-1]] >= least:
            operator = self._operators.pop()
            taken = self._terms[-1:] if operator == "negate" else self._terms[-2:]
            del self._terms[-len(taken) :]
            operands = tuple(term.operand for term in taken)
            self._terms.append(Term(Arithmetic(operator, operands), taken[0].start))
