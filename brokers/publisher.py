"""The sending half of a client: what it advertises, and publications that wait to be taken.

A publication is taken once everybody who may want it has been heard (`interest.settling`) and the
windows are open (`events.flow`). Until then it waits here; a client has a bounded number waiting.

An advert promises more than that events match it: one value at most at each of its paths. So
`symbol = 'ACME'` keeps subscriptions to `symbol = 'OTHER'` away (see `interest.adverts`); an array
would satisfy both.
"""

from __future__ import annotations

import math
from collections import deque

from brokers.events.several import with_several
from brokers.index import Index
from matchengine import Filter

__all__ = ["EVERYTHING", "Publisher"]

#: The advert, by number, of a client that has published without one.
EVERYTHING = -1

_UNMATCHED = "no advert of its publisher matches this event"


class Publisher:
    """Adverts and waiting publications of one client."""

    __slots__ = (
        "_dotted", "_index", "adverts", "answered", "everything_until", "generation", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.adverts: dict[int, Filter] = {}
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.generation = 0  #: of the broker's adverts, at which this client's were all among them
        self.answered = 0  #: the last publication that was taken or refused
        #: The last publication that EVERYTHING stands for, once there are other adverts.
        self.everything_until = math.inf
        self._index: Index[int] = Index()
        self._dotted: set[int] = set()  # adverts with a path at which several objects may meet

    def advertise(self, number: int, filter: Filter) -> None:
        """Add an advert, or replace it."""
        self.adverts[number] = filter
        if number == EVERYTHING:
            self.everything_until = math.inf
        else:
            self._dotted.discard(number)
            if any("." in path for path in filter.paths):
                self._dotted.add(number)
            last = self.answered + len(self.waiting)
            self.everything_until = min(self.everything_until, last)
            if number in self._index:
                self._index.replace(number, filter)
            else:
                self._index.add(filter, id=number)

    def unadvertise(self, number: int) -> bool:
        """Take an advert back; was there one?"""
        self._index.discard(number)
        self._dotted.discard(number)
        return self.adverts.pop(number, None) is not None

    def refusal(self, number: int, body: bytes) -> str | None:
        """Why the client may not publish this, under this number; None if it may.

        A match and, where there are arrays or dotted paths, a look at values. Raises EventError.
        """
        if EVERYTHING in self.adverts and number <= self.everything_until:
            return None
        if b"[" not in body and not self._dotted:
            return None if self._index.matches_any(body) else _UNMATCHED
        matched = [self.adverts[advert].paths for advert in self._index.match_json(body)]
        if not matched:
            return _UNMATCHED
        several = with_several(body, frozenset().union(*matched))
        if any(paths.isdisjoint(several) for paths in matched):
            return None
        names = ", ".join(map(repr, sorted(several)))
        return f"several values at {names}, where the adverts that match this event promise one"
