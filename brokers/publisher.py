"""The sending half of a client: what it advertises, and publications that wait to be taken.

A publication is taken once everybody who may want it has been heard (`interest.settling`) and the
windows are open (`events.flow`). Until then it waits here; a client has a bounded number waiting.
Whether it may be published is told by the adverts that there are when it comes, and what it needs
of them is not taken back while it waits.

An advert promises more than that events match it: one value at most at each of its paths. So
`symbol = 'ACME'` keeps subscriptions to `symbol = 'OTHER'` away (see `interest.adverts`); an array
would satisfy both.
"""

from __future__ import annotations

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
        "_dotted", "_index", "adverts", "answered", "generation", "leaving", "text", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        #: Filters by the client's numbers, each with the member that stands for it in the reducer.
        self.adverts: dict[int, tuple[Filter, int]] = {}
        self.text = 0  #: characters of all these filters
        self.leaving: list[int] = []  #: members of adverts taken back while publications waited
        #: Bodies, or why one is refused; numbered from `answered` + 1 on.
        self.waiting: deque[bytes | Exception] = deque()
        self.generation = 0  #: of the broker's adverts, at which this client's were all among them
        self.answered = 0  #: the last publication that was taken or refused
        self._index: Index[int] = Index()
        self._dotted: set[int] = set()  # adverts with a path at which several objects may meet

    def advertise(self, number: int, filter: Filter, member: int) -> None:
        """Add an advert."""
        self.adverts[number] = filter, member
        self.text += len(str(filter))
        if number != EVERYTHING:
            self._index.add(filter, id=number)
            if any("." in path for path in filter.paths):
                self._dotted.add(number)

    def unadvertise(self, number: int) -> int | None:
        """Take an advert back; return its member, if there was one."""
        self._index.discard(number)
        self._dotted.discard(number)
        advert = self.adverts.pop(number, None)
        if advert is None:
            return None
        self.text -= len(str(advert[0]))
        return advert[1]

    def refusal(self, body: bytes) -> str | None:
        """Why the client may not publish this now; None if it may.

        A match and, where there are arrays or dotted paths, a look at values. Raises EventError.
        """
        if EVERYTHING in self.adverts:
            return None
        if b"[" not in body and not self._dotted:
            return None if self._index.matches_any(body) else _UNMATCHED
        matched = [self.adverts[advert][0].paths for advert in self._index.match_json(body)]
        if not matched:
            return _UNMATCHED
        several = with_several(body, frozenset().union(*matched))
        if any(paths.isdisjoint(several) for paths in matched):
            return None
        names = ", ".join(map(repr, sorted(several)))
        return f"several values at {names}, where the adverts that match this event promise one"
