"""Every exception that matchengine raises on purpose.

One root, `MatchEngineError`; below it one class per fault, which also inherits the builtin that a
caller would catch anyway::

    MatchEngineError
    |-- FilterSyntaxError      ValueError   the text of a filter cannot be parsed
    |-- FilterTypeError        TypeError    a filter compares what cannot be compared
    |-- LimitExceeded          ValueError   something is larger than Limits allow
    |   `-- EventLimitExceeded              ... and that something is an event
    |-- EventError             ValueError   an event is not acceptable
    |   `-- EventLimitExceeded
    |-- FileFormatError        ValueError   a file, or a pickle, is not one of ours or is damaged
    |-- DuplicateSubscription  ValueError   the id is taken
    `-- UnknownSubscription    KeyError     nobody has the id

One warning, `ExpensiveFilterWarning`, is a `UserWarning`.

After any of them, also where warnings are errors, the matcher is exactly as it was before the call.
All can be pickled: whatever a constructor takes after its first argument is an attribute with a
default.
"""

from __future__ import annotations

import reprlib
import unicodedata

__all__ = [
    "DuplicateSubscription",
    "EventError",
    "EventLimitExceeded",
    "ExpensiveFilterWarning",
    "FileFormatError",
    "FilterSyntaxError",
    "FilterTypeError",
    "LimitExceeded",
    "MatchEngineError",
    "UnknownSubscription",
]

#: Characters shown on either side of an error. Two sides and the ellipses fit 80 columns.
WINDOW = 34


class MatchEngineError(Exception):
    """The root of all errors of this package."""


class _FilterError(MatchEngineError):
    """An error that may know the spot in the text of a filter."""

    def __init__(self, message: str = "", text: str | None = None, position: int = 0) -> None:
        """`position` counts characters from the start of `text`; `text` None means no text."""
        super().__init__(message)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        """The message and, where there is a text, its line with a caret under the spot."""
        if self.text is None:
            return self.message
        return f"{self.message}\n{point_at(self.text, self.position)}"


class FilterSyntaxError(_FilterError, ValueError):
    """The text of a filter cannot be parsed.

    `text` is the filter, `position` the offending character (counted from 0), `expected` says
    what should have stood there, or is empty when the fault is another one.
    """

    def __init__(
        self,
        message: str = "",
        text: str | None = None,
        position: int = 0,
        expected: str = "",
    ) -> None:
        """See the class."""
        super().__init__(message, text, position)
        self.expected = expected


class FilterTypeError(_FilterError, TypeError):
    """A filter compares what cannot be compared, for instance ``a < TRUE`` or ``a = NULL``.

    `text` and `position` are as in `FilterSyntaxError`; `text` is None where the filter was not
    written as text.
    """


class LimitExceeded(MatchEngineError, ValueError):
    """Something is larger than the matcher's `Limits` allow.

    `limit` names the field of `Limits`, `maximum` is its value, and `value` what was found, or
    `maximum` + 1 where counting stopped there. `text` and `position` are as in
    `FilterSyntaxError`; `text` is None for anything but the text of a filter or of a regular
    expression.
    """

    def __init__(
        self,
        message: str = "",
        limit: str = "",
        value: int = 0,
        maximum: int = 0,
        text: str | None = None,
        position: int = 0,
    ) -> None:
        """See the class."""
        super().__init__(message)
        self.message = message
        self.limit = limit
        self.value = value
        self.maximum = maximum
        self.text = text
        self.position = position

    def __str__(self) -> str:
        """The message and, where there is a text, its line with a caret under the spot."""
        return _FilterError.__str__(self)  # type: ignore[arg-type]


class EventError(MatchEngineError, ValueError):
    """An event is not acceptable.

    `offset` is the byte of the JSON text where it went wrong, `path` the dotted key of the value
    that is not acceptable in a mapping, `index` the event's number in its batch; each of them is
    None where it has no meaning.
    """

    def __init__(
        self,
        message: str = "",
        offset: int | None = None,
        path: str | None = None,
        index: int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.path = path
        self.index = index

    def __str__(self) -> str:
        """The message, preceded by the event of a batch and followed by the spot."""
        which = "" if self.index is None else f"event {self.index}: "
        where = "" if self.offset is None else f" (at byte {self.offset})"
        if self.path is not None:
            where += f" (at {reprlib.repr(self.path)})"
        return f"{which}{self.message}{where}"


class EventLimitExceeded(LimitExceeded, EventError):
    """An event breaks a limit. It is both a `LimitExceeded` and an `EventError`."""

    def __init__(
        self,
        message: str = "",
        limit: str = "",
        value: int = 0,
        maximum: int = 0,
        offset: int | None = None,
        path: str | None = None,
        index: int | None = None,
    ) -> None:
        """The arguments of both classes, but for the text of a filter."""
        LimitExceeded.__init__(self, message, limit, value, maximum)
        EventError.__init__(self, message, offset, path, index)

    def __str__(self) -> str:
        """That of `EventError`."""
        return EventError.__str__(self)


class FileFormatError(MatchEngineError, ValueError):
    """A file cannot be loaded: it is none of ours, newer, truncated, altered or forged.

    `path` is the file, or None where the bytes came from a pickle; `offset` is the byte where it
    went wrong, or None where that has no meaning.
    """

    def __init__(
        self, message: str = "", path: str | None = None, offset: int | None = None
    ) -> None:
        """See the class."""
        super().__init__(message)
        self.message = message
        self.path = path
        self.offset = offset

    def __str__(self) -> str:
        """The message, preceded by the file and followed by the spot."""
        which = "" if self.path is None else f"{self.path!r}: "
        where = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{which}{self.message}{where}"


class DuplicateSubscription(MatchEngineError, ValueError):
    """The id of a new subscription, `id`, is taken."""

    def __init__(self, id: object = None) -> None:
        """Any hashable id."""
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        """A sentence with a shortened ``repr`` of the id, computed only when asked for."""
        return f"the id {reprlib.repr(self.id)} is taken"


class UnknownSubscription(MatchEngineError, KeyError):
    """No subscription has the id `id`."""

    def __init__(self, id: object = None) -> None:
        """Any hashable id."""
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        """A sentence, where ``KeyError`` would print the bare ``repr``."""
        return f"no subscription has the id {reprlib.repr(self.id)}"


class ExpensiveFilterWarning(UserWarning):
    """A filter costs time with every event, or with every string of an attribute.

    Its text names the subscription, the predicate that makes it so, and what would help. Where
    warnings are errors, the filter is not added.
    """


def point_at(text: str, position: int) -> str:
    """Return the line of `text` around `position`, and a caret under that character.

    Shows a window of the line only, one column per character that could move the cursor (tabs,
    control and direction marks show as dots), and names the line when there are several. Costs
    O(len(text)) at worst, to count lines.
    """
    position = min(max(position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    left, right = max(start, position - WINDOW), min(end, position + WINDOW)
    shown = "".join(map(_shown, text[left:right]))
    before = "..." if left > start else ""
    after = "..." if right < end else ""
    label = f"line {text.count(chr(10), 0, position) + 1}: " if "\n" in text else ""
    caret = len(label) + len(before) + sum(map(_columns, shown[: position - left]))
    return f"  {label}{before}{shown}{after}\n  {' ' * caret}^"


def _shown(character: str) -> str:
    """The character itself, or a dot for one that a terminal would act on."""
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    return "\N{MIDDLE DOT}"


def _columns(character: str) -> int:
    """How many columns a terminal gives to the character: 0, 1 or 2."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
