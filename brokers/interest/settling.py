"""When does every broker know what is advertised here, and has answered with what it wants?

    S ◄──Settled── B ◄──Settled── C        A broker tells its parent in the tree of S that it knows
                   ▲                       generation n of S's adverts, once all its children have
                   └──Settled── D          said so. What it wants of S went the same way before.

Links keep order, and the way up the tree of S is the way that interest in S takes. So when all
children of S have said n, whatever anybody wanted when he learnt of generation n is in place on the
whole way, and S may take events under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from brokers.messages import Record, Settled
from brokers.overlay.database import Database
from brokers.overlay.routes import Routes

__all__ = ["Settling"]


class Settling:
    """What neighbours have said of every origin, and what was said to parents."""

    def __init__(self, database: Database, routes: Routes) -> None:
        self._database = database
        self._routes = routes
        self._reports: dict[str, dict[str, tuple[int, int]]] = {}  # neighbour -> origin -> report
        self._told: dict[str, tuple[str, int, int]] = {}  # origin -> parent and what it was told
        #: The generation of our own adverts that is settled. It never falls.
        self.own = 0

    def link_up(self, neighbour: str) -> None:
        """What either side said on an earlier connection does not count."""
        self._reports[neighbour] = {}
        for origin in [o for o, told in self._told.items() if told[0] == neighbour]:
            del self._told[origin]

    def link_down(self, neighbour: str) -> None:
        """Nothing comes from there any more."""
        self._reports.pop(neighbour, None)

    def receive(self, neighbour: str, report: Settled) -> None:
        """A neighbour has said that all is settled beyond it."""
        self._reports[neighbour][report.origin] = (report.incarnation, report.generation)

    def _generation(self, record: Record) -> int:
        """Up to which generation is the origin settled here and below?"""
        generation = record.generation
        for child in self._routes.children(record.origin):
            incarnation, reported = self._reports.get(child, {}).get(record.origin, (0, 0))
            if incarnation != record.incarnation:
                return 0
            generation = min(generation, reported)
        return generation

    def advance(self, origins: Iterable[str], *, joined: bool) -> Iterator[tuple[str, Settled]]:
        """What to say to parents, after whatever was to be said to them before.

        Nothing of ours is settled before we have joined: those who are to answer are not known yet.
        """
        records = self._database.records
        for origin in origins:
            record = records.get(origin)
            if record is None or not record.generation:
                continue
            generation = self._generation(record)
            if origin == self._database.name:
                if joined:
                    self.own = max(self.own, generation)
                continue
            parent = self._routes.parent(origin)
            told = self._told.get(origin)
            if parent is None or not generation or parent not in self._reports:
                continue
            if told is None or told[0] != parent or told[1:] < (record.incarnation, generation):
                self._told[origin] = (parent, record.incarnation, generation)
                yield parent, Settled(origin, record.incarnation, generation)
