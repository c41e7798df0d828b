"""The twin's regular expressions: I-Regexp (RFC 9485), in plain Python and without ``re``.

Nothing here is shared with the C core, which makes programs and tables. Here a regex is read into
postfix steps, repetition is written out, and what is left is an automaton with one place for each
character of the regex (Glushkov's): which places may come first, and which may follow each.

    >>> fullmatch("(a|b)+c{2}", "abacc")
    True
    >>> check("a**")
    Traceback (most recent call last):
    matchengine._reference_regex.RegexError: nothing to repeat (at 2)

Unicode's general categories are those of the Python that runs this.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache


class RegexError(ValueError):
    """The text is no regex; `position` counts code points from its start."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at {position})")
        self.position = position


# ---- sets of characters --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Category:
    """The characters whose general category begins with these letters, or all others."""

    letters: str
    negated: bool

    def has(self, one: str) -> bool:
        return unicodedata.category(one).startswith(self.letters) is not self.negated


@dataclass(frozen=True)
class _Range:
    low: str
    high: str

    def has(self, one: str) -> bool:
        return self.low <= one <= self.high


@dataclass(frozen=True)
class _Set:
    """What a place takes: the characters of some item, or of none when `negated`."""

    items: tuple[_Category | _Range, ...]
    negated: bool = False

    def has(self, one: str) -> bool:
        return any(item.has(one) for item in self.items) is not self.negated


_DOT = _Set((_Range("\n", "\n"), _Range("\r", "\r")), negated=True)


# ---- the steps -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Join:
    """The last two, one after the other."""


@dataclass(frozen=True)
class _Either:
    """The last two, one or the other."""


@dataclass(frozen=True)
class _Empty:
    """The empty string."""


@dataclass(frozen=True)
class _Repeat:
    """The last one, from `least` to `most` times; None is for ever."""

    least: int
    most: int | None


Step = _Set | _Join | _Either | _Empty | _Repeat
Steps = tuple[Step, ...]


# ---- reading -------------------------------------------------------------------------------------

_CATEGORIES = {
    "L": "lmotu", "M": "cen", "N": "dlo", "P": "cdefios", "Z": "lps", "S": "ckmo", "C": "cfno",
}  # fmt: skip
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", **{one: one for one in "()*+-.?[\\]^{|}"}}


@dataclass
class _Group:
    """What stands between two parentheses: complete branches, and the one that is being read."""

    branches: int = 0
    pieces: int = 0


@dataclass
class _Reader:
    text: str
    at: int = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def next(self) -> str:
        """The character at hand; empty at the end."""
        return self.text[self.at : self.at + 1]

    def accept(self, *texts: str) -> bool:
        """Step over one of these, if it is at hand."""
        found = [text for text in texts if self.text.startswith(text, self.at)]
        self.at += len(found[0]) if found else 0
        return bool(found)

    def take(self, allowed: Callable[[str], bool], message: str) -> str:
        """Step over a character that is allowed, or complain."""
        one = self.next
        if not one or not allowed(one):
            raise RegexError(message, self.at)
        self.at += 1
        return one

    def expect(self, text: str) -> None:
        self.take(lambda one: one == text, f"expected {text}")

    # -- the grammar, from the outside in --

    def regex(self) -> Steps:
        outer: list[_Group] = []
        group = _Group()
        while self.next or outer:
            if self.accept("("):
                outer.append(group)
                group = _Group()
            elif self.accept("|"):
                self.close_branch(group)
            elif outer and self.accept(")"):
                self.close_branch(group)
                group = outer.pop()
                self.piece(group)
            else:
                self.steps.append(self.atom())
                self.piece(group)
        self.close_branch(group)
        return tuple(self.steps)

    def close_branch(self, group: _Group) -> None:
        if group.pieces == 0:
            self.steps.append(_Empty())
        if group.branches > 0:
            self.steps.append(_Either())
        group.branches += 1
        group.pieces = 0

    def piece(self, group: _Group) -> None:
        """An atom has been read: take its quantifier."""
        if self.accept("*"):
            self.steps.append(_Repeat(0, None))
        elif self.accept("+"):
            self.steps.append(_Repeat(1, None))
        elif self.accept("?"):
            self.steps.append(_Repeat(0, 1))
        elif self.accept("{"):
            self.steps.append(self.counts())
        if group.pieces > 0:
            self.steps.append(_Join())
        group.pieces += 1

    def counts(self) -> _Repeat:
        least = self.number()
        most: int | None = least
        if self.accept(","):
            start = self.at
            most = None if self.next == "}" else self.number()
            if most is not None and most < least:
                raise RegexError("the second number is below the first", start)
        self.expect("}")
        return _Repeat(least, most)

    def number(self) -> int:
        def digit(one: str) -> bool:
            return "0" <= one <= "9"

        digits = self.take(digit, "expected a number")
        while self.next and digit(self.next):
            digits += self.take(digit, "")
        return int(digits)

    def atom(self) -> _Set:
        if self.accept("."):
            return _DOT
        if self.accept("["):
            return self.character_class()
        if self.accept("\\p", "\\P"):
            return _Set((self.category(),))
        if self.accept("\\"):
            one = self.escaped()
        else:
            one = self.take(lambda one: one not in "()*+?{}]|", "nothing to repeat")
        return _Set((_Range(one, one),))

    def escaped(self) -> str:
        return _ESCAPED[self.take(_ESCAPED.__contains__, "this has no meaning after a backslash")]

    def category(self) -> _Category:
        negated = self.text[self.at - 1] == "P"
        self.expect("{")
        letters = self.take(_CATEGORIES.__contains__, "there is no such category")
        if self.next != "}":
            letters += self.take(_CATEGORIES[letters].__contains__, "there is no such category")
        self.expect("}")
        return _Category(letters, negated)

    def character_class(self) -> _Set:
        negated = self.accept("^")
        items: list[_Category | _Range] = []
        while not items or not self.accept("]"):
            if self.accept("-"):
                if items and self.next != "]":
                    raise RegexError("a minus stands for itself only first or last", self.at)
                items.append(_Range("-", "-"))
            elif self.accept("\\p", "\\P"):
                items.append(self.category())
            else:
                items.append(self.range())
        return _Set(tuple(items), negated)

    def range(self) -> _Range:
        low = self.class_character()
        if self.next != "-" or self.text[self.at + 1 : self.at + 2] == "]":
            return _Range(low, low)
        self.expect("-")
        start = self.at
        high = self.class_character()
        if high < low:
            raise RegexError("the range ends before it begins", start)
        return _Range(low, high)

    def class_character(self) -> str:
        if self.accept("\\"):
            return self.escaped()
        return self.take(lambda one: one not in "[]-", "expected a character of a class")


