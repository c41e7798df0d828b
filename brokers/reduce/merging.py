"""Outputs are the members that no other covers, united where two are exactly one; see blocks.py.

In two steps: the forest of coverings says which members are its roots, and the blocks are made of
those. So a member that another covers, which is what most are, never comes near a merge.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from brokers.reduce.blocks import MOST_VALUES, Block, Blocks
from brokers.reduce.forest import Forest, Node, Shift
from brokers.reduce.reducer import Change, Counters
from matchengine import Filter

__all__ = ["Merging"]

K = TypeVar("K", bound=Hashable)


class Merging(Generic[K]):
    """An output for each block that is neither part of another nor covered by one."""

    def __init__(self, numbers: Iterator[int], /, *, most_values: int = MOST_VALUES) -> None:
        """See `Reducer`. Lists of values are united up to `most_values`."""
        self._numbers = numbers
        self._forest: Forest[K] = Forest()
        self._blocks: Blocks[Node[K]] = Blocks(most_values)
        self._block_of: dict[int, Block[Node[K]]] = {}  # by the number of the root
        self._outputs: dict[int, Filter] = {}
        self._output_blocks: dict[int, Block[Node[K]]] = {}
        self._number_of: dict[int, int] = {}  # by the number of the block
        self._merges_undone = 0

    @property
    def counters(self) -> Counters:
        """Members below one that is merged count as covered."""
        blocks = self._blocks
        covered = len(self._forest) - blocks.lone - blocks.merged
        return Counters(self._forest.uncoverings, self._merges_undone, covered, blocks.merged)

    def add(self, key: K, filter: Filter, /) -> Change:
        """Add a member."""
        return self._update(self._forest.add(key, filter))

    def remove(self, key: K, /) -> Change:
        """Remove a member."""
        return self._update(self._forest.remove(key))

    def output_of(self, key: K, /) -> int:
        """The output above the member, in as many steps as there are between them."""
        block = self._block_of[self._forest.root_of(key).number]
        while block.parent is not None:
            block = block.parent
        return self._number_of[block.number]

    def members_of(self, output: int, /) -> list[K]:
        """The members of which the output is made, and all those that they cover."""
        block = self._output_blocks[output]
        return [member for root in block.tags() for member in root.members()]

    def outputs(self) -> Mapping[int, Filter]:
        """All outputs by number."""
        return self._outputs

    def _update(self, shift: Shift[K]) -> Change:
        if not shift.added and not shift.dropped:
            return Change()
        dropped = [self._block_of.pop(root.number) for root in shift.dropped]
        self._merges_undone += sum(block.part is not None for block in dropped)
        blocks = self._blocks.update([(root.filter, root) for root in shift.added], dropped)
        for root, block in zip(shift.added, blocks, strict=True):
            self._block_of[root.number] = block
        return self._publish(self._blocks.take_touched())

    def _publish(self, touched: list[Block[Node[K]]]) -> Change:
        """Number the outputs. One that says what another said keeps the other's number."""
        before: dict[Filter, int] = {}
        for block in touched:
            number = self._number_of.pop(block.number, None)
            if number is not None:
                before[self._outputs[number]] = number
        added = []
        for block in touched:
            if block.number not in self._blocks.outputs:
                continue
            number = before.pop(block.filter, None)
            if number is None:
                number = next(self._numbers)
                self._outputs[number] = block.filter
                added.append((number, block.filter))
            self._output_blocks[number] = block
            self._number_of[block.number] = number
        for number in before.values():
            del self._outputs[number], self._output_blocks[number]
        return Change(tuple(added), tuple(before.values()))
