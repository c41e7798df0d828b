"""Outputs are the members that no other covers; see forest.py."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from brokers.reduce.forest import Forest, Node, Shift
from brokers.reduce.reducer import Change, Counters
from matchengine import Filter

__all__ = ["Covering"]

K = TypeVar("K", bound=Hashable)


class Covering(Generic[K]):
    """An output for each root of the forest. Microseconds for most changes; see forest.py."""

    def __init__(self, numbers: Iterator[int], /) -> None:
        """See `Reducer`."""
        self._numbers = numbers
        self._forest: Forest[K] = Forest()
        self._outputs: dict[int, Filter] = {}
        self._roots: dict[int, Node[K]] = {}  # by the number of the output,
        self._number_of: dict[int, int] = {}  # which this has by the number of the root

    @property
    def counters(self) -> Counters:
        """Members of equal filters count as covered, but for one."""
        return Counters(self._forest.uncoverings, covered=len(self._forest) - len(self._outputs))

    def add(self, key: K, filter: Filter, /) -> Change:
        """Add a member."""
        return self._publish(self._forest.add(key, filter))

    def remove(self, key: K, /) -> Change:
        """Remove a member."""
        return self._publish(self._forest.remove(key))

    def output_of(self, key: K, /) -> int:
        """The output of the root above the member, in as many steps as there are between them."""
        return self._number_of[self._forest.root_of(key).number]

    def members_of(self, output: int, /) -> list[K]:
        """The members of the root, and all below it."""
        return list(self._roots[output].members())

    def outputs(self) -> Mapping[int, Filter]:
        """All outputs by number."""
        return self._outputs

    def _publish(self, shift: Shift[K]) -> Change:
        added, dropped = [], []
        for root in shift.added:
            number = next(self._numbers)
            self._number_of[root.number] = number
            self._roots[number] = root
            self._outputs[number] = root.filter
            added.append((number, root.filter))
        for root in shift.dropped:
            number = self._number_of.pop(root.number)
            del self._roots[number], self._outputs[number]
            dropped.append(number)
        return Change(tuple(added), tuple(dropped))
