"""Real nodes on a network where nothing ever goes wrong, and everything that crosses a link counts.

Frames are handed over in the order in which they were sent, one after another, until none is
left: then the overlay is quiet, and the next thing happens. Time stands still but for `rest`, so
there are no heartbeats, and what is retained after a change is forgotten when we say so. What is
counted then is the cost of the workload, and of nothing else.

How events and control messages count:

    events      an event over a link, however many share a frame
    interest    a frame that changes a neighbour's table (Change, Table, Digest, Resync)
    adverts     a Record: links and adverts travel together, and after the start links do not change
    answers     Ack and Settled, from which publishers and subscribers learn that all is in place
    credits     Credit and Probe: flow control
    links       what is said when a link comes up
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from brokers.effects import Close, Effect, Send
from brokers.messages import (
    Ack,
    Addressed,
    Advertise,
    Change,
    ClientUp,
    Credit,
    Deliver,
    Digest,
    Done,
    Event,
    Events,
    Frame,
    FromClient,
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
    Taken,
    ToClient,
    Unsubscribe,
    Welcome,
)
from brokers.node import Node
from brokers.settings import Settings
from brokers.simulation.figures.overlay import Overlay
from brokers.wire import encode

__all__ = ["CONTROL", "Quiet"]

#: Without heartbeats. Nobody dies here.
QUIET = Settings(heartbeat=math.inf, dead_after=math.inf)
#: What clients may have unconsumed: all there is.
UNBOUNDED = 1 << 30

KINDS: dict[type[Peer], str] = {
    Events: "events", Addressed: "events",
    Change: "interest", Table: "interest", Digest: "interest", Resync: "interest",
    Record: "adverts",
    Ack: "answers", Settled: "answers",
    Credit: "credits", Probe: "credits",
    Summary: "links", Synced: "links", Ping: "links",
}  # fmt: skip
#: All but events.
CONTROL = ("interest", "adverts", "answers", "credits", "links")

#: What tells an event from all others: its source, and which one of it.
EventId = tuple[str, int]


class CountingNode(Node):
    """A node that counts how often it matches."""

    matched = 0

    def _find(self, events: Sequence[Event]) -> list[tuple[int, list[int]]]:
        self.matched += len(events)
        return super()._find(events)


class Quiet:
    """All brokers of an overlay, and their clients."""

    def __init__(self, overlay: Overlay, preset: str, *, weigh: bool = False) -> None:
        """Start them and connect them. `weigh`: count the bytes of events, which takes time."""
        self.overlay = overlay
        self._weigh = weigh
        self._now = 0.0
        self._queue: deque[tuple[str, str, Frame, int]] = deque()  # from, to, what, after how many
        self._home: dict[str, str] = {}  # a client's broker, by address
        self._published: Counter[str] = Counter()
        self._requests = 0
        self._done: set[int] = set()
        self.reset()
        self.nodes = {
            name: CountingNode(name, incarnation=1, preset=preset, settings=QUIET)
            for name in overlay.brokers
        }
        for session, (a, b) in enumerate(overlay.links, 1):
            self._tell(a, LinkUp(session, 1), b)
            self._tell(b, LinkUp(session, 1), a)
        self._run()
        self.rest()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self.crossings: Counter[str] = Counter()  #: by kind, see above
        self.length = 0.0  #: of the links that events have crossed
        self.bytes = 0  #: of the frames that carried them
        self.visits: dict[EventId, set[str]] = {}  #: which brokers they came to over a link
        self.deliveries: dict[tuple[str, bytes], int] = {}  #: (client, body) -> hops
        self.delivered_at: set[tuple[EventId, str]] = set()
        for node in getattr(self, "nodes", {}).values():
            node.matched = 0

    # ---- clients --------------------------------------------------------------------------------

    def client(self, broker: str) -> str:
        """Another client of a broker."""
        address = f"#{len(self._home) + 1}"
        self._home[address] = broker
        self._tell(broker, ClientUp(None, limit=UNBOUNDED), address)
        return address

    def subscribe(self, client: str, filter: str, number: int = 1) -> None:
        """Until the broker says that it is message-complete."""
        self._ask(client, Subscribe(self._request(), number, filter))

    def unsubscribe(self, client: str, number: int = 1) -> None:
        """And until the consequences are in place everywhere."""
        self._ask(client, Unsubscribe(self._request(), number))

    def advertise(self, client: str, filter: str, number: int = 1) -> None:
        """Until everybody has answered."""
        self._ask(client, Advertise(self._request(), number, filter))

    def publish(self, client: str, bodies: tuple[bytes, ...]) -> None:
        """And let everybody get it."""
        first = self._published[client] + 1
        self._published[client] += len(bodies)
        self._say(client, Publish(first, bodies))

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    def _ask(self, client: str, message: Subscribe | Unsubscribe | Advertise) -> None:
        self._say(client, message)
        if message.request not in self._done:
            raise RuntimeError(f"all is quiet, and nobody has answered {message}")
        self._done.clear()

    def _say(self, client: str, message: FromClient) -> None:
        self._tell(self._home[client], message, client)
        self._run()

    # ---- looking --------------------------------------------------------------------------------

    @property
    def matches(self) -> int:
        """How often a broker has matched an event."""
        return sum(node.matched for node in self.nodes.values())

    def tables(self) -> list[int]:
        """Entries that each broker holds for its neighbours."""
        return [
            sum(len(table.entries) for table in node.neighbours.entries.imports.values())
            for node in self.nodes.values()
        ]

    def idle_visits(self) -> int:
        """How often an event came to a broker where nobody wanted it."""
        visits = ((event, at) for event, brokers in self.visits.items() for at in brokers)
        return sum(visit not in self.delivered_at and visit[0][0] != visit[1] for visit in visits)

    # ---- going on -------------------------------------------------------------------------------

    def rest(self) -> None:
        """Let so much time pass that what is retained is forgotten."""
        self._now += QUIET.retain + 1.0
        for name, node in self.nodes.items():
            self._perform(name, node.tick(self._now), 0)
        self._run()

    def _run(self) -> None:
        queue = self._queue
        while queue:
            sender, to, frame, hops = queue.popleft()
            self._tell(to, frame, sender, hops)

    def _tell(self, name: str, message: Message, sender: str, hops: int = 0) -> None:
        node = self.nodes[name]
        self._perform(name, node.receive(message, sender=sender, now=self._now), hops)

    def _perform(self, name: str, effects: list[Effect], hops: int) -> None:
        """Do what a node asks; what it sends of events has come `hops` links so far."""
        for effect in effects:
            if isinstance(effect, Close):
                raise RuntimeError(f"{name} ends a connection: {effect.reason}")
            if not isinstance(effect, Send):
                continue
            if isinstance(effect.message, Frame):
                self._count(name, effect.to, effect.message, hops + 1)
            else:
                self._hear(name, effect.to, effect.message, hops)

    def _count(self, name: str, to: str, frame: Frame, hops: int) -> None:
        kind = KINDS[type(frame.message)]
        if kind != "events":
            self.crossings[kind] += 1
            self._queue.append((name, to, frame, 0))
            return
        for event in _events(frame.message):
            self.crossings[kind] += 1
            self.length += self.overlay.length(name, to)
            self.visits.setdefault((event.source, event.sequence), set()).add(to)
        if self._weigh:
            self.bytes += len(encode(frame))
        self._queue.append((name, to, frame, hops))

    def _hear(self, name: str, client: str, message: ToClient, hops: int) -> None:
        match message:
            case Deliver(batch):
                for _, event in batch:
                    if (client, event.body) in self.deliveries:
                        raise RuntimeError(f"{client} gets {event.body!r} twice")
                    self.deliveries[client, event.body] = hops
                    self.delivered_at.add(((event.source, event.sequence), name))
            case Done(request):
                self._done.add(request)
            case Welcome() | Taken():
                pass
            case _:
                raise RuntimeError(f"{client} is told {message}")


def _events(message: Peer) -> Iterator[Event] | Iterable[Event]:
    match message:
        case Events(batch):
            return batch
        case Addressed():
            return (message.event,)
        case _:
            return ()
