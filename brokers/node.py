"""A broker without clock, socket, thread or chance: (time, message) in, effects out.

                  links, records, tables                      clients
                          │                                      │
    Database ──► Routes ──┴──► Entries ◄──reduced── Subscriptions┤
        ▲          │  │           │                              │
        │          │  └► Settling ┴──"everybody has answered"──► Publications ──► Flow
     own record    │                                                 │
        ▲          └────────► event plane ◄──────────────────────────┘
        └── Publications' adverts

Each block is told what has happened and says what follows; the node only puts these in order:

1. what others must know of a change before they get anything that relies on it (records),
2. what that changes in the tables of links,
3. what is settled by now, and with it subscriptions, adverts and publications,
4. events, deliveries, credits.

Links keep this order, and nearly every promise rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from brokers.clients import Client, Clients
from brokers.effects import Close, Effect
from brokers.errors import ProtocolError
from brokers.events.duplicates import Duplicates
from brokers.events.flow import Flow
from brokers.events.planes import PLANES
from brokers.index import Index
from brokers.link import Link
from brokers.messages import (
    Ack,
    Addressed,
    Advertise,
    Ask,
    Change,
    ClientDown,
    ClientUp,
    Consumed,
    Credit,
    Digest,
    Event,
    Events,
    Frame,
    LinkDown,
    LinkUp,
    Message,
    Peer,
    Ping,
    Probe,
    Publish,
    Record,
    Resync,
    Settled,
    Subscribe,
    Summary,
    Synced,
    Table,
    Unadvertise,
    Unsubscribe,
)
from brokers.neighbours import Neighbours
from brokers.parts import parts
from brokers.presets import PRESETS, Preset
from brokers.publications import Publications
from brokers.settings import Settings
from brokers.status import answer
from brokers.subscriptions import LOCAL, Subscriptions
from matchengine import EventError

__all__ = ["Node"]


class Node:
    """One broker of an overlay."""

    def __init__(
        self,
        name: str,
        *,
        incarnation: int,
        preset: str | Preset = "default",
        settings: Settings = Settings(),  # noqa: B008  it is frozen
        peers: int = 0,
        saved: Mapping[str, Mapping[int, str]] = {},
    ) -> None:
        """Begin a new incarnation of the broker `name`, greater than all earlier ones.

        It takes nothing from clients while it has found none of its `peers`, or until
        `settings.patience`. `saved` are the subscriptions of named clients.
        """
        blocks = PRESETS[preset] if isinstance(preset, str) else preset
        self.name = name
        self.incarnation = incarnation
        self.preset = preset if isinstance(preset, str) else "-".join(map(str, preset))
        self.settings = settings
        self.counters: Counter[str] = Counter()
        self.deadline = 0.0  #: when `tick` is wanted next
        self._alone_until: float | None = None if peers else 0.0
        self._found = not peers  # a peer, or out of patience
        self._joined = not peers  # to the overlay that can be reached
        self.now = 0.0  #: of the last call
        self._matcher: Index[Any] = Index()
        self.flow = Flow(name, incarnation, settings.window)
        self.neighbours = Neighbours(
            name, incarnation, blocks, settings, self._matcher, self.counters, self.flow.gone
        )
        self.subscriptions = Subscriptions(
            name, incarnation, blocks.edge, self.neighbours.entries, self._matcher
        )
        self.clients = Clients(name, settings, saved, self.subscriptions, self.flow, self.counters)
        self._plane = PLANES[blocks.plane](
            self.neighbours.routes,
            self.neighbours.links,
            self._find,
            self.clients.deliver,
            Duplicates(settings.duplicates, self.counters),
            self.counters,
            settings.key,
        )
        self.publications = Publications(
            name, incarnation, settings, self.clients, self.flow, self._publish, self.counters
        )
        self.publications.at_once = self._plane.at_once
        self.clients.left = self.publications.down

    # ---- the two ways in ------------------------------------------------------------------------

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        """Do what follows from a message.

        What a stranger may get wrong ends his connection (`Close`) and nothing else; any exception
        is a mistake in here.
        """
        self.now = now
        if isinstance(message, Frame):
            link = self.neighbours.next_frame(message, sender, now)
            follow = link is None or self._from_peer(message.message, link)
        elif isinstance(message, LinkUp):
            self.neighbours.up(sender, message.session, message.incarnation, now)
            follow = True
        elif isinstance(message, LinkDown):
            self.neighbours.down(sender, message.session, now)
            follow = True
        else:
            follow = self._from_client(sender, message)
        if follow:
            self._follow()
        return self._flush()

    def tick(self, now: float) -> list[Effect]:
        """Do what time brings: heartbeats, and the end of what was only kept for a while."""
        self.now = now
        if 0.0 < self.deadline < now:  # while we did not run, we did not listen either
            self.neighbours.were_deaf(now - self.deadline, now)
        self.deadline = now + self.settings.heartbeat / 4
        if self._alone_until is None:
            self._alone_until = now + self.settings.patience
        if not self._found and self._alone_until <= now:
            self._found = True
        self.neighbours.tick(now)
        for probe in self.flow.probes(now):
            self.neighbours.towards(probe.taker, probe, now)
        self._follow()
        return self._flush()

    # ---- neighbours -----------------------------------------------------------------------------

    def _from_peer(self, message: Peer, link: Link) -> bool:
        """Do what a neighbour says; may anything follow from it?"""
        try:
            if self._of_events(message, link):
                return False
            self._of_interest(message, link)
        except ProtocolError as error:
            self.neighbours.end(link, str(error), self.now, "it broke the protocol")
        return True

    def _of_events(self, message: Peer, link: Link) -> bool:
        """Do what is to be done with events; nothing but `_flush` follows. False: it is another."""
        match message:
            case Events():
                link.events_in += len(message.batch)
                self._plane.arrive(message.batch, link.neighbour)
                self.flow.received(message.batch)
            case Addressed():
                link.events_in += 1
                try:
                    self._plane.forward(message)
                except EventError:
                    self.counters["dropped: unreadable"] += 1
                self.flow.received((message.event,))
            case Probe():
                if message.taker == self.name:
                    self.flow.probed(message)
                else:
                    self.neighbours.towards(message.taker, message, self.now)
            case Credit():
                self._credit(message)
            case Ping():
                pass
            case _:
                return False
        return True

    def _of_interest(self, message: Peer, link: Link) -> None:
        sender, now = link.neighbour, self.now
        match message:
            case Record():
                self.neighbours.learn(message, sender, now)
            case Settled():
                self.neighbours.report(sender, message)
            case Summary():
                self.neighbours.summary(message, sender, now)
            case Synced():
                self.neighbours.synced(link)
            case Digest():
                self.neighbours.compare(message, link, now)
            case Resync() | Table() | Change() | Ack():
                for reply in self.neighbours.entries.receive(sender, message, now):
                    self.neighbours.say(sender, reply, now)

    # ---- clients --------------------------------------------------------------------------------

    def _from_client(self, address: str, message: Message) -> bool:
        """Do what a client says; may anything follow from it?"""
        client = self.clients.get(address)
        try:
            if isinstance(message, ClientUp):
                self.clients.up(address, message, self.now)
            elif client is not None:  # else its last words crossed with our Close
                return self._hear(client, message)
        except ProtocolError as error:
            if client is None:
                self.clients.effects.append(Close(address, 0, str(error)))
            else:
                self.clients.disconnect(client, str(error), self.now, "broke the protocol")
        return True

    def _hear(self, client: Client, message: Message) -> bool:
        match message:
            case Consumed():
                self.clients.consumed(client, message)
                return False
            case Publish():
                self.publications.publish(client, message)
                if not self.publications.changed:
                    self._take()
                    return False
            case Subscribe():
                self.clients.subscribe(client, message, self.now)
            case Unsubscribe():
                self.clients.unsubscribe(client, message, self.now)
            case Advertise():
                self.publications.advertise(client, message)
            case Unadvertise():
                self.publications.unadvertise(client, message)
            case ClientDown():
                self.clients.down(client, self.now)
            case Ask():
                self.clients.say(client, answer(self, message))
            case Ping():
                return False
            case _:
                raise ProtocolError(f"a client does not say {type(message).__name__}")
        return True

    # ---- events ---------------------------------------------------------------------------------

    def _find(self, events: Sequence[Event]) -> list[tuple[int, list[int]]]:
        """Of each, which brokers want it and which subscriptions here. Raises EventError."""
        found = []
        for numbers in self._matcher.destinations_batch([event.body for event in events]):
            mask = 0
            here: list[int] = []
            for number in numbers:
                if number < LOCAL:
                    mask |= 1 << number
                else:
                    here.append(number - LOCAL)
            found.append((mask, here))
        return found

    def matches(self, body: str | bytes) -> list[Any]:
        """The ids of what matches: slots of subscriptions, and (neighbour, key) of imports."""
        return self._matcher.match_json(body)

    def _publish(self, events: list[Event]) -> None:
        """Send events of ours on their way. Raises EventError, and none is sent then."""
        routes = self.neighbours.routes
        masks = self._plane.publish(events)
        at = 0
        for mask, run in groupby(masks):
            after = at + len(list(run))
            # Who left a moment ago may still be sent what it wanted, and is not waited for.
            takers = routes.names(mask & routes.present)
            if takers:
                self.flow.sent(takers, range(events[at].sequence, events[at].sequence + after - at))
                if self.name in takers:
                    self.flow.received(events[at:after])
            at = after

    def _credit(self, credit: Credit) -> None:
        if credit.source == self.name:
            was_open = self.flow.open
            self.flow.credit(credit)
            if not was_open and self.flow.open:
                self._take()
        else:
            self.neighbours.towards(credit.source, credit, self.now)

    # ---- what follows ---------------------------------------------------------------------------

    def _follow(self) -> None:
        """What follows from a change, in the order of the header."""
        neighbours, now = self.neighbours, self.now
        if self.publications.changed:
            self.publications.changed = False
            neighbours.advertise(self.publications.generation, self.publications.adverts(), now)
        neighbours.follow(now)
        self._join()
        if self._joined:
            for subscription in self.subscriptions.settled(now):
                self.clients.settled(subscription)
        neighbours.flush(now, joined=self._joined)
        self._take()

    def _join(self) -> None:
        """Do we belong to an overlay, if only of ourselves? If now, look at what has settled again.

        A broker with links that are up belongs when one of them has told it all, and is known to
        everybody. Others that come up then bring brokers that have yet to join.
        """
        links = self.neighbours.links
        self._found = self._found or bool(links)
        joined = self._found and (not links or any(link.joined for link in links.values()))
        if joined and not self._joined:
            self.subscriptions.wait_again()
            self.neighbours.look_again()
        self._joined = joined

    def _take(self) -> None:
        if self._joined:
            self.publications.take(self.neighbours.settling.own)

    def _flush(self) -> list[Effect]:
        """Events, credits and deliveries on their way, behind all that was said before."""
        self._send_events()
        if self.clients.overrun:
            self.clients.cut(self.now)
            self._follow()
            self._send_events()
        effects, self.neighbours.effects = self.neighbours.effects, []
        effects += self.clients.flush()
        return effects

    def _send_events(self) -> None:
        neighbours, plane, now = self.neighbours, self._plane, self.now
        while True:
            if plane.events:
                events, plane.events = plane.events, {}
                for neighbour, batch in events.items():
                    neighbours.links[neighbour].events_out += len(batch)
                    for part in parts(batch, [len(event.body) for event in batch]):
                        neighbours.say(neighbour, Events(part), now)
            if plane.addressed:
                addressed, plane.addressed = plane.addressed, []
                for neighbour, message in addressed:
                    neighbours.links[neighbour].events_out += 1
                    neighbours.say(neighbour, message, now)
            if not self.flow.owing:
                return
            for credit in self.flow.credits():  # one of our own may let publishers go on
                self._credit(credit)
