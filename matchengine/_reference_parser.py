"""The twin's parser: the native dialect, read into the tree of `_reference_filter`.

    >>> parse("5 < price AND NOT sym IN (:a, 'B')", a="A")
    parse("price > 5 AND sym NOT IN ('A', 'B')")

The grammar and every error position are written down in ``docs/semantics.md`` section 5. The
parser does not recurse: it keeps one `_Group` for each parenthesis that is open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from matchengine._reference_arithmetic import names
from matchengine._reference_filter import (
    Affix,
    And,
    Between,
    Compare,
    Computed,
    Constant,
    Exists,
    In,
    IsNull,
    Like,
    Matches,
    Name,
    Node,
    Not,
    Or,
    Value,
    upper,
)
from matchengine._reference_lexer import (
    FilterLimitError,
    FilterSyntaxError,
    FilterTypeError,
    Lexer,
    Token,
)
from matchengine._reference_operand import Reader, Term
from matchengine._reference_regex import RegexError, check
from matchengine._reference_values import MAX_DIGITS, SURROGATE, Scalar, TooManyDigits, plain

# ---- the parser --------------------------------------------------------------------------------

_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_FUNCTIONS = frozenset(["EXISTS", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "MATCHES"])
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class _Group:
    """What stands between two parentheses, as far as it has been read."""

    def __init__(self) -> None:
        self.ors: list[Node] = []
        self.ands: list[Node] = []
        self.nots = 0

    def add(self, node: Node) -> None:
        """The operand that AND, OR, NOT or the parenthesis was waiting for."""
        for _ in range(self.nots):
            node = Not(node)
        self.nots = 0
        self.ands.extend(node.operands if isinstance(node, And) else [node])

    def close_and(self) -> None:
        """An OR, or the end: the operands of AND are complete."""
        node = And(tuple(self.ands)) if len(self.ands) > 1 else self.ands[0]
        self.ands = []
        self.ors.extend(node.operands if isinstance(node, Or) else [node])

    def close(self) -> Node:
        """The whole group."""
        self.close_and()
        return Or(tuple(self.ors)) if len(self.ors) > 1 else self.ors[0]


def parse(text: str, /, **parameters: object) -> Node:
    """The filter that `text` says, with `:name` bound to the values of `parameters`.

    Raises FilterSyntaxError, FilterTypeError or FilterLimitError.
    """
    surrogate = SURROGATE.search(text)
    if surrogate:
        raise FilterSyntaxError("a lone surrogate is not text", surrogate.start())
    return _Parser(text, parameters).parse()


class _Parser:
    def __init__(self, text: str, parameters: Mapping[str, object]) -> None:
        self._lexer = Lexer(text)
        self._parameters = parameters
        self._used: set[str] = set()
        self._outer: list[_Group] = []
        self._group = _Group()

    def parse(self) -> Node:
        node = Constant(True) if self._lexer.token.kind == "end" else self._filter()
        unused = sorted(self._parameters.keys() - self._used)
        if unused:
            raise FilterTypeError(f"no parameter is named {unused[0]}", 0)
        return node

    def _filter(self) -> Node:
        lexer = self._lexer
        while True:
            # An operand is due.
            if lexer.accept("NOT"):
                self._group.nots += 1
                continue
            if lexer.accept("("):
                self._outer.append(self._group)
                self._group = _Group()
                continue
            leaf = self._leaf()  # which may end groups
            self._group.add(leaf)
            # An operand has been read: close what it ends.
            while self._outer and lexer.accept(")"):
                inner, self._group = self._group.close(), self._outer.pop()
                self._group.add(inner)
            if lexer.accept("OR"):
                self._group.close_and()
            elif not lexer.accept("AND"):
                break
        if self._outer:
            raise lexer.unexpected("AND, OR or )")
        if lexer.token.kind != "end":
            raise lexer.unexpected("AND, OR or the end")
        return self._group.close()

    # -- leaves --

    def _leaf(self) -> Node:
        if self._lexer.is_function():
            return self._function()
        # Only the first operand can have opened what was taken for parentheses of a condition.
        reader = Reader(self._lexer, self._constant, self._is_around_operand)
        return self._test(reader.read("a name, a constant, NOT or ("))

    def _is_around_operand(self) -> bool:
        """Close the group, if nothing but the operand before this parenthesis stands in it."""
        if not self._outer or self._group.ors or self._group.ands or self._group.nots:
            return False
        self._group = self._outer.pop()
        return self._lexer.accept(")")

    def _operand(self) -> Term:
        return Reader(self._lexer, self._constant, lambda: False).read()

    def _function(self) -> Node:
        lexer = self._lexer
        name = lexer.take()
        function = upper(name.text)
        if function not in _FUNCTIONS:
            raise FilterSyntaxError(f"there is no function {name.text}", name.start)
        lexer.expect("(")
        if lexer.token.kind not in ("name", "quoted") or lexer.is_function():
            raise lexer.unexpected("a name")
        path = lexer.take().text
        node: Node = Exists(path)
        if function != "EXISTS":
            lexer.expect(",")
            node = self._matches(path) if function == "MATCHES" else self._affix(path, function)
        lexer.expect(")")
        return node

    def _affix(self, path: str, function: str) -> Node:
        return Affix(path, function, self._string()[0])

    def _matches(self, path: str) -> Node:
        literal = self._lexer.token.kind == "string"
        regex, start = self._string()
        try:
            check(regex)
        except RegexError as error:
            # In the text, every quote before the place is there twice, and one more opens.
            quotes = 1 + regex.count("'", 0, error.position)
            position = start + error.position + quotes if literal else start
            raise FilterSyntaxError(f"in the regex: {error}", position) from None
        return Matches(path, regex)

    def _test(self, left: Term) -> Node:
        lexer, operand = self._lexer, left.operand
        if lexer.at(*_COMPARISONS):
            return self._comparison(left)
        if isinstance(operand, Value) and isinstance(operand.constant, bool):
            return Constant(operand.constant)
        path = operand.path if isinstance(operand, Name) else None
        if path is not None and lexer.accept("IS"):
            negated = lexer.accept("NOT")
            lexer.expect("NULL")
            return Not(IsNull(path)) if negated else IsNull(path)
        if lexer.accept("NOT"):
            if path is None and not lexer.at("BETWEEN"):
                raise lexer.unexpected("BETWEEN")
            return Not(self._word_test(left))
        if lexer.at("BETWEEN") or (path is not None and lexer.at("IN", "LIKE", "ILIKE")):
            return self._word_test(left)
        if path is None:
            raise lexer.unexpected("a comparison")
        return Compare(path, "=", True)

    def _word_test(self, left: Term) -> Node:
        lexer = self._lexer
        if lexer.accept("BETWEEN"):
            return self._between(left)
        assert isinstance(left.operand, Name)
        path = left.operand.path
        if lexer.accept("IN"):
            return self._in(path)
        if lexer.at("LIKE", "ILIKE"):
            return self._like(path, fold=lexer.take().text == "ILIKE")
        raise lexer.unexpected("BETWEEN, IN, LIKE or ILIKE")

    def _comparison(self, left: Term) -> Node:
        relation = self._lexer.take().text
        right = self._operand()
        _must_name(left, right)
        _must_compare(relation, right)
        _must_compare(relation, left)
        match left.operand, right.operand:
            case Name(path), Value(constant):
                return Compare(path, relation, constant)
            case Value(constant), Name(path):
                return Compare(path, _MIRRORED[relation], constant)
        return Computed(relation, (left.operand, right.operand))

    def _between(self, left: Term) -> Node:
        low = self._operand()
        _must_compare("<=", low)
        self._lexer.expect("AND")
        high = self._operand()
        _must_name(left, low, high)
        _must_compare("<=", high)
        match low.operand, high.operand:
            case Value(one), Value(other):
                if isinstance(one, str) != isinstance(other, str):
                    raise FilterTypeError("BETWEEN a number and a string", high.start)
                if isinstance(left.operand, Name):
                    return Between(left.operand.path, one, other)
        _must_compare("<=", left)
        return Computed("BETWEEN", (left.operand, low.operand, high.operand))

    def _in(self, path: str) -> Node:
        self._lexer.expect("(")
        constants: list[Scalar] = []
        while not constants or self._lexer.accept(","):
            start = self._lexer.token.start
            constants.append(_comparable("=", self._constant(), start))
        self._lexer.expect(")")
        return In(path, tuple(constants))

    def _like(self, path: str, *, fold: bool) -> Node:
        pattern, pattern_start = self._string()
        escape = None
        if self._lexer.accept("ESCAPE"):
            escape, escape_start = self._string()
            if len(escape) != 1:
                raise FilterSyntaxError("ESCAPE takes one character", escape_start)
            # Escapes pair up from the left; one that is left over escapes nothing.
            if re.sub(re.escape(escape) + ".", "", pattern, flags=re.DOTALL).endswith(escape):
                raise FilterSyntaxError("the pattern ends in its escape", pattern_start)
        return Like(path, pattern, escape, fold)

    # -- constants --

    def _constant(self, expected: str = "a constant") -> Scalar:
        lexer = self._lexer
        start = lexer.token.start
        if lexer.at("TRUE", "FALSE", "NULL"):
            return {"TRUE": True, "FALSE": False, "NULL": None}[lexer.take().text]
        if lexer.at("-"):
            return self._negative_number()
        if lexer.token.kind == "string":
            return lexer.take().text
        if lexer.token.kind == "number":
            return _number(lexer.take())
        if lexer.token.kind == "parameter":
            return self._parameter(lexer.take())
        if lexer.is_function():
            raise FilterSyntaxError("a function is not a constant", start)
        raise lexer.unexpected(expected)

    def _negative_number(self) -> Scalar:
        self._lexer.take()
        if self._lexer.token.kind != "number":
            raise self._lexer.unexpected("a number")
        return -_number(self._lexer.take())

    def _string(self) -> tuple[str, int]:
        start = self._lexer.token.start
        value = self._constant("a string")
        if not isinstance(value, str):
            raise FilterTypeError("this must be a string", start)
        return value, start

    def _parameter(self, token: Token) -> Scalar:
        if token.text not in self._parameters:
            raise FilterTypeError(f"no value for :{token.text}", token.start)
        self._used.add(token.text)
        try:
            value = plain(self._parameters[token.text])
        except TooManyDigits as error:
            raise FilterLimitError(f":{token.text}: {error}", token.start) from None
        except ValueError as error:
            raise FilterTypeError(f":{token.text}: {error}", token.start) from None
        if isinstance(value, float) and math.isnan(value):
            raise FilterTypeError(f":{token.text} is NaN, which equals nothing", token.start)
        return value


def _number(token: Token) -> int | float:
    if not token.text.isdigit():
        return float(token.text)
    digits = token.text.lstrip("0")
    if len(digits) > MAX_DIGITS:
        raise FilterLimitError(f"an integer has at most {MAX_DIGITS} digits", token.start)
    return int(digits or "0")


def _comparable(operator: str, value: Scalar, start: int) -> Scalar:
    """`value`, if this operator may compare with it."""
    if value is None:
        raise FilterTypeError("nothing compares with NULL: use IS NULL", start)
    if isinstance(value, bool) and operator not in ("=", "<>"):
        raise FilterTypeError("bools have no order", start)
    return value


def _must_name(*terms: Term) -> None:
    if not any(names(term.operand) for term in terms):
        raise FilterSyntaxError("there is no name in a comparison", terms[-1].start)


def _must_compare(operator: str, term: Term) -> None:
    """Refuse a constant, standing alone, that this operator may not compare with."""
    if isinstance(term.operand, Value):
        _comparable(operator, term.operand.constant, term.start)
