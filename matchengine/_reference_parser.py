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
from dataclasses import dataclass

from matchengine._reference_filter import (
    FIRST,
    KEYWORDS,
    NAME,
    REST,
    Affix,
    And,
    Between,
    Compare,
    Constant,
    Exists,
    In,
    IsNull,
    Like,
    Matches,
    Node,
    Not,
    Or,
    upper,
)
from matchengine._reference_regex import RegexError, check
from matchengine._reference_values import MAX_DIGITS, SURROGATE, Scalar, TooManyDigits, plain

# ---- errors ------------------------------------------------------------------------------------


class FilterError(ValueError):
    """A filter was refused; `position` counts code points from the start of its text."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at {position})")
        self.position = position


class FilterSyntaxError(FilterError):
    """The text is not a filter."""


class FilterTypeError(FilterError):
    """The text is a filter, but compares what cannot be compared."""


class FilterLimitError(FilterError):
    """An integer of the text has too many digits."""


# ---- tokens ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Token:
    kind: str  #: keyword, name, quoted, number, string, parameter, symbol or end
    text: str  #: keywords in upper case, strings and quoted names without their quotes
    start: int


_SPACE = re.compile(r"[ \t\n\v\f\r]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_AFTER_NUMBER = re.compile(rf"\.|{REST}")
_PARAMETER = re.compile(rf":({FIRST}{REST}*)")
_SYMBOL = re.compile(r"<>|!=|<=|>=|[=<>(),+*/-]")
# The *+ never gives back: the last of three quotes closes nothing that two of them have doubled.
_QUOTED = {"'": re.compile(r"'((?:[^']|'')*+)'"), '"': re.compile(r'"((?:[^"]|"")*+)"')}


class _Lexer:
    """A token is read when it is looked at, not earlier: errors come in the order of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._end = 0
        self._token: _Token | None = None

    @property
    def token(self) -> _Token:
        """The current token."""
        if self._token is None:
            self._token = self._read()
        return self._token

    def take(self) -> _Token:
        """The current token; the next one takes its place."""
        taken, self._token = self.token, None
        return taken

    def at(self, *texts: str) -> bool:
        """Is the current token one of these keywords or symbols?"""
        return self.token.kind in ("keyword", "symbol") and self.token.text in texts

    def accept(self, *texts: str) -> bool:
        """Step over the current token if it is one of these keywords or symbols."""
        found = self.at(*texts)
        if found:
            self.take()
        return found

    def expect(self, text: str) -> None:
        """Step over this keyword or symbol, or complain."""
        if not self.accept(text):
            raise self.unexpected(text)

    def unexpected(self, expected: str) -> FilterSyntaxError:
        """The current token is not what had to come."""
        if self.at("+", "-", "*", "/"):
            return FilterSyntaxError("arithmetic is not supported yet", self.token.start)
        found = self.token.text or "the end"
        return FilterSyntaxError(f"expected {expected}, got {found}", self.token.start)

    def is_function(self) -> bool:
        """Is the current token a name in front of a parenthesis?"""
        return self.token.kind == "name" and self._following() == "("

    def _following(self) -> str:
        space = _SPACE.match(self.text, self._end)
        assert space is not None
        return self.text[space.end() : space.end() + 1]

    def _read(self) -> _Token:
        space = _SPACE.match(self.text, self._end)
        assert space is not None
        start = self._end = space.end()
        character = self.text[start : start + 1]
        if not character:
            return _Token("end", "", start)
        if character in _QUOTED:
            return self._read_quoted(start, character)
        if character.isascii() and character.isdigit():
            return self._read_number(start)
        for kind, pattern in (("name", NAME), ("parameter", _PARAMETER), ("symbol", _SYMBOL)):
            match = pattern.match(self.text, start)
            if match:
                self._end = match.end()
                return self._classify(kind, match)
        raise FilterSyntaxError(f"unexpected {character!r}", start)

    def _classify(self, kind: str, match: re.Match[str]) -> _Token:
        word, start = match.group(), match.start()
        if kind == "parameter":
            return _Token(kind, match.group(1), start)
        if kind == "symbol":
            return _Token(kind, "<>" if word == "!=" else word, start)
        if self.text[match.end() : match.end() + 1] == ".":
            raise FilterSyntaxError("expected a name after the dot", match.end() + 1)
        if upper(word) in KEYWORDS:
            return _Token("keyword", upper(word), start)
        return _Token("name", word, start)

    def _read_quoted(self, start: int, quote: str) -> _Token:
        match = _QUOTED[quote].match(self.text, start)
        if match is None:
            raise FilterSyntaxError(f"no closing {quote}", start)
        self._end = match.end()
        kind = "string" if quote == "'" else "quoted"
        return _Token(kind, match.group(1).replace(quote * 2, quote), start)

    def _read_number(self, start: int) -> _Token:
        match = _NUMBER.match(self.text, start)
        assert match is not None
        if _AFTER_NUMBER.match(self.text, match.end()):
            raise FilterSyntaxError("malformed number", start)
        self._end = match.end()
        return _Token("number", match.group(), start)


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
        self._lexer = _Lexer(text)
        self._parameters = parameters
        self._used: set[str] = set()

    def parse(self) -> Node:
        node = Constant(True) if self._lexer.token.kind == "end" else self._filter()
        unused = sorted(self._parameters.keys() - self._used)
        if unused:
            raise FilterTypeError(f"no parameter is named {unused[0]}", 0)
        return node

    def _filter(self) -> Node:
        lexer = self._lexer
        outer: list[_Group] = []
        group = _Group()
        while True:
            # An operand is due.
            if lexer.accept("NOT"):
                group.nots += 1
                continue
            if lexer.accept("("):
                outer.append(group)
                group = _Group()
                continue
            group.add(self._leaf())
            # An operand has been read: close what it ends.
            while outer and lexer.accept(")"):
                inner, group = group.close(), outer.pop()
                group.add(inner)
            if lexer.accept("OR"):
                group.close_and()
            elif not lexer.accept("AND"):
                break
        if outer:
            raise lexer.unexpected("AND, OR or )")
        if lexer.token.kind != "end":
            raise lexer.unexpected("AND, OR or the end")
        return group.close()

    # -- leaves --

    def _leaf(self) -> Node:
        lexer = self._lexer
        if lexer.is_function():
            return self._function()
        if lexer.token.kind in ("name", "quoted"):
            return self._test(lexer.take().text)
        start = lexer.token.start
        value = self._constant("a name, a constant, NOT or (")
        if isinstance(value, bool) and not lexer.at(*_COMPARISONS):
            return Constant(value)
        if not lexer.at(*_COMPARISONS):
            raise lexer.unexpected("a comparison")
        operator = _MIRRORED[lexer.take().text]
        if lexer.token.kind not in ("name", "quoted") or lexer.is_function():
            if self._at_constant():
                raise FilterSyntaxError("two constants are compared", lexer.token.start)
            raise lexer.unexpected("a name")
        path = lexer.take().text
        return Compare(path, operator, _comparable(operator, value, start))

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

    def _test(self, path: str) -> Node:
        lexer = self._lexer
        if lexer.at(*_COMPARISONS):
            operator = lexer.take().text
            start = lexer.token.start
            return Compare(path, operator, _comparable(operator, self._constant(), start))
        if lexer.accept("IS"):
            negated = lexer.accept("NOT")
            lexer.expect("NULL")
            return Not(IsNull(path)) if negated else IsNull(path)
        if lexer.accept("NOT"):
            return Not(self._word_test(path))
        if lexer.at("BETWEEN", "IN", "LIKE", "ILIKE"):
            return self._word_test(path)
        return Compare(path, "=", True)

    def _word_test(self, path: str) -> Node:
        lexer = self._lexer
        if lexer.accept("BETWEEN"):
            return self._between(path)
        if lexer.accept("IN"):
            return self._in(path)
        if lexer.at("LIKE", "ILIKE"):
            return self._like(path, fold=lexer.take().text == "ILIKE")
        raise lexer.unexpected("BETWEEN, IN, LIKE or ILIKE")

    def _between(self, path: str) -> Node:
        low_start = self._lexer.token.start
        low = _comparable("<=", self._constant(), low_start)
        self._lexer.expect("AND")
        high_start = self._lexer.token.start
        high = _comparable("<=", self._constant(), high_start)
        if isinstance(low, str) != isinstance(high, str):
            raise FilterTypeError("BETWEEN a number and a string", high_start)
        return Between(path, low, high)

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

    def _at_constant(self) -> bool:
        kinds = ("number", "string", "parameter")
        return self._lexer.token.kind in kinds or self._lexer.at("TRUE", "FALSE", "NULL", "-")

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
        if lexer.token.kind in ("name", "quoted"):
            raise FilterSyntaxError("comparing two names is not supported yet", start)
        raise lexer.unexpected(expected)

    def _negative_number(self) -> Scalar:
        minus = self._lexer.take()
        if self._lexer.token.kind != "number":
            raise FilterSyntaxError("arithmetic is not supported yet", minus.start)
        return -_number(self._lexer.take())

    def _string(self) -> tuple[str, int]:
        start = self._lexer.token.start
        value = self._constant("a string")
        if not isinstance(value, str):
            raise FilterTypeError("this must be a string", start)
        return value, start

    def _parameter(self, token: _Token) -> Scalar:
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


def _number(token: _Token) -> int | float:
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
