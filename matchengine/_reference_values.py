"""The twin's values: what an event contributes to which path, and what a value may be.

Nothing here is shared with the C core. The rules are those of ``docs/semantics.md`` sections 1
and 2:

    >>> flatten({"a": {"b": [1, [2]]}, "a.b": 3, "c": [], "d": None})
    {'a.b': [1, 2, 3], 'd': [None]}
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache

#: What an event value or a constant can be, once subclasses have been reduced to these.
Scalar = bool | int | float | str | None

#: `Limits.digits`: part of what an integer is, hence known to the twin.
MAX_DIGITS = 1_000
_INTEGER_BOUND = 10**MAX_DIGITS

SURROGATE = re.compile("[\ud800-\udfff]")

#: `Limits.depth` of an event. The twin needs it to end on a list that contains itself.
MAX_DEPTH = 512

#: The values of an event, by path. A path that is missing is not in it.
Values = Mapping[str, list[Scalar]]


# ---- scalars -----------------------------------------------------------------------------------


class TooManyDigits(ValueError):
    """An integer exceeds `Limits.digits`."""


def plain(value: object) -> Scalar:
    """`value` as exactly bool, int, float, str or None.

    Subclasses and NumPy scalars count by value, whatever their own methods claim. Raises
    ValueError for any other type, for a lone surrogate and for an integer that is too long.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _checked_int(int.__pos__(value))
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, str):
        return checked_str(str.__str__(value))
    return _plain_numpy(value)


def checked_str(value: str) -> str:
    """`value`, unless it holds a lone surrogate, which no UTF-8 can spell."""
    if not value.isascii() and SURROGATE.search(value):
        raise ValueError("a lone surrogate is not text")
    return value


def _checked_int(value: int) -> int:
    if not -_INTEGER_BOUND < value < _INTEGER_BOUND:
        raise TooManyDigits(f"an integer has at most {MAX_DIGITS} digits")
    return value


def _plain_numpy(value: object) -> Scalar:
    # Where numpy was never imported, nobody can hold one of its scalars.
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.bool_):
            return bool(value)
        # timedelta64 is a kind of integer to NumPy; to us it is a time.
        if isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            return int(value)
        if isinstance(value, numpy.floating):
            return float(value)
    raise ValueError(f"a {type(value).__name__} is not a value")


# ---- events ------------------------------------------------------------------------------------


def flatten(event: Mapping[str, object]) -> dict[str, list[Scalar]]:
    """The values that `event` contributes to each of its paths.

    Raises ValueError for an event that has to be refused: every value is checked, whether or not
    a filter will ever look at it.
    """
    if not isinstance(event, Mapping):
        raise ValueError(f"an event is an object, not a {type(event).__name__}")
    values: dict[str, list[Scalar]] = {}
    open_containers = [_members(None, event)]
    while open_containers:
        for path, value in open_containers[-1]:
            if isinstance(value, (Mapping, list, tuple)):
                if len(open_containers) == MAX_DEPTH:
                    raise ValueError(f"an event is at most {MAX_DEPTH} containers deep")
                open_containers.append(_members(path, value))
                break  # and come back to the rest of this container later
            values.setdefault(path, []).append(plain(value))
        else:
            open_containers.pop()
    return values


def _members(
    path: str | None, container: Mapping[str, object] | list[object] | tuple[object, ...]
) -> Iterator[tuple[str, object]]:
    """The members of a container, each with its path. `path` is None for the event itself."""
    if isinstance(container, Mapping):
        for key, value in container.items():
            if not isinstance(key, str):
                raise ValueError(f"a key is a string, not a {type(key).__name__}")
            name = checked_str(str.__str__(key))
            yield (name if path is None else f"{path}.{name}"), value
    else:
        for value in container:
            yield path or "", value


def check_event(event: Mapping[str, object]) -> None:
    """Raise ValueError if `event` has to be refused, whoever has subscribed to what."""
    flatten(event)


def load_event(text: str | bytes | bytearray | memoryview) -> dict[str, object]:
    """The event that a JSON text says. Raises ValueError for a text that has to be refused."""
    if not isinstance(text, str):
        text = bytes(text).decode("utf-8")
    try:
        event = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"an event is at most {MAX_DEPTH} containers deep") from None
    check_event(event)
    return event  # type: ignore[no-any-return]  # check_event has looked


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# ---- case -------------------------------------------------------------------------------------

#: Letters that fold, but only since a version of Unicode later than ours, which is 14.0. A newer
#: Python knows them.
_LATER = frozenset(
    [
        *(0x1C89, 0xA7CB, 0xA7CC, 0xA7DA, 0xA7DC, *range(0x10D50, 0x10D66)),  # 16.0
        *(0xA7CE, 0xA7D2, 0xA7D4, *range(0x16EA0, 0x16EB9)),  # 17.0
    ]
)


@lru_cache(maxsize=65536)
def _fold_one(one: str) -> str:
    if ord(one) in _LATER:
        return one
    # str.casefold is full folding. Where that gives several code points (ß becomes ss), simple
    # folding is the lower case if that is one code point, and otherwise nothing.
    return next((to for to in (one.casefold(), one.lower()) if len(to) == 1), one)


def fold(text: str) -> str:
    """Simple case folding: one code point to one code point."""
    return "".join(map(_fold_one, text))
