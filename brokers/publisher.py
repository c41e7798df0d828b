"""The sending half of a client: what it advertises, and publications that wait to be taken.

A publication is taken once everybody who may want it has been heard (`interest.settling`) and the
windows are open (`events.flow`). Until then it waits here; a client has a bounded number waiting.
"""

from __future__ import annotations

from collections import deque

from matchengine import Filter, Matcher

__all__ = ["EVERYTHING", "Publisher"]

#: The advert, by number, of a client that has published without one.
EVERYTHING = -1


class Publisher:
    """Adverts and waiting publications of one client."""

    __slots__ = ("_index", "adverts", "answered", "generation", "waiting")

    def __init__(self) -> None:
        self.adverts: dict[int, Filter] = {}
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.generation = 0  #: of the broker's adverts, at which this client's were all among them
        self.answered = 0  #: the last publication that was taken or refused
        self._index: Matcher[int] = Matcher()

    def advertise(self, number: int, filter: Filter) -> None:
        """Add an advert, or replace it."""
        self.adverts[number] = filter
        if number != EVERYTHING:
            if number in self._index:
                self._index.replace(number, filter)
            else:
                self._index.add(filter, id=number)

    def unadvertise(self, number: int) -> bool:
        """Take an advert back; was there one?"""
        self._index.discard(number)
        return self.adverts.pop(number, None) is not None

    def advertised(self, body: bytes) -> bool:
        """May the client publish this? Raises EventError."""
        return EVERYTHING in self.adverts or self._index.matches_any(body)
