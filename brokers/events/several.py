"""At which paths does an event have several values? An advert promises that there are none at its.

    {"tags": ["a", "b"], "legs": [{"price": 1}, {"price": 2}], "a.b": 1, "a": {"b": 2}}

has several at `tags`, `legs.price` and `a.b`. What the values of a path are is docs/semantics.md,
section 1; equal values count as often as they are there. The engine tells that there are some, and
not how many, so the text is read again here, where there may be several at all: that takes an array
or, as in `a.b`, a dot in the path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = ["with_several"]


class _Place:
    """A path that is asked for, or the way to one."""

    __slots__ = ("below", "values")

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}  # by the next name between dots
        self.values = 0

    def find(self, key: str) -> _Place | None:
        """Where a key leads from here; a key with dots is several names."""
        place: _Place | None = self
        for name in key.split("."):
            if place is None:
                return None
            place = place.below.get(name)
        return place


def with_several(body: bytes, paths: Iterable[str]) -> list[str]:
    """Those of the paths at which an event, which the engine has read, has several values.

    Linear in the text and the paths, however long its keys are and deep its objects.
    """
    root, places = _Place(), {}
    for path in paths:
        place = root
        for name in path.split("."):
            place = place.below.setdefault(name, _Place())
        places[path] = place
    event = json.loads(body, parse_int=str)  # an integer may be too long for Python
    waiting = [(root, event)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            for key, member in value.items():
                below = place.find(key)
                if below is not None:
                    waiting.append((below, member))
        elif isinstance(value, list):
            waiting += [(place, member) for member in value]
        else:
            place.values += 1
    return [path for path, place in places.items() if place.values > 1]
