"""Entries: what somebody behind a link, or here, wants to know; held, passed on, acknowledged.

      holders                entry                   exported over
    neighbour A ──┐                             ┌──► neighbour C   (acknowledged by C?)
    our clients ──┴──► key, filter, targets ────┴──► neighbour D   (by D?)
                                │
                        all acknowledged: settled, and those who wait are told

An entry goes where its targets are (`targets.py`), down the tree of its origin. (While several
trees are in use two brokers may pass it to each other; that ends with the older tree.) It is
settled when all that it is exported to have acknowledged it, and is then acknowledged to the
neighbours that hold it: so the ack of an entry comes back to its origin when it is in place
everywhere (Dijkstra and Scholten 1980, diffusing computations). A link that is down is not waited
for.

With a reducer for links (the Siena presets), what an export says to its neighbour has keys of this
broker, and stands for one or more entries here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from brokers.errors import ProtocolError
from brokers.filters import passed_on
from brokers.interest.tables import Export, Import
from brokers.interest.targets import Targets
from brokers.messages import Ack, Change, Digest, Key, Peer, Resync, Table
from brokers.overlay.routes import Branch, Routes
from brokers.parts import parts
from brokers.reduce import Reducer
from matchengine import Filter, Matcher

__all__ = ["Entries", "Entry"]

#: Stands for this broker among the holders of an entry.
HERE = ""


class Entry:
    """What somebody wants to know, under the key by which it is known here."""

    __slots__ = ("exported", "filter", "holders", "key", "since", "targets", "text", "waiting")

    def __init__(self, key: Key, filter: Filter, text: str, since: float) -> None:
        self.key = key
        self.filter = filter
        self.text = text
        self.since = since
        self.targets = 0
        self.holders: dict[str, None] = {}
        self.exported: tuple[str, ...] = ()
        self.waiting: dict[str, None] = {}  # holders that are owed an ack


class Entries:
    """All entries of a broker, and the tables of all its links."""

    def __init__(
        self,
        name: str,
        incarnation: int,
        routes: Routes,
        targets: Targets,
        matcher: Matcher[object],
        new_reducer: Callable[[], Reducer[Key]] | None,
    ) -> None:
        self._name = name
        self._incarnation = incarnation
        self._routes = routes
        self._targets = targets
        self._matcher = matcher
        self._new_reducer = new_reducer
        self._entries: dict[Key, Entry] = {}
        self._by_origin: dict[str, dict[Key, Entry]] = {}
        self._rerouted: dict[str, tuple[Branch, ...]] = {}  # by which branches they were routed
        self._unsettled: dict[Key, Entry] = {}
        self._acks: dict[str, list[Key]] = {}
        self._changed: dict[str, Export] = {}  # may have something to say
        self.exports: dict[str, Export] = {}
        self.imports: dict[str, Import] = {}
        #: Own entries that have settled since somebody looked.
        self.settled_here: list[Key] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """The entry of this key."""
        return self._entries.get(key)

    # ---- holding --------------------------------------------------------------------------------

    def hold(self, holder: str, key: Key, filter: Filter, text: str, now: float) -> None:
        """A neighbour, or HERE, holds this from now on, and waits until it has settled."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(key, filter, text, now)
            entry.targets = self._targets(filter)
            self._by_origin.setdefault(key.origin, {})[key] = entry
        entry.waiting[holder] = None
        self._unsettled[key] = entry
        if holder not in entry.holders:
            entry.holders[holder] = None
            self._route(entry)
        self._settle(entry)

    def release(self, holder: str, key: Key) -> None:
        """A neighbour, or HERE, does not hold this any more."""
        entry = self._entries.get(key)
        if entry is None or holder not in entry.holders:
            return
        del entry.holders[holder]
        entry.waiting.pop(holder, None)
        self._route(entry)
        if not entry.holders:
            del self._entries[key]
            self._unsettled.pop(key, None)
            of_origin = self._by_origin[key.origin]
            del of_origin[key]
            if not of_origin:
                del self._by_origin[key.origin]
                self._rerouted.pop(key.origin, None)

    # ---- passing on -----------------------------------------------------------------------------

    def _route(self, entry: Entry) -> None:
        """Export the entry where its targets are, and nowhere else."""
        wanted: tuple[str, ...] = ()
        if entry.holders:
            wanted = tuple(
                branch.neighbour
                for branch in self._routes.branches(entry.key.origin)
                if branch.below & entry.targets
            )
        if wanted == entry.exported:
            return
        for neighbour in wanted:
            if neighbour not in entry.exported:
                self._changing(neighbour).want(entry.key, entry.filter, entry.text)
        for neighbour in entry.exported:
            if neighbour not in wanted:
                self._changing(neighbour).unwant(entry.key)
        entry.exported = wanted

    def _export(self, neighbour: str) -> Export:
        export = self.exports.get(neighbour)
        if export is None:
            reducer = self._new_reducer() if self._new_reducer else None
            export = self.exports[neighbour] = Export(reducer, self._name, self._incarnation)
        return export

    def _changing(self, neighbour: str) -> Export:
        export = self._changed[neighbour] = self._export(neighbour)
        return export

    def reroute(self) -> None:
        """Trees have changed: export by those that there are now."""
        for origin, entries in self._by_origin.items():
            branches = self._routes.branches(origin)
            if self._rerouted.get(origin) != branches:
                self._rerouted[origin] = branches
                for entry in entries.values():
                    self._route(entry)
        self.settle_all()

    def retarget(self, targets: Callable[[Entry], int]) -> None:
        """The targets of entries may have changed: to these."""
        for entry in self._entries.values():
            mask = targets(entry)
            if mask != entry.targets:
                entry.targets = mask
                self._route(entry)
        self.settle_all()

    # ---- settling -------------------------------------------------------------------------------

    def _settle(self, entry: Entry) -> None:
        """Tell those who wait if the entry is in place wherever it had to go."""
        children = self._routes.children(entry.key.origin)
        for neighbour in entry.exported:
            export = self.exports[neighbour]
            # What is exported for the sake of a superseded tree is not waited for: several trees
            # together may have circles.
            if export.up and neighbour in children and not export.settled(entry.key):
                return
        for holder in entry.waiting:
            if holder == HERE:
                self.settled_here.append(entry.key)
            else:
                self._acks.setdefault(holder, []).append(entry.key)
        entry.waiting.clear()
        self._unsettled.pop(entry.key, None)

    def wait(self, key: Key) -> None:
        """Tell us, in `settled_here`, when our entry is in place, though it may have been told."""
        entry = self._entries[key]
        entry.waiting[HERE] = None
        self._unsettled[key] = entry
        self._settle(entry)

    def settle_all(self) -> None:
        """Something that was waited for may be gone."""
        for entry in list(self._unsettled.values()):
            self._settle(entry)

    # ---- links ----------------------------------------------------------------------------------

    def link_up(self, neighbour: str) -> list[Peer]:
        """What to say first on a link."""
        self.imports.setdefault(neighbour, Import())
        self._acks.pop(neighbour, None)
        return self._changing(neighbour).open()

    def digest(self, neighbour: str) -> Digest:
        """What the neighbour should hold."""
        return self._export(neighbour).digest()

    def link_down(self, neighbour: str) -> None:
        """Both tables are kept for when it comes back; `reroute` says who is waited for now."""
        self._export(neighbour).close()
        self._acks.pop(neighbour, None)

    def forget(self, neighbour: str) -> None:
        """The link has been down for so long that its tables mean nothing any more."""
        table = self.imports.pop(neighbour, None)
        for key in list(table.entries) if table else ():
            self._give_up(neighbour, key)
        export = self.exports.get(neighbour)
        if export is not None and not export.entries:
            del self.exports[neighbour]

    def receive(
        self, neighbour: str, message: Resync | Table | Change | Ack, now: float
    ) -> Iterable[Peer]:
        """Do what a neighbour says of its table or ours; return what to answer at once.

        Raises ProtocolError.
        """
        table = self.imports[neighbour]
        match message:
            case Change():
                for key, text in message.added:
                    self._take(neighbour, table, key, text, now)
                for key in message.dropped:
                    if table.take(key):
                        self._give_up(neighbour, key)
            case Ack():
                for key in self._export(neighbour).acknowledge(message):
                    if (entry := self._unsettled.get(key)) is not None:
                        self._settle(entry)
            case Resync():
                return self._export(neighbour).whole()
            case Table():
                self._replace(neighbour, table, message, now)
        return ()

    def _replace(self, neighbour: str, table: Import, part: Table, now: float) -> None:
        whole = table.receive(part)
        if whole is None:
            return
        for key, text in whole.items():
            self._take(neighbour, table, key, text, now)
        for key in [key for key in table.entries if key not in whole]:
            table.take(key)
            self._give_up(neighbour, key)

    def _take(self, neighbour: str, table: Import, key: Key, text: str, now: float) -> None:
        """An imported entry is put in place; said again, it is acknowledged again."""
        known = table.entries.get(key)
        if known is None:
            filter = passed_on(text, neighbour)
            self._matcher.add(filter, id=(neighbour, key), to=self._routes.number(key.origin))
            table.put(key, text)
            self.hold(neighbour, key, filter, text, now)
        elif known != text:
            raise ProtocolError(
                f"{neighbour} changed the filter of {key}, which stands for one only"
            )
        else:
            entry = self._entries[key]
            self.hold(neighbour, key, entry.filter, text, now)

    def _give_up(self, neighbour: str, key: Key) -> None:
        self._matcher.remove((neighbour, key))
        self.release(neighbour, key)

    def flush(self) -> Iterator[tuple[str, Peer]]:
        """All that has to be said about tables, in order; nothing is said twice."""
        if self._changed:
            changed, self._changed = self._changed, {}
            for neighbour, export in changed.items():
                for change in export.changes():
                    yield neighbour, change
        if self._acks:
            acks, self._acks = self._acks, {}
            for neighbour, keys in acks.items():
                for part in parts(keys, [0] * len(keys)):
                    yield neighbour, Ack(part)
