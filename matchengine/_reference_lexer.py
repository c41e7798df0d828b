"""The twin's tokens and errors: the text of a filter, cut into pieces."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matchengine._reference_filter import FIRST, KEYWORDS, NAME, REST, upper

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
class Token:
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


class Lexer:
    """A token is read when it is looked at, not earlier: errors come in the order of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._end = 0
        self._token: Token | None = None

    @property
    def token(self) -> Token:
        """The current token."""
        if self._token is None:
            self._token = self._read()
        return self._token

    def take(self) -> Token:
        """The current token; the next one takes its place."""
        taken, self._token = self.token, None
        return taken

    def at(self, *texts: str) -> bool:
        """Is the current token one of these keywords or symbols?"""
        return self.token.kind in ("keyword", "symbol") and self.token.text in texts

    def follows(self, *texts: str) -> bool:
        """As `at`, but what is no token at all is left for whoever has to read it."""
        end = self._end
        try:
            return self.at(*texts)
        except FilterSyntaxError:
            self._end = end
            return False

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
        found = self.token.text or "the end"
        return FilterSyntaxError(f"expected {expected}, got {found}", self.token.start)

    def is_minus_of_number(self) -> bool:
        """Is the current token a minus, and the next one a number?"""
        return self.at("-") and self._following() in tuple("0123456789")

    def is_function(self) -> bool:
        """Is the current token a name in front of a parenthesis?"""
        return self.token.kind == "name" and self._following() == "("

    def _following(self) -> str:
        space = _SPACE.match(self.text, self._end)
        assert space is not None
        return self.text[space.end() : space.end() + 1]

    def _read(self) -> Token:
        space = _SPACE.match(self.text, self._end)
        assert space is not None
        start = self._end = space.end()
        character = self.text[start : start + 1]
        if not character:
            return Token("end", "", start)
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

    def _classify(self, kind: str, match: re.Match[str]) -> Token:
        word, start = match.group(), match.start()
        if kind == "parameter":
            return Token(kind, match.group(1), start)
        if kind == "symbol":
            return Token(kind, "<>" if word == "!=" else word, start)
        if self.text[match.end() : match.end() + 1] == ".":
            raise FilterSyntaxError("expected a name after the dot", match.end() + 1)
        if upper(word) in KEYWORDS:
            return Token("keyword", upper(word), start)
        return Token("name", word, start)

    def _read_quoted(self, start: int, quote: str) -> Token:
        match = _QUOTED[quote].match(self.text, start)
        if match is None:
            raise FilterSyntaxError(f"no closing {quote}", start)
        self._end = match.end()
        kind = "string" if quote == "'" else "quoted"
        return Token(kind, match.group(1).replace(quote * 2, quote), start)

    def _read_number(self, start: int) -> Token:
        match = _NUMBER.match(self.text, start)
        assert match is not None
        if _AFTER_NUMBER.match(self.text, match.end()):
            raise FilterSyntaxError("malformed number", start)
        self._end = match.end()
        return Token("number", match.group(), start)