def check(text: str) -> Steps:
    """The steps of a regex. Raises RegexError."""
    return _Reader(text).regex()


# ---- matching ------------------------------------------------------------------------------------


def _written_out(steps: Steps) -> list[Step]:
    """The steps, with no other repetition than none or one, and one or more."""
    stack: list[list[Step]] = []
    for step in steps:
        if isinstance(step, (_Set, _Empty)):
            stack.append([step])
        elif isinstance(step, _Repeat):
            stack.append(_repeated(stack.pop(), step))
        else:
            right = stack.pop()
            stack[-1] += [*right, step]
    return stack.pop()


def _repeated(part: list[Step], repeat: _Repeat) -> list[Step]:
    if not any(isinstance(step, _Set) for step in part):
        return [_Empty()]
    least, most = repeat.least, repeat.most
    rest: list[Step] = [_Empty()]
    if most is None:
        rest = [*part, _Repeat(1, None), _Repeat(0, 1)]
    for _ in range((most or 0) - least):  # x(x(x)?)?, from the inside
        rest = [*part, *rest, _Join(), _Repeat(0, 1)]
    for _ in range(least):
        rest = [*part, *rest, _Join()]
    return rest


@dataclass
class _Part:
    """Places that may come first and last in a part, and whether it matches the empty string."""

    empty: bool
    first: set[int]
    last: set[int]


#: Follows the last place when a string may end there.
_END = -1


@dataclass
class _Automaton:
    """Places are numbered; `sets` says what each takes."""

    sets: list[_Set] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    start: set[int] = field(default_factory=set)

    def link(self, places: set[int], after: set[int]) -> None:
        for place in places:
            self.follow[place] |= after

    def add(self, step: Step, stack: list[_Part]) -> None:
        """Make one part of the last ones, as `step` says."""
        if isinstance(step, _Empty):
            stack.append(_Part(True, set(), set()))
        elif isinstance(step, _Set):
            place = {len(self.sets)}
            self.sets.append(step)
            self.follow.append(set())
            stack.append(_Part(False, set(place), set(place)))
        elif isinstance(step, _Repeat):
            one = stack[-1]
            if step.most is None:
                self.link(one.last, one.first)
            one.empty = one.empty or step.least == 0
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(
                self.joined(left, right) if isinstance(step, _Join) else _either(left, right)
            )

    def joined(self, left: _Part, right: _Part) -> _Part:
        self.link(left.last, right.first)
        return _Part(
            left.empty and right.empty,
            left.first | right.first if left.empty else left.first,
            left.last | right.last if right.empty else right.last,
        )


def _either(left: _Part, right: _Part) -> _Part:
    return _Part(left.empty or right.empty, left.first | right.first, left.last | right.last)


@lru_cache(maxsize=4096)
def _automaton(regex: str) -> _Automaton:
    made = _Automaton()
    stack: list[_Part] = []
    for step in _written_out(check(regex)):
        made.add(step, stack)
    whole = stack.pop()
    made.link(whole.last, {_END})
    made.start = whole.first | ({_END} if whole.empty else set())
    return made


def fullmatch(regex: str, text: str) -> bool:
    """Is the whole text a string of the regex? Follows all ways at once."""
    automaton = _automaton(regex)
    places = automaton.start
    for one in text:
        taking = [place for place in places if place != _END and automaton.sets[place].has(one)]
        places = set().union(*(automaton.follow[place] for place in taking))
    return _END in places
