"""Which way an event goes: the event plane, one class for each way.

    Filtered    along the tree of its source, into branches where a match says somebody wants it
    Upward      the same, and always towards the root
    Flooding    over every link
    Explicit    matched once, at its source; the brokers found are named in it
    Meeting     to the owners of its keys, where it is matched, and from there as Explicit
    Hub         Meeting with one owner of everything, the root

All deliver to subscriptions here by the same match that finds the other brokers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container

from brokers.errors import ProtocolError
from brokers.events.duplicates import Duplicates
from brokers.messages import Addressed, Event
from brokers.overlay.meeting import keys_of_event, owners, roots
from brokers.overlay.routes import Routes

__all__ = ["PLANES", "Plane"]

#: What a match finds: mask of brokers, and subscriptions here.
Found = tuple[int, list[int]]


class Plane:
    """Where events go from this broker; what is to be sent collects in `events` and `addressed`."""

    def __init__(
        self,
        routes: Routes,
        up: Container[str],
        find: Callable[[Event], Found],
        deliver: Callable[[Event, list[int]], None],
        duplicates: Duplicates,
        counters: Counter[str],
        key: str,
    ) -> None:
        self.routes = routes
        self.up = up
        self.find = find
        self.deliver = deliver
        self.duplicates = duplicates
        self.counters = counters
        self.key = key
        self.own = 1 << routes.number(routes.name)
        self.events: dict[str, list[Event]] = {}
        self.addressed: list[tuple[str, Addressed]] = []

    def publish(self, event: Event) -> int:
        """An event of this broker; return the mask of the brokers that will consume it."""
        raise TypeError(f"{type(self).__name__} sends no events")

    def arrive(self, event: Event, sender: str) -> None:
        """An event from a neighbour that does not say where it is to go."""
        raise ProtocolError("events of this preset say where they are to go")

    # ---- common parts -------------------------------------------------------------------------

    def fresh(self, event: Event) -> bool:
        """Has it not been here before? Ours have, wherever they come from."""
        if event.source == self.routes.name:
            self.counters["duplicates"] += 1
            return False
        return self.duplicates.first(event)

    def spread(self, event: Event, mask: int, sender: str | None) -> None:
        """Send it into the branches of its source's tree in which a broker of the mask is."""
        for neighbour, below in self.routes.branches(event.source):
            if below & mask and neighbour != sender:
                self._send(neighbour, event)

    def _send(self, neighbour: str, event: Event) -> None:
        if neighbour not in self.up:
            self.counters["dropped: link down"] += 1
            return
        waiting = self.events.get(neighbour)
        if waiting is None:
            self.events[neighbour] = [event]
        else:
            waiting.append(event)

    def address(self, event: Event, mask: int, *, meet: bool, hops: int) -> None:
        """Send it to the brokers of the mask, each by its shortest path from here."""
        for neighbour, below in self.routes.ways():
            there = below & mask
            if not there or neighbour not in self.up:
                continue
            mask &= ~there
            names = self.routes.names(there)
            self.addressed.append((neighbour, Addressed(names, meet, hops, event)))
        if mask:
            self.counters["dropped: no way there"] += 1

    def forward(self, message: Addressed) -> None:
        """An event from a neighbour that says where it is to go."""
        mask = self.routes.mask(message.to)
        if mask & self.own:
            if message.meet:
                self.meet(message.event)
            elif self.duplicates.first(message.event):
                self.deliver(message.event, self.find(message.event)[1])
            mask &= ~self.own
        if mask and message.hops:
            self.address(message.event, mask, meet=message.meet, hops=message.hops - 1)
        elif mask:
            self.counters["dropped: too many hops"] += 1

    def meet(self, event: Event) -> int:
        """Match the event here, for everybody, and address it to whom it concerns."""
        mask, here = self.find(event)
        if here and self.duplicates.first(event):
            self.deliver(event, here)
        mask &= ~self.own
        if mask:
            self.address(event, mask, meet=False, hops=len(self.routes.current.brokers))
        return mask | self.own if here else mask


class Filtered(Plane):
    """Matched at every hop."""

    def publish(self, event: Event) -> int:
        """See Plane."""
        mask, here = self.find(event)
        if mask:
            self.spread(event, mask, None)
        if here:
            self.deliver(event, here)
            mask |= self.own
        return mask

    def arrive(self, event: Event, sender: str) -> None:
        """See Plane."""
        if self.fresh(event):
            mask, here = self.find(event)
            if mask:
                self.spread(event, mask, sender)
            if here:
                self.deliver(event, here)


class Upward(Filtered):
    """Matched at every hop; where the root is, it goes unasked."""

    def spread(self, event: Event, mask: int, sender: str | None) -> None:
        """See Plane."""
        super().spread(event, mask | roots(self.routes), sender)

    def publish(self, event: Event) -> int:
        """See Plane."""
        mask, here = self.find(event)
        self.spread(event, mask, None)
        if here:
            self.deliver(event, here)
        return roots(self.routes)

    def arrive(self, event: Event, sender: str) -> None:
        """See Plane."""
        if self.fresh(event):
            mask, here = self.find(event)
            self.spread(event, mask, sender)
            if here:
                self.deliver(event, here)


class Flooding(Plane):
    """Everywhere."""

    def publish(self, event: Event) -> int:
        """See Plane."""
        self._flood(event, None)
        here = self.find(event)[1]
        if here:
            self.deliver(event, here)
        return self.routes.mask(self.routes.current.brokers)

    def _flood(self, event: Event, sender: str | None) -> None:
        for neighbour in self.routes.current.neighbours[self.routes.name]:
            if neighbour != sender:
                self._send(neighbour, event)

    def arrive(self, event: Event, sender: str) -> None:
        """See Plane."""
        if self.fresh(event):
            self._flood(event, sender)
            here = self.find(event)[1]
            if here:
                self.deliver(event, here)


class Explicit(Plane):
    """Matched at the source."""

    def publish(self, event: Event) -> int:
        """See Plane."""
        return self.meet(event)


class Meeting(Plane):
    """Matched where its keys meet subscriptions."""

    def owners(self, event: Event) -> int:
        """Where it has to go first."""
        return owners(self.routes, keys_of_event(event.body, self.key))

    def publish(self, event: Event) -> int:
        """See Plane."""
        mask = self.owners(event)
        others = mask & ~self.own
        if others:
            self.address(event, others, meet=True, hops=len(self.routes.current.brokers))
        if mask & self.own:
            self.meet(event)
        return mask


class Hub(Meeting):
    """Matched at the root."""

    def owners(self, event: Event) -> int:
        """See Meeting."""
        return roots(self.routes)


PLANES: dict[str, type[Plane]] = {
    "filtered": Filtered,
    "upward": Upward,
    "flooding": Flooding,
    "explicit": Explicit,
    "meeting": Meeting,
    "hub": Hub,
}
