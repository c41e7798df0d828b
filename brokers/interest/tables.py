"""The two tables of a link: what this side exports, and what it has imported from the other.

    exporter                                           importer
    desired entries ──reduce──► Export ──Change──────► Import
                                   ▲ ──Digest────────►   │
                                   └──────Ack / Resync───┘

An Import is the neighbour's Export, a little later. While a link is up, changes keep them in
step. When it has come up again, the exporter says how many entries there should be and a sum of
their hashes; the importer, which has kept its copy, asks for the whole table when it holds another.
Entries are acknowledged once they are in place wherever they had to go on to.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from brokers.messages import Ack, Change, Digest, Key, Peer, Table
from brokers.parts import parts
from brokers.reduce import Change as Reduced
from brokers.reduce import Reducer
from matchengine import Filter

__all__ = ["Export", "Import"]

#: About the bytes of a key.
_KEY = 32

_MASK = (1 << 64) - 1


def _hash(key: Key, text: str) -> int:
    data = f"{key.origin}\0{key.incarnation}\0{key.number}\0{text}".encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest())


class _Contents:
    """Entries, and what a digest says of them."""

    def __init__(self) -> None:
        self.entries: dict[Key, str] = {}
        self._value = 0

    def digest(self) -> Digest:
        return Digest(len(self.entries), self._value)

    def put(self, key: Key, text: str) -> None:
        self.take(key)
        self.entries[key] = text
        self._value = (self._value + _hash(key, text)) & _MASK

    def take(self, key: Key) -> bool:
        text = self.entries.pop(key, None)
        if text is None:
            return False
        self._value = (self._value - _hash(key, text)) & _MASK
        return True


class Import(_Contents):
    """What a neighbour wants us to know."""

    def __init__(self) -> None:
        super().__init__()
        self._coming: dict[Key, str] = {}

    def receive(self, table: Table) -> dict[Key, str] | None:
        """Take a part of a whole table; return the table once it is complete."""
        if table.first:
            self._coming = {}
        self._coming.update(table.entries)
        if not table.last:
            return None
        whole, self._coming = self._coming, {}
        return whole


class Export(_Contents):
    """What we want a neighbour to know: entries that are wanted there, reduced or as they are."""

    def __init__(self, reducer: Reducer[Key] | None, origin: str, incarnation: int) -> None:
        super().__init__()
        self.reducer = reducer
        self._origin = origin
        self._incarnation = incarnation
        self._unacked: dict[Key, None] = {}
        self._added: dict[Key, str] = {}
        self._dropped: dict[Key, None] = {}
        self.up = False

    # ---- what is wanted there -----------------------------------------------------------------

    def want(self, key: Key, filter: Filter, text: str) -> None:
        """From now on an entry is wanted there."""
        if self.reducer is None:
            self._add(key, text)
        else:
            self._apply(self.reducer.add(key, filter))

    def unwant(self, key: Key) -> None:
        """From now on an entry is not wanted there."""
        if self.reducer is None:
            self._drop(key)
        else:
            self._apply(self.reducer.remove(key))

    def _apply(self, change: Reduced) -> None:
        for number, filter in change.added:
            self._add(self._own(number), str(filter))
        for number in change.dropped:
            self._drop(self._own(number))

    def _own(self, number: int) -> Key:
        return Key(self._origin, self._incarnation, number)

    def _add(self, key: Key, text: str) -> None:
        self.put(key, text)
        self._dropped.pop(key, None)
        self._unacked[key] = None
        if self.up:
            self._added[key] = text

    def _drop(self, key: Key) -> None:
        self.take(key)
        self._added.pop(key, None)
        self._unacked.pop(key, None)
        if self.up:
            self._dropped[key] = None

    def standing_for(self, key: Key) -> Key:
        """The exported entry that stands for a wanted one."""
        return key if self.reducer is None else self._own(self.reducer.output_of(key))

    def settled(self, key: Key) -> bool:
        """Has the neighbour acknowledged what stands for a wanted entry?"""
        return self.standing_for(key) not in self._unacked

    # ---- on the link --------------------------------------------------------------------------

    def acknowledge(self, ack: Ack) -> list[Key]:
        """Note what is in place; return the wanted entries that this concerns."""
        concerned: list[Key] = []
        for key in ack.keys:
            if key in self._unacked:
                del self._unacked[key]
                concerned += [key] if self.reducer is None else self.reducer.members_of(key.number)
        return concerned

    def open(self) -> list[Peer]:
        """The link is up: what to say first."""
        self.up = True
        self._dropped.clear()
        self._added = {key: self.entries[key] for key in self._unacked}
        return [self.digest()]

    def close(self) -> None:
        """The link is down. What was said last may not have arrived."""
        self.up = False
        self._added.clear()
        self._dropped.clear()

    def whole(self) -> Iterator[Table]:
        """The whole table, in parts; all of it is to be acknowledged."""
        self._unacked = dict.fromkeys(self.entries)
        self._added.clear()
        self._dropped.clear()
        pieces = list(_pieces(self.entries))
        for i, piece in enumerate(pieces):
            yield Table(piece, i == 0, i == len(pieces) - 1)

    def changes(self) -> Iterator[Change]:
        """What has changed since the last call. All is added before anything is dropped."""
        if not self._added and not self._dropped:
            return
        if self._added:
            for piece in _pieces(self._added):
                yield Change(piece, ())
        if self._dropped:
            keys = list(self._dropped)
            for gone in parts(keys, [_KEY] * len(keys)):
                yield Change((), gone)
        self._added.clear()
        self._dropped.clear()


def _pieces(entries: dict[Key, str]) -> Iterator[tuple[tuple[Key, str], ...]]:
    """Entries in portions that fit a frame; an empty one if there are none."""
    return parts(list(entries.items()), [_KEY + len(text) for text in entries.values()])
