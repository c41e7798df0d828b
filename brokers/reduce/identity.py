"""Equal members share an output. Equal are filters whose canonical texts are."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from brokers.reduce.reducer import Change, Counters
from matchengine import Filter

__all__ = ["Identity"]

K = TypeVar("K", bound=Hashable)


class Identity(Generic[K]):
    """One output for each distinct filter. Every method takes constant time."""

    def __init__(self, numbers: Iterator[int], /) -> None:
        """See `Reducer`."""
        self._numbers = numbers
        self._outputs: dict[int, Filter] = {}
        self._keys: dict[int, dict[K, None]] = {}
        self._number_of: dict[K, int] = {}
        self._number_for: dict[Filter, int] = {}

    @property
    def counters(self) -> Counters:
        """Members that share an output with an earlier one count as covered."""
        return Counters(covered=len(self._number_of) - len(self._outputs))

    def add(self, key: K, filter: Filter, /) -> Change:
        """Add a member."""
        if key in self._number_of:
            raise ValueError(f"there is a member {key!r} already")
        number = self._number_for.get(filter)
        change = Change()
        if number is None:
            number = self._number_for[filter] = next(self._numbers)
            self._outputs[number] = filter
            self._keys[number] = {}
            change = Change(added=((number, filter),))
        self._keys[number][key] = None
        self._number_of[key] = number
        return change

    def remove(self, key: K, /) -> Change:
        """Remove a member."""
        number = self._number_of.pop(key)
        keys = self._keys[number]
        del keys[key]
        if keys:
            return Change()
        del self._keys[number], self._number_for[self._outputs.pop(number)]
        return Change(dropped=(number,))

    def output_of(self, key: K, /) -> int:
        """The output of the member's filter."""
        return self._number_of[key]

    def members_of(self, output: int, /) -> Collection[K]:
        """The members with the output's filter."""
        return self._keys[output].keys()

    def outputs(self) -> Mapping[int, Filter]:
        """All outputs by number."""
        return self._outputs
