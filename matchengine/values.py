"""Events that are not made of plain dicts, lists and scalars, made plain.

The core walks exact builtin types only, because nothing of anybody else's runs while it does. An
event that holds anything else (a Mapping, a subclass of int, a NumPy scalar) is copied here first,
outside of any lock, by value. What the copy cannot express is not acceptable, and is named with
the path of keys that leads to it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from matchengine.errors import EventError, EventLimitExceeded

__all__ = ["plain_event"]

_SCALARS = (str, int, float, bool, type(None))


def plain_event(event: object, depth: int) -> dict[str, Any]:
    """Return a deep copy of `event` made of exact dict, list, str, int, float, bool and None.

    Arrays are lists and tuples (and subclasses of them); objects are Mappings. Never recurses.
    Raises `EventError` for any other type and for keys that are not strings, and
    `EventLimitExceeded` for nesting beyond `depth` (which a container that holds itself reaches).
    """
    if not isinstance(event, Mapping):
        raise EventError(f"an event is a mapping, got {type(event).__name__}")
    root: dict[str, Any] = {}
    # What is still to be copied: source, its copy, the path of keys to it, its depth.
    work: list[tuple[Any, Any, tuple[object, ...], int]] = [(event, root, (), 1)]
    while work:
        source, copy, path, level = work.pop()
        for key, value in _items(source, path):
            place = (*path, key)
            plain = _plain_value(value, place)
            if isinstance(plain, dict | list):
                if level == depth:
                    raise EventLimitExceeded(
                        "the event is nested too deeply", "event_depth", level + 1, depth
                    )
                work.append((value, plain, place, level + 1))
            if isinstance(copy, dict):
                copy[_plain_key(key, path)] = plain
            else:
                copy.append(plain)
    return root


def _items(source: Any, path: tuple[object, ...]) -> list[tuple[object, Any]]:
    """Keys and values of a mapping or an array, as they are now."""
    if isinstance(source, Mapping):
        return list(source.items())
    return list(enumerate(source))


def _dotted(path: tuple[object, ...]) -> str:
    return ".".join(map(str, path))


def _plain_key(key: object, path: tuple[object, ...]) -> str:
    if not isinstance(key, str):
        raise EventError(f"an event's keys are strings, got {key!r}", path=_dotted((*path, key)))
    return str.__str__(key)


def _plain_value(value: Any, path: tuple[object, ...]) -> Any:
    """The value as an exact builtin; an empty container for one whose items come later."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {}
    if isinstance(value, list | tuple):
        return []
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
