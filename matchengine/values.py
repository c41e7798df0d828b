"""Events that are not made of plain dicts, lists and scalars, made plain.

The core walks exact builtin types only, because nothing of anybody else's runs while it does. An
event that holds anything else (a Mapping, a subclass of int, a NumPy scalar) is copied here first,
outside of any lock, by value. What the copy cannot express is not acceptable, and is named with
the path of keys that leads to it. What holds events, and handles, are taken by their meaning, too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any, SupportsIndex

from matchengine._filters import decimal
from matchengine.errors import EventError, EventLimitExceeded

__all__ = ["handle_of", "list_of", "plain_event"]

_SCALARS = (str, int, float, bool, type(None))
_INT64 = 2**63


def plain_event(event: object, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return a deep copy of `event` that the core can walk.

    It holds exact dict, list, str, int, float, bool and None, and integers beyond int64 as the
    bytes of their decimal digits. Arrays are lists and tuples (and subclasses of them), objects
    are Mappings. `limits` has the fields of `Limits`; what exceeds them raises
    `EventLimitExceeded` before it is copied. Never recurses. Raises `EventError` for any other
    type, for keys that are not strings, and for lone surrogates, with the path that leads there.
    """
    if not isinstance(event, Mapping):
        text = " (match_json takes text)" if isinstance(event, str | bytes | bytearray) else ""
        raise EventError(f"an event is a mapping, got {type(event).__name__}{text}")
    copier = _Copier(limits)
    root: dict[str, Any] = {}
    copier.open(event, root, ())
    while copier.work:
        copier.copy_next()
    return root


def list_of(batch: Any) -> list[Any]:
    """The events of a batch. Raises EventError for what is none; and what its iterator raises."""
    if isinstance(batch, Mapping) or not (
        isinstance(batch, Iterable) or hasattr(type(batch), "__getitem__")
    ):
        kind = type(batch).__name__
        raise EventError(f"a batch is a sequence of events or JSON lines, got {kind}")
    return list(batch)


def handle_of(handle: SupportsIndex) -> int:
    """A handle as an int. Raises TypeError for what is no int."""
    if isinstance(handle, bool):
        raise TypeError("a handle is an int, got bool")
    return index(handle)


class _Copier:
    """The state of one copy: what is still to be copied, and what was counted so far."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits = limits
        self.scalars = 0
        self.bytes = 0
        #: Source, its copy, the path of keys to it.
        self.work: list[tuple[Any, Any, tuple[object, ...]]] = []

    def check(self, name: str, value: int) -> None:
        maximum = self.limits[name]
        if value > maximum:
            raise EventLimitExceeded(
                f"the event exceeds the limit {name}, which is {maximum}", name, value, maximum
            )

    def count_text(self, text: str, path: tuple[object, ...]) -> None:
        try:
            self.bytes += len(text) if text.isascii() else len(text.encode())
        except UnicodeEncodeError:
            raise EventError("a string holds a lone surrogate", path=_dotted(path)) from None
        self.check("event_bytes", self.bytes)

    def open(self, source: Any, copy: Any, path: tuple[object, ...]) -> None:
        """Note a container; its items come later."""
        self.check("event_depth", len(path) + 1)
        self.bytes += 2
        self.check("event_bytes", self.bytes)
        self.work.append((source, copy, path))

    def copy_next(self) -> None:
        """Copy the items of one container."""
        source, copy, path = self.work.pop()
        for key, value in _items(source):
            place = (*path, key)
            if isinstance(copy, dict):
                name = _plain_key(key, place)
                self.count_text(name, place)
                copy[name] = self.copy_value(value, place)
            else:
                copy.append(self.copy_value(value, place))

    def copy_value(self, value: Any, path: tuple[object, ...]) -> Any:
        if isinstance(value, Mapping | list | tuple):
            empty: Any = {} if isinstance(value, Mapping) else []
            self.open(value, empty, path)
            return empty
        plain = value if type(value) in _SCALARS else _plain_scalar(value, path)
        self.scalars += 1
        self.check("event_values", self.scalars)
        if isinstance(plain, str):
            self.count_text(plain, path)
        elif type(plain) is int and not -_INT64 <= plain < _INT64:
            return self.digits(plain)
        return plain

    def digits(self, number: int) -> bytes:
        maximum = self.limits["digits"]
        # 10/3 is more than log2(10), so a number with more bits than this has more digits.
        if number.bit_length() > maximum * 10 // 3 + 3:
            self.check("digits", maximum + 1)
        text = decimal(number).encode()
        self.check("digits", len(text) - (number < 0))
        return text


def _items(source: Any) -> Iterator[tuple[object, Any]]:
    """Keys and values of a mapping or an array."""
    return iter(source.items()) if isinstance(source, Mapping) else enumerate(source)


def _dotted(path: tuple[object, ...]) -> str:
    return ".".join(str(key).encode(errors="replace").decode() for key in path)


def _plain_key(key: object, path: tuple[object, ...]) -> str:
    if not isinstance(key, str):
        raise EventError(f"an event's keys are strings, got {key!r}", path=_dotted(path))
    return str.__str__(key)


def _plain_scalar(value: Any, path: tuple[object, ...]) -> Any:
    """The value of a subclass or a NumPy scalar as an exact builtin."""
    for exact in (str, int, float):
        if isinstance(value, exact):
            return _exact(value, exact)
    return _numpy_value(value, path)


def _exact(value: Any, exact: type) -> Any:
    """The value of a subclass of str, int or float, whatever the subclass overrides."""
    if exact is str:
        return str.__str__(value)
    return int.__pos__(value) if exact is int else float.__pos__(value)


def _numpy_value(value: Any, path: tuple[object, ...]) -> Any:
    numpy = sys.modules.get("numpy")  # where it was never imported, nobody has its scalars
    if numpy is not None and isinstance(value, numpy.generic):
        if isinstance(value, numpy.bool_):
            return bool(value)
        if isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            return int(value)
        if isinstance(value, numpy.floating):
            return float(value)
    raise EventError(
        f"a value of type {type(value).__name__} cannot be matched "
        "(expected str, int, float, bool, None, a list or a mapping)",
        path=_dotted(path),
    )
