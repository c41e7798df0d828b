"""Which brokers may publish what a filter wants?

An advert promises one value at most at each of its paths (`Publisher.refusal` sees to it); other
paths may hold arrays. So `symbol = 'ACME'` keeps `symbol = 'OTHER'` away, and not `tag = 'new'`.
A reduced set of adverts (`reduce`) promises no more: what covers a filter does so by what both say
of the same paths, and filters are merged on one path that both have.

Adverts come with the records of brokers. One that its broker takes back still counts for `retain`
seconds, so that the events published before it did find their way (see `overlay.routes`).
"""

from __future__ import annotations

from brokers.index import Index
from brokers.overlay.routes import Routes
from matchengine import Filter, overlaps, parse

__all__ = ["Adverts", "promises"]

_EVERYTHING = parse("")


def promises(advert: Filter, filter: Filter) -> bool:
    """May there be an event that is advertised by this and wanted by the filter?"""
    return overlaps(advert, filter, arrays="unshared")


class Adverts:
    """The adverts of all brokers, as masks of brokers."""

    def __init__(self, routes: Routes, retain: float) -> None:
        self._routes = routes
        self._retain = retain
        self._by_source: dict[str, dict[str, Filter]] = {}
        self._going: dict[tuple[str, str], float] = {}  # (source, text) -> when it was taken back
        self._everything = 0  # mask of sources that advertise all there is
        self._index: Index[tuple[str, str]] = Index()  # the adverts of others

    def set(self, source: str, texts: tuple[str, ...], now: float) -> list[Filter]:
        """These are the adverts of a broker now; return those that are new."""
        known = self._by_source.setdefault(source, {})
        new: list[Filter] = []
        for text in texts:
            self._going.pop((source, text), None)
            if text not in known:
                known[text] = filter = parse(text)
                new.append(filter)
                if filter == _EVERYTHING:
                    self._everything |= 1 << self._routes.number(source)
                else:
                    self._index.add(filter, id=(source, text))
        for text in known:
            if text not in texts:
                self._going.setdefault((source, text), now)
        return new

    def expire(self, now: float) -> list[str]:
        """Forget what was taken back `retain` seconds ago; return the sources that have less."""
        gone = [name for name, since in self._going.items() if since + self._retain <= now]
        for source, text in gone:
            del self._going[source, text]
            filter = self._by_source[source].pop(text)
            if filter == _EVERYTHING:
                self._everything &= ~(1 << self._routes.number(source))
            else:
                self._index.remove((source, text))
            if not self._by_source[source]:
                del self._by_source[source]
        return list(dict.fromkeys(source for source, _ in gone))

    def sources(self, filter: Filter) -> int:
        """Mask of the brokers that may publish what the filter wants."""
        mask = self._everything
        if len(self._index):
            for source, _ in self._index.overlapping(filter, arrays="unshared"):
                mask |= 1 << self._routes.number(source)
        return mask

    def may_publish(self, source: str, filter: Filter) -> bool:
        """May this broker publish what the filter wants?"""
        return any(promises(advert, filter) for advert in self._by_source.get(source, {}).values())

    def sources_known(self) -> tuple[str, ...]:
        """The brokers that have adverts, or had some a moment ago."""
        return tuple(self._by_source)
