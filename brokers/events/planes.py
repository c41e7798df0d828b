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
from collections.abc import Callable, Container, Iterator, Sequence

from brokers.errors import ProtocolError
from brokers.events.duplicates import Duplicates
from brokers.messages import Addressed, Event
from brokers.overlay.meeting import keys_of_event, owners, roots
from brokers.overlay.routes import Routes
from matchengine import EventError, Matcher

__all__ = ["PLANES", "Plane"]

#: What a match finds: mask of brokers, and subscriptions here.
Found = tuple[int, list[int]]
#: Events, and the subscriptions here that want each.
Wanted = list[tuple[Event, list[int]]]


#: Nobody subscribes: it finds out whether an event can be read.
_READER: Matcher[int] = Matcher()


class Plane:
    """Where events go from this broker; what is to be sent collects in `events` and `addressed`."""

    at_once = 1  #: events that `publish` takes in one call

    def __init__(
        self,
        routes: Routes,
        up: Container[str],
        find: Callable[[Sequence[Event]], list[Found]],
        deliver: Callable[[Wanted], None],
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

    def publish(self, events: Sequence[Event]) -> list[int]:
        """Events of this broker, `at_once` at most; return the masks of who will consume each.

        Raises EventError, before anything is sent.
        """
        raise TypeError(f"{type(self).__name__} sends no events")

    def arrive(self, events: Sequence[Event], sender: str) -> None:
        """Events from a neighbour that does not say where they are to go."""
        raise ProtocolError("events of this preset say where they are to go")

    # ---- common parts -------------------------------------------------------------------------

    def fresh(self, event: Event) -> bool:
        """Has it not been here before? Ours have, wherever they come from."""
        if event.source == self.routes.name:
            self.counters["duplicates"] += 1
            return False
        return self.duplicates.first(event)

    def found(self, events: Sequence[Event]) -> Iterator[tuple[Event, Found]]:
        """What a match finds for those that have not been here; what cannot be read is dropped."""
        fresh = [event for event in events if self.fresh(event)]
        try:
            return zip(fresh, self.find(fresh), strict=True)
        except EventError:
            return iter([pair for event in fresh for pair in self._found_one(event)])

    def _found_one(self, event: Event) -> list[tuple[Event, Found]]:
        try:
            return [(event, self.find([event])[0])]
        except EventError:
            self.counters["dropped: unreadable"] += 1
            return []

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
                self.deliver([(message.event, self.find([message.event])[0][1])])
            mask &= ~self.own
        if mask and message.hops:
            self.address(message.event, mask, meet=message.meet, hops=message.hops - 1)
        elif mask:
            self.counters["dropped: too many hops"] += 1

    def meet(self, event: Event) -> int:
        """Match the event here, for everybody, and address it to whom it concerns."""
        [(mask, here)] = self.find([event])
        if here and self.duplicates.first(event):
            self.deliver([(event, here)])
        mask &= ~self.own
        if mask:
            self.address(event, mask, meet=False, hops=len(self.routes.current.brokers))
        return mask | self.own if here else mask


class Filtered(Plane):
    """Matched at every hop."""

    at_once = 1_024

    def publish(self, events: Sequence[Event]) -> list[int]:
        """See Plane."""
        masks: list[int] = []
        wanted: Wanted = []
        for event, (mask, here) in zip(events, self.find(events), strict=True):
            if mask:
                self.spread(event, mask, None)
            if here:
                wanted.append((event, here))
                mask |= self.own
            masks.append(mask)
        if wanted:
            self.deliver(wanted)
        return masks

    def arrive(self, events: Sequence[Event], sender: str) -> None:
        """See Plane."""
        wanted: Wanted = []
        for event, (mask, here) in self.found(events):
            if mask:
                self.spread(event, mask, sender)
            if here:
                wanted.append((event, here))
        if wanted:
            self.deliver(wanted)


class Upward(Plane):
    """Matched at every hop; where the root is, it goes unasked."""

    def publish(self, events: Sequence[Event]) -> list[int]:
        """See Plane."""
        root = roots(self.routes)
        for event, (mask, here) in zip(events, self.find(events), strict=True):
            self.spread(event, mask | root, None)
            if here:
                self.deliver([(event, here)])
        return [root] * len(events)

    def arrive(self, events: Sequence[Event], sender: str) -> None:
        """See Plane."""
        root = roots(self.routes)
        for event, (mask, here) in self.found(events):
            self.spread(event, mask | root, sender)
            if here:
                self.deliver([(event, here)])


class Flooding(Plane):
    """Everywhere."""

    def publish(self, events: Sequence[Event]) -> list[int]:
        """See Plane."""
        for event, (_, here) in zip(events, self.find(events), strict=True):
            self._flood(event, None)
            if here:
                self.deliver([(event, here)])
        return [self.routes.mask(self.routes.current.brokers)] * len(events)

    def _flood(self, event: Event, sender: str | None) -> None:
        for neighbour in self.routes.current.neighbours[self.routes.name]:
            if neighbour != sender:
                self._send(neighbour, event)

    def arrive(self, events: Sequence[Event], sender: str) -> None:
        """See Plane."""
        for event, (_, here) in self.found(events):
            self._flood(event, sender)
            if here:
                self.deliver([(event, here)])


class Explicit(Plane):
    """Matched at the source."""

    def publish(self, events: Sequence[Event]) -> list[int]:
        """See Plane."""
        return [self.meet(event) for event in events]


class Meeting(Plane):
    """Matched where its keys meet subscriptions."""

    def owners(self, event: Event) -> int:
        """Where it has to go first."""
        return owners(self.routes, keys_of_event(event.body, self.key))

    def publish(self, events: Sequence[Event]) -> list[int]:
        """See Plane."""
        return [self._publish(event) for event in events]

    def _publish(self, event: Event) -> int:
        _READER.count(event.body)  # or the publisher would not hear that it cannot be read
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
