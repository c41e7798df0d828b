"""A node that floods: simple enough to be obviously right, and a place to plant lies.

Every event goes to every broker, over every link; a broker passes on what it sees for the first
time, and holds back what comes too early. So nobody has to be told who wants what, and a
subscription is complete at once. Clients' queues, adverts and the store are as in the real node.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from brokers.effects import Close, Effect, Save, Send
from brokers.messages import (
    Advertise,
    ClientDown,
    ClientUp,
    Consumed,
    Deliver,
    Delivery,
    Done,
    Event,
    Events,
    Frame,
    LinkDown,
    LinkUp,
    Lost,
    Message,
    Ping,
    Policy,
    Publish,
    Refused,
    Subscribe,
    Taken,
    Unadvertise,
    Unsubscribe,
    Welcome,
)
from brokers.settings import Settings
from matchengine import Matcher

#: An event that others of its source wait for is given up after so long.
PATIENCE = 2.0
DEFAULTS = Settings()


class Link:
    """A connection to a neighbour."""

    def __init__(self, session: int, now: float) -> None:
        self.session = session
        self.sent = self.received = 0  # frames
        self.sent_at = self.heard_at = now


class Client:
    """A connected client, or a named one that is away."""

    def __init__(self, name: str, policy: str, limit: int) -> None:
        self.name, self.policy, self.limit = name, policy, limit
        self.adverts: dict[int, str] = {}
        self.queue: deque[Delivery] = deque()
        self.sent = self.consumed = self.lost = 0


class Source:
    """What has come from one incarnation of a broker."""

    def __init__(self, first: int) -> None:
        self.next = first
        self.early: dict[int, Event] = {}
        self.since = math.inf


class TinyNode:
    """See above. Subclasses lie."""

    def __init__(
        self,
        name: str,
        *,
        incarnation: int,
        preset: str = "default",
        settings: Settings = DEFAULTS,
        peers: int = 0,
        saved: Mapping[str, Mapping[int, str]] = {},
    ) -> None:
        self.name, self.incarnation, self.settings = name, incarnation, settings
        self.deadline = math.inf
        self.counters: Counter[str] = Counter()
        self.links: dict[str, Link] = {}
        self.clients: dict[str, Client] = {}
        self.sources: dict[tuple[str, int], Source] = {}
        self.wants = Matcher()  # (client's name, subscription)
        self.names: dict[tuple[str, int], str] = {}
        self.sequence = 0
        for client, filters in saved.items():
            for number, text in filters.items():
                self.wants.add(text, id=(client, number))

    def status(self) -> dict[str, Any]:
        return {"entries": len(self.wants), "counters": dict(self.counters)}

    def corrupt(self, chance: object, share: float) -> None:
        """It knows nothing of what neighbours want."""

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if isinstance(message, Frame):
            self.frame(message, sender, now, effects)
        elif isinstance(message, LinkUp):
            self.links[sender] = Link(message.session, now)
        elif isinstance(message, LinkDown):
            if sender in self.links and self.links[sender].session == message.session:
                del self.links[sender]
        else:
            self.from_client(message, sender, now, effects)
        self.deadline = now if self.deadline < now else min(self.deadline, self.next_deadline())
        return effects

    # ---- links ----

    def frame(self, frame: Frame, sender: str, now: float, effects: list[Effect]) -> None:
        link = self.links.get(sender)
        if link is None or frame.session != link.session or frame.number <= link.received:
            self.counters["old frames"] += 1
            return
        if frame.number > link.received + 1:
            self.close(sender, "gap", effects)
            return
        link.received += 1
        link.heard_at = now
        if isinstance(frame.message, Events):
            for event in frame.message.batch:
                self.event(event, sender, now, effects)

    def close(self, neighbour: str, reason: str, effects: list[Effect]) -> None:
        self.counters[f"closed: {reason}"] += 1
        effects.append(Close(neighbour, self.links.pop(neighbour).session, reason))

    def send(self, neighbour: str, message: Events | Ping, now: float) -> Send:
        link = self.links[neighbour]
        link.sent += 1
        link.sent_at = now
        return Send(neighbour, Frame(link.session, link.sent, message))

    def next_deadline(self) -> float:
        times = [source.since + PATIENCE for source in self.sources.values()]
        for link in self.links.values():
            times += [
                link.sent_at + self.settings.heartbeat, link.heard_at + self.settings.dead_after
            ]  # fmt: skip
        return min(times, default=math.inf)

    def tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for neighbour, link in list(self.links.items()):
            if link.heard_at + self.settings.dead_after <= now:
                self.close(neighbour, "silence", effects)
            elif link.sent_at + self.settings.heartbeat <= now:
                effects.append(self.send(neighbour, Ping(), now))
        for source in self.sources.values():
            if source.since + PATIENCE <= now:
                while source.early:  # more may be missing between those that wait
                    self.counters["given up"] += 1
                    source.next = min(source.early)
                    self.release(source, now, effects)
        self.deadline = self.next_deadline()
        return effects

    # ---- events ----

    def event(self, event: Event, sender: str, now: float, effects: list[Effect]) -> None:
        source = self.sources.setdefault(event[:2], Source(event.sequence))
        if event.sequence < source.next or event.sequence in source.early:
            self.counters["duplicates"] += 1
            return
        others = [neighbour for neighbour in self.links if neighbour != sender]
        effects += [self.send(neighbour, Events((event,)), now) for neighbour in others]
        source.early[event.sequence] = event
        self.release(source, now, effects)

    def release(self, source: Source, now: float, effects: list[Effect]) -> None:
        before = source.next
        while source.next in source.early:
            self.deliver(source.early.pop(source.next), effects)
            source.next += 1
        if not source.early:
            source.since = math.inf
        elif source.since == math.inf or source.next != before:
            source.since = now

    def deliver(self, event: Event, effects: list[Effect]) -> None:
        wanted: dict[str, list[int]] = {}
        for client, number in sorted(self.wants.match_json(event.body)):
            wanted.setdefault(client, []).append(number)
        for address, client in list(self.clients.items()):
            if client.name in wanted:
                client.queue.append(Delivery(tuple(wanted[client.name]), event))
                self.pump(address, client, effects)

    def pump(self, address: str, client: Client, effects: list[Effect]) -> None:
        while client.queue and client.sent - client.consumed < client.limit:
            client.sent += 1
            effects.append(Send(address, Deliver((client.queue.popleft(),))))
        while len(client.queue) > client.limit and client.policy != Policy.BLOCK:
            if client.policy == Policy.DISCONNECT:
                effects.append(Close(address, 0, "slow"))
                self.gone(address)
                return
            client.queue.pop() if client.policy == Policy.DROP_NEWEST else client.queue.popleft()
            client.lost += 1
            self.counters["dropped: slow"] += 1
            effects.append(Send(address, Lost("slow", client.lost)))

    # ---- clients ----

    def gone(self, address: str) -> None:
        client = self.clients.pop(address, None)
        if client is not None and client.name.startswith("#"):
            for one, number in list(self.wants):
                if one == client.name:
                    self.wants.remove((one, number))

    def from_client(self, message: Message, sender: str, now: float, effects: list[Effect]) -> None:
        if isinstance(message, ClientUp):
            name = message.name or sender
            self.clients[sender] = Client(name, message.policy, message.limit)
            mine = [one for one in self.wants if one[0] == name]
            told = tuple((number, str(self.wants[name, number].filter)) for _, number in mine)
            effects.append(Send(sender, Welcome(self.name, name, told)))
        elif isinstance(message, ClientDown):
            self.gone(sender)
        elif isinstance(message, Publish):
            self.publish(message, sender, now, effects)
        elif isinstance(message, Consumed):
            self.clients[sender].consumed = message.total
            self.pump(sender, self.clients[sender], effects)
        elif isinstance(message, Subscribe | Unsubscribe | Advertise | Unadvertise):
            self.request(message, self.clients[sender], effects)
            effects.append(Send(sender, Done(message.request)))

    def request(
        self,
        message: Subscribe | Unsubscribe | Advertise | Unadvertise,
        client: Client,
        effects: list[Effect],
    ) -> None:
        if isinstance(message, Subscribe):
            key = (client.name, message.subscription)
            self.counters["replaced" if key in self.wants else "added"] += 1
            if key in self.wants:
                self.wants.replace(key, message.filter)
            else:
                self.wants.add(message.filter, id=key)
            self.save(client, message.subscription, message.filter, effects)
        elif isinstance(message, Unsubscribe):
            self.wants.remove((client.name, message.subscription))
            self.save(client, message.subscription, None, effects)
        elif isinstance(message, Advertise):
            client.adverts[message.advert] = message.filter
        else:
            del client.adverts[message.advert]

    def save(self, client: Client, number: int, text: str | None, effects: list[Effect]) -> None:
        if not client.name.startswith("#"):
            effects.append(Save(client.name, number, text))

    def publish(self, message: Publish, sender: str, now: float, effects: list[Effect]) -> None:
        client = self.clients[sender]
        for number, body in enumerate(message.bodies, message.first):
            adverts = Matcher()
            adverts.add_many((None, text) for text in client.adverts.values())
            if client.adverts and not adverts.matches_any(json.loads(body)):
                effects.append(Send(sender, Refused(number, "NotAdvertised", "no advert")))
                continue
            self.sequence += 1
            event = Event(self.name, self.incarnation, self.sequence, client.name, body)
            self.event(event, sender, now, effects)
        effects.append(Send(sender, Taken(message.first + len(message.bodies) - 1)))
