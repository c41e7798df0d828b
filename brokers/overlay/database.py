"""What every broker has said of itself: a record each, passed on until all have it.

A record names its origin's links and adverts. Its origin alone makes it, and counts its versions,
so the later of two is known without asking; a broker that starts anew begins an incarnation, and
with it anew. Whoever learns a record passes it on over all other links; whoever knows it does not.

When a link comes up both ends say which versions they hold, and send what the other lacks. So
the databases of all brokers that reach each other become the same.

A link counts when both its ends name it. Records of brokers that cannot be reached stay for a
while, harmless, so that an old one that comes again is recognised.
"""

from __future__ import annotations

from brokers.messages import Record, Summary
from brokers.overlay.topology import Topology, topology_of

__all__ = ["Database"]


class Database:
    """The records of all brokers, one's own among them."""

    def __init__(self, name: str, incarnation: int) -> None:
        self.name = name
        self.records: dict[str, Record] = {name: Record(name, incarnation, 0, (), 0, ())}
        self._topology: Topology | None = None  # of the records as they are

    @property
    def own(self) -> Record:
        """What this broker says of itself."""
        return self.records[self.name]

    def say(
        self, *, neighbours: tuple[str, ...], generation: int, adverts: tuple[str, ...]
    ) -> Record:
        """Replace the own record by a later one, and return it."""
        own = self.own
        record = Record(
            self.name, own.incarnation, own.version + 1, neighbours, generation, adverts
        )
        self._put(record)
        return record

    def _put(self, record: Record) -> None:
        known = self.records.get(record.origin)
        if known is None or known.neighbours != record.neighbours:
            self._topology = None
        self.records[record.origin] = record

    def accept(self, record: Record) -> bool:
        """Store the record if it is news. Of oneself nothing is: see `Node`."""
        known = self.records.get(record.origin)
        if known is not None and record[1:3] <= known[1:3]:  # incarnation, version
            return False
        self._put(record)
        return True

    def summary(self) -> Summary:
        """Which versions are here."""
        return Summary(tuple(record[:3] for record in self.records.values()))

    def lacking(self, summary: Summary) -> list[Record]:
        """The records of which the summary has older versions, or none."""
        theirs = {
            origin: (incarnation, version) for origin, incarnation, version in summary.versions
        }
        return [
            record
            for record in self.records.values()
            if record[1:3] > theirs.get(record.origin, (-1, -1))
        ]

    def topology(self) -> Topology:
        """All brokers that can be reached from here, and the links that both their ends name."""
        if self._topology is None:
            self._topology = self._reach()
        return self._topology

    def _reach(self) -> Topology:
        records = self.records
        reached = {self.name: True}
        waiting = [self.name]
        links = set()
        while waiting:
            name = waiting.pop()
            for other in records[name].neighbours:
                if other in records and name in records[other].neighbours:
                    links.add((min(name, other), max(name, other)))
                    if other not in reached:
                        reached[other] = True
                        waiting.append(other)
        return topology_of(tuple(sorted(reached)), tuple(sorted(links)))

    def forget(self, topology: Topology, limit: int) -> None:
        """Keep at most `limit` records of brokers that are not in the topology, the latest ones."""
        absent = [name for name in self.records if name not in topology]
        for name in absent[: max(0, len(absent) - limit)]:
            del self.records[name]
