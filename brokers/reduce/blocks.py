"""Filters that can be one are one: the forest of merges.

What comes in are filters none of which covers another (the roots of forest.py). What goes out are
filters none of which covers another, and no two of which can be united exactly:

    s IN ('A', 'B', 'C')  a whole, an output             price < 5   lone, an output
    ├── s = 'A'           a part
    ├── s = 'B'           a part
    ├── s = 'C'           a part
    └── s IN ('A', 'B') AND price < 3   covered by the whole, and by no part

A *block* is one that came in, or a whole that is made here of at least two parts, which may be
wholes themselves: on other paths, for on one path they would be one whole. It is an output, or a
part of a whole, or covered by another block.

  One comes   If a whole covers it, it goes below. Or it is united with a block of one of its groups
              (group.py), the result with another, until there is no more to unite; a whole that has
              grown takes what it covers now.
  One goes    The whole of which it was a part is made anew of the parts that are left (a list of
              values loses some, spans may fall apart), and leaves in turn the whole of which *it*
              was a part, and so on upwards. What the wholes covered, and what remains of them, then
              comes as if it were new.

**A list of values has `MOST_VALUES` at most.** Each change of a part sends its whole again: ten
thousand members `symbol = '...'` in one list would send a hundred kilobytes whenever one of them
comes or goes, and half a gigabyte while they come. With 256 values it is some 3 KB, a frame like
any other; and the ten thousand have become 40 outputs, of which longer lists could save no more
than 39. (Values may be long: `MOST_BYTES` of conditions.py bounds the whole.) Spans need no
bound: a whole of any number of spans is one span.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from operator import itemgetter
from typing import Generic, TypeVar

from brokers.index import Index
from brokers.reduce.conditions import (
    Condition,
    condition_of,
    conjunction,
    listed,
    operands_of,
    unite,
)
from brokers.reduce.group import Group, places, span_rank
from matchengine import Filter

__all__ = ["MOST_VALUES", "Block", "Blocks"]

T = TypeVar("T")

MOST_VALUES = 256
#: So many at once are worth a look at what they have in common.
TOGETHER = 3


class Block(Generic[T]):
    """A filter that came in, with what it stands for; or a whole."""

    __slots__ = (
        "below", "condition", "filed", "filter", "gone", "number", "operands", "parent", "part",
        "parts", "place", "tag",
    )  # fmt: skip

    def __init__(self, number: int, filter: Filter, tag: T | None = None) -> None:
        """A block that is nowhere yet."""
        self.number = number  #: counts the blocks in the order in which they were made
        self.filter = filter
        self.tag = tag  #: of one that came in
        self.gone = False
        self.parent: Block[T] | None = None
        self.part: Condition | None = None  #: what it brings into the whole that is its parent
        self.below: dict[int, Block[T]] = {}  #: what it covers
        self.filed: list[tuple[int, bytes]] = []  #: of an output: its groups
        # Of a whole:
        self.parts: dict[int, Block[T]] = {}
        self.operands: list[bytes] = []  #: of its AND,
        self.place = 0  #: and which of them is made of the parts',
        self.condition: Condition | None = None  #: and what it says

    def tags(self) -> Iterator[T]:
        """Of all that it stands for."""
        waiting = [self]
        while waiting:
            block = waiting.pop()
            if block.tag is not None:
                yield block.tag
            waiting += [*block.parts.values(), *block.below.values()]

    def said_at(self, place: int, operands: list[bytes]) -> Condition:
        """The condition that one of its conjuncts is."""
        if self.condition is not None and place == self.place:
            return self.condition
        condition = condition_of(operands[place])
        assert condition is not None, "groups hold no others"
        return condition


class Blocks(Generic[T]):
    """All blocks. What changes between two calls of `take_touched` is told by it."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        """Without any."""
        self.most_values = most_values
        self.outputs: dict[int, Block[T]] = {}
        self.merged = 0  #: filters that came in and are parts
        self._touched: dict[int, Block[T]] = {}
        self._numbers = count()
        self._index: Index[int] = Index()  # of the outputs
        self._wholes = 0  # among the outputs
        self._groups: dict[bytes, int | Group] = {}

    @property
    def lone(self) -> int:
        """Outputs that have come in as they are."""
        return len(self.outputs) - self._wholes

    def take_touched(self) -> list[Block[T]]:
        """Blocks that have become outputs or ceased to be since this was last asked."""
        touched, self._touched = self._touched, {}
        return list(touched.values())

    def update(
        self, added: Iterable[tuple[Filter, T]], dropped: Iterable[Block[T]]
    ) -> list[Block[T]]:
        """Let filters come and blocks go, which have come in; return the blocks of the former."""
        loose: deque[Block[T]] = deque()
        broken: dict[int, Block[T]] = {}
        for block in dropped:
            block.gone = True
            self._detach(block, broken)
            loose.extend(_release(block))
        for whole in broken.values():
            loose.extend(_release(whole))
            loose.extend(self._made_anew(whole))
        fresh = [Block(next(self._numbers), filter, tag) for filter, tag in added]
        loose.extend(fresh)
        self._settle(self._gather(loose) if len(loose) > TOGETHER else loose)
        return fresh

    # ---- coming ---------------------------------------------------------------------------------

    def _settle(self, loose: deque[Block[T]]) -> None:
        """Find a place for blocks that have none."""
        while loose:
            block = loose.popleft()
            if block.gone:
                continue
            above = self._index.covering(block.filter) if self._wholes else []
            if above:  # a whole: of the others, none covers another
                _put_below(block, self.outputs[min(above)])
                continue
            while True:
                if block.parts:
                    for number in sorted(self._index.covered_by(block.filter)):
                        covered = self.outputs[number]
                        self._retire(covered)
                        _put_below(covered, block)
                operands = block.operands or operands_of(block.filter)
                filed = places(operands)
                joined = self._join(block, operands, filed)
                if joined is None:
                    break
                block = joined
            self._enter(block, operands, filed)

    def _enter(
        self, block: Block[T], operands: list[bytes], filed: list[tuple[int, bytes]]
    ) -> None:
        """Make it an output."""
        self._index.add(block.filter, id=block.number)
        self.outputs[block.number] = self._touched[block.number] = block
        self._wholes += bool(block.parts)
        block.filed = filed
        for place, digest in filed:
            group = self._groups.get(digest)
            if group is None:
                self._groups[digest] = block.number
                continue
            if isinstance(group, int):
                other = self.outputs[group]
                group = self._groups[digest] = Group()
                theirs = other.operands or operands_of(other.filter)
                at = next(at for at, name in other.filed if name == digest)
                group.add(other.number, at, other.said_at(at, theirs))
            group.add(block.number, place, block.said_at(place, operands))

    def _retire(self, block: Block[T]) -> None:
        """Make it an output no more."""
        del self.outputs[block.number]
        self._touched[block.number] = block
        self._index.remove(block.number)
        self._wholes -= bool(block.parts)
        operands: list[bytes] = []
        for place, digest in block.filed:
            group = self._groups[digest]
            if isinstance(group, int):
                del self._groups[digest]
                continue
            operands = operands or block.operands or operands_of(block.filter)
            group.remove(block.number, block.said_at(place, operands))
            if len(group.places) == 1:
                (self._groups[digest],) = group.places
        block.filed = []

    def _join(
        self, block: Block[T], operands: list[bytes], filed: list[tuple[int, bytes]]
    ) -> Block[T] | None:
        """Unite it with an output, if it can be, and return the whole; which is no output then."""
        for place, digest in filed:
            group = self._groups.get(digest)
            if group is None:
                continue
            ours = block.said_at(place, operands)
            for number in [group] if isinstance(group, int) else group.candidates(ours):
                other = self.outputs[number]
                at = next(at for at, name in other.filed if name == digest)
                theirs_operands = other.operands or operands_of(other.filter)
                theirs = other.said_at(at, theirs_operands)
                united = unite(theirs, ours, self.most_values)
                operand = None if united is None else united.operand()
                if united is None or operand is None:
                    continue
                operands_then = [*theirs_operands[:at], operand, *theirs_operands[at + 1 :]]
                filter = conjunction(operands_then)
                if filter is None:
                    continue
                self._retire(other)
                whole = self._whole_of((other, at, theirs), (block, place, ours))
                whole.filter, whole.operands = filter, operands_then
                whole.place, whole.condition = at, united
                return whole
        return None

    def _whole_of(self, *pieces: tuple[Block[T], int, Condition]) -> Block[T]:
        """A block with these as its parts: the first that is a whole of the same path, or new."""
        wholes = [block for block, place, _ in pieces if block.parts and block.place == place]
        whole = wholes[0] if wholes else Block[T](next(self._numbers), pieces[0][0].filter)
        for block, _, condition in pieces:
            if block is whole:
                continue
            if block not in wholes:
                self._put_into(block, whole, condition)
                continue
            block.gone = True
            for part in list(block.parts.values()):
                part.parent = whole
                whole.parts[part.number] = part
            for covered in _release(block):
                _put_below(covered, whole)
        return whole

    def _put_into(self, block: Block[T], whole: Block[T], condition: Condition) -> None:
        block.parent, block.part = whole, condition
        whole.parts[block.number] = block
        self.merged += block.tag is not None

    # ---- going ----------------------------------------------------------------------------------

    def _detach(self, block: Block[T], broken: dict[int, Block[T]]) -> None:
        """Take a block from where it is, and the wholes that are broken by this from theirs."""
        while block.number not in self.outputs:
            above, part = block.parent, block.part
            block.parent = block.part = None
            if above is None:  # a whole that was broken before
                return
            if part is None:
                del above.below[block.number]
                return
            del above.parts[block.number]
            self.merged -= block.tag is not None
            above.gone = True
            broken[above.number] = block = above
        self._retire(block)

    def _made_anew(self, whole: Block[T]) -> list[Block[T]]:
        """What is left of a whole without some of its parts: wholes, and single parts."""
        made = []
        for run, condition in _runs(list(whole.parts.values())):
            fresh = None
            if len(run) > 1:
                fresh = self._made_of(run, condition, whole.operands, whole.place)
            if fresh is not None:
                made.append(fresh)
                continue
            for part in run:
                part.parent = part.part = None
                self.merged -= part.tag is not None
            made += run
        return made

    def _made_of(
        self, parts: list[Block[T]], condition: Condition, operands: list[bytes], place: int
    ) -> Block[T] | None:
        """A whole of these parts, whose conditions are known; None where limits forbid it."""
        operand = condition.operand()
        if operand is None:
            return None
        operands = [*operands[:place], operand, *operands[place + 1 :]]
        filter = conjunction(operands)
        if filter is None:
            return None
        fresh = Block[T](next(self._numbers), filter)
        fresh.operands, fresh.place, fresh.condition = operands, place, condition
        for part in parts:
            part.parent = fresh
            fresh.parts[part.number] = part
        return fresh

    # ---- many at once ---------------------------------------------------------------------------

    def _gather(self, loose: deque[Block[T]]) -> deque[Block[T]]:
        """Make lists of what becomes loose together, which is quicker than to let them grow."""
        together: dict[bytes, list[tuple[Block[T], int, list[bytes]]]] = {}
        for block in loose:
            if not block.parts and not block.gone:
                operands = operands_of(block.filter)
                for place, digest in places(operands):
                    together.setdefault(digest, []).append((block, place, operands))
        gathered: list[Block[T]] = []
        for entries in sorted(together.values(), key=len, reverse=True):
            free = [entry for entry in entries if entry[0].parent is None]
            said = [(block, block.said_at(place, those)) for block, place, those in free]
            lists = [(block, condition) for block, condition in said if condition.span is None]
            for chunk in _chunks(lists, self.most_values):
                values = [value for _, condition in chunk for value in condition.values]
                _, place, operands = next(e for e in free if e[0] is chunk[0][0])
                united = listed(chunk[0][1].path, values)
                whole = self._made_of([block for block, _ in chunk], united, operands, place)
                if whole is not None:
                    gathered.append(whole)
                    for block, condition in chunk:
                        block.part = condition
                        self.merged += block.tag is not None
        return deque([*gathered, *(block for block in loose if block.parent is None)])


def _chunks(
    lists: list[tuple[Block[T], Condition]], most: int
) -> Iterator[list[tuple[Block[T], Condition]]]:
    """Two lists or more at a time, with `most` values at most."""
    chunk: list[tuple[Block[T], Condition]] = []
    size = 0
    for block, condition in lists:
        if chunk and size + len(condition.values) > most:
            if len(chunk) > 1:
                yield chunk
            chunk, size = [], 0
        chunk.append((block, condition))
        size += len(condition.values)
    if len(chunk) > 1:
        yield chunk


def _runs(parts: list[Block[T]]) -> list[tuple[list[Block[T]], Condition]]:
    """The parts that still make one condition together, and this condition."""
    said = [(part, part.part) for part in parts if part.part is not None]
    if not said:
        return []
    runs: list[tuple[list[Block[T]], Condition]] = []
    if all(condition.span is None for _, condition in said):
        values = [value for _, condition in said for value in condition.values]
        return [(parts, listed(said[0][1].path, values))]
    runs = [([part], condition) for part, condition in said if condition.span is None]
    spans = [(span_rank(c.span, part.number), part, c) for part, c in said if c.span is not None]
    last: tuple[list[Block[T]], Condition] | None = None
    for _, part, condition in sorted(spans, key=itemgetter(0)):
        united = None if last is None else unite(last[1], condition, 0)
        if last is None or united is None:
            if last is not None:
                runs.append(last)
            last = [part], condition
        else:
            last[0].append(part)
            last = last[0], united
    return runs if last is None else [*runs, last]


def _release(block: Block[T]) -> list[Block[T]]:
    """What it covered, which is free now."""
    below = list(block.below.values())
    block.below = {}
    for covered in below:
        covered.parent = None
    return below


def _put_below(block: Block[T], above: Block[T]) -> None:
    block.parent, block.part = above, None
    above.below[block.number] = block
