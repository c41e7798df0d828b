"""No reduction: every member is an output. The measure of the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from brokers.reduce.reducer import Change, Counters
from matchengine import Filter

__all__ = ["Unreduced"]

K = TypeVar("K", bound=Hashable)


class Unreduced(Generic[K]):
    """Each member is its own output. Every method takes constant time."""

    def __init__(self, numbers: Iterator[int], /) -> None:
        """See `Reducer`."""
        self._numbers = numbers
        self._outputs: dict[int, Filter] = {}
        self._keys: dict[int, K] = {}
        self._number_of: dict[K, int] = {}

    @property
    def counters(self) -> Counters:
        """Nothing is ever covered or merged."""
        return Counters()

    def add(self, key: K, filter: Filter, /) -> Change:
        """Add a member."""
        if key in self._number_of:
            raise ValueError(f"there is a member {key!r} already")
        number = next(self._numbers)
        self._number_of[key] = number
        self._keys[number] = key
        self._outputs[number] = filter
        return Change(added=((number, filter),))

    def remove(self, key: K, /) -> Change:
        """Remove a member."""
        number = self._number_of.pop(key)
        del self._keys[number], self._outputs[number]
        return Change(dropped=(number,))

    def output_of(self, key: K, /) -> int:
        """The member's own output."""
        return self._number_of[key]

    def members_of(self, output: int, /) -> tuple[K, ...]:
        """The one member."""
        return (self._keys[output],)

    def outputs(self) -> Mapping[int, Filter]:
        """All outputs by number."""
        return self._outputs
