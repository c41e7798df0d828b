"""The sending half of a client: what it advertises, and publications that wait to be taken.

A publication is taken once everybody who may want it has been heard (`interest.settling`) and the
windows are open (`events.flow`). Until then it waits here; a client has a bounded number waiting.
"""

from __future__ import annotations

import math
from collections import deque

from brokers.index import Index
from matchengine import Filter

__all__ = ["EVERYTHING", "Publisher"]

#: The advert, by number, of a client that has published without one.
EVERYTHING = -1


class Publisher:
    """Adverts and waiting publications of one client."""

    __slots__ = ("_index", "adverts", "answered", "everything_until", "generation", "waiting")

    def __init__(self) -> None:
        self.adverts: dict[int, Filter] = {}
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.generation = 0  #: of the broker's adverts, at which this client's were all among them
        self.answered = 0  #: the last publication that was taken or refused
        #: The last publication that EVERYTHING stands for, once there are other adverts.
        self.everything_until = math.inf
        self._index: Index[int] = Index()

    def advertise(self, number: int, filter: Filter) -> None:
        """Add an advert, or replace it."""
        self.adverts[number] = filter
        if number == EVERYTHING:
            self.everything_until = math.inf
        else:
            last = self.answered + len(self.waiting)
            self.everything_until = min(self.everything_until, last)
            if number in self._index:
                self._index.replace(number, filter)
            else:
                self._index.add(filter, id=number)

    def unadvertise(self, number: int) -> bool:
        """Take an advert back; was there one?"""
        self._index.discard(number)
        return self.adverts.pop(number, None) is not None

    def advertised(self, number: int, body: bytes) -> bool:
        """May the client publish this, under this number? Raises EventError."""
        if EVERYTHING in self.adverts and number <= self.everything_until:
            return True
        return self._index.matches_any(body)
