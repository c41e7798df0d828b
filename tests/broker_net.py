"""Nodes in one process: every frame arrives, in order, a millisecond later. For tests of one thing.

The simulator is for everything at once; here a test says what happens, and when.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Any

from brokers.effects import Close, Effect, Save, Send
from brokers.messages import (
    Answer,
    Ask,
    ClientDown,
    ClientUp,
    Consumed,
    Deliver,
    Frame,
    LinkDown,
    LinkUp,
    Message,
    Publish,
    Subscribe,
)
from brokers.node import Node
from brokers.settings import Settings

LINE = ["AB", "BC", "CD"]
RING = ["AB", "BC", "CD", "DE", "EA"]


class Net:
    """An overlay whose brokers have one letter each."""

    def __init__(
        self,
        links: Iterable[str] = RING,
        *,
        preset: str = "default",
        settings: Settings = Settings(),  # noqa: B008
        saved: dict[str, dict[int, str]] | None = None,
    ) -> None:
        self.now = 0.0
        self.preset = preset
        self.settings = settings
        self.nodes: dict[str, Node] = {}
        self.queue: deque[tuple[str, str, Message]] = deque()
        self.said: dict[str, list[Any]] = defaultdict(list)  # to each client
        self.closed: list[Close] = []
        self.saves: list[Save] = []
        self.sent: Counter[str] = Counter()  # frames by kind of message
        self.sessions: dict[str, int] = {}
        self._at: dict[str, str] = {}  # client -> broker
        self._published: Counter[str] = Counter()
        self._session = 0
        self._incarnation = 0
        for link in links:
            for name in link:
                if name not in self.nodes:
                    self.start(name, saved=saved)
        for link in links:
            self.connect(link)
        self.run()

    # ---- brokers and links --------------------------------------------------------------------

    def start(self, name: str, *, saved: dict[str, dict[int, str]] | None = None) -> None:
        self._incarnation += 1
        self.nodes[name] = Node(
            name,
            incarnation=self._incarnation,
            preset=self.preset,
            settings=self.settings,
            saved=saved or {},
        )

    def connect(self, link: str) -> None:
        self._session += 1
        self.sessions[link] = self._session
        for name, other in (link, link[::-1]):
            self.tell(name, LinkUp(self._session, self.nodes[other].incarnation), other)

    def cut(self, link: str, *, lost: bool = True) -> None:
        """Break a link; what was on it is lost."""
        if lost:
            self.queue = deque(q for q in self.queue if {q[0], q[1]} != set(link))
        for name, other in (link, link[::-1]):
            self.tell(name, LinkDown(self.sessions[link], "cut"), other)

    def crash(self, name: str) -> None:
        """A broker is gone, with all it knew."""
        del self.nodes[name]
        self.queue = deque(q for q in self.queue if name not in q[:2])
        for link, session in self.sessions.items():
            if name in link:
                other = link.replace(name, "")
                if other in self.nodes:
                    self.tell(other, LinkDown(session, "crash"), name)

    # ---- clients ------------------------------------------------------------------------------

    def client(self, broker: str, name: str | None = None, **options: Any) -> str:
        address = f"#{len(self._at) + 1}"
        self._at[address] = broker
        self.tell(broker, ClientUp(name, **options), address)
        return address

    def subscribe(self, client: str, filter: str, *, number: int = 1, request: int = 1) -> None:
        self.say(client, Subscribe(request, number, filter))

    def publish(self, client: str, *bodies: bytes) -> None:
        first = self._published[client] + 1
        self._published[client] += len(bodies)
        self.say(client, Publish(first, bodies))

    def leave(self, client: str) -> None:
        self.say(client, ClientDown("it left"))

    def say(self, client: str, message: Message) -> None:
        self.tell(self._at[client], message, client)

    def ask(self, broker: str, what: str, arguments: str = "") -> str:
        client = self.client(broker)
        self.say(client, Ask(1, what, arguments))
        answer = self.said[client][-1]
        self.leave(client)
        assert isinstance(answer, Answer), answer
        return answer.text

    def got(self, client: str) -> list[bytes]:
        """The bodies of what was delivered."""
        return [
            delivery.event.body
            for message in self.said[client]
            if isinstance(message, Deliver)
            for delivery in message.batch
        ]

    def heard(self, client: str, kind: type) -> list[Any]:
        return [message for message in self.said[client] if isinstance(message, kind)]

    def consume(self, client: str) -> None:
        self.say(client, Consumed(len(self.got(client))))

    # ---- going on -----------------------------------------------------------------------------

    def tell(self, name: str, message: Message, sender: str) -> None:
        node = self.nodes[name]
        self._perform(name, node.receive(message, sender=sender, now=self.now))

    def _perform(self, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, message) if to.startswith("#"):
                    self.said[to].append(message)
                case Send(to, message):
                    assert isinstance(message, Frame)
                    self.sent[type(message.message).__name__] += 1
                    self.queue.append((name, to, message))
                case Close():
                    self.closed.append(effect)
                case Save():
                    self.saves.append(effect)

    def run(self, limit: int = 100_000) -> None:
        """Until nothing is on its way."""
        for _ in range(limit):
            if not self.queue:
                return
            sender, to, message = self.queue.popleft()
            self.now += 0.001
            if to in self.nodes:
                self.tell(to, message, sender)
        raise AssertionError("this does not end")

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            for name in list(self.nodes):
                self._perform(name, self.nodes[name].tick(self.now))
            self.run()

    def settle(self) -> None:
        """Until what is kept for a while is gone."""
        self.wait(self.settings.retain + 0.5)

    # ---- looking ------------------------------------------------------------------------------

    def entries(self, name: str) -> dict[str, str]:
        """Filters that a broker knows of, and whose they are."""
        return {e.text: e.key.origin for e in self.nodes[name].neighbours.entries}

    def assert_empty(self) -> None:
        for name, node in self.nodes.items():
            entries = node.neighbours.entries
            assert not len(entries), (name, self.entries(name))
            assert not any(table.entries for table in entries.imports.values()), name
            assert not any(table.entries for table in entries.exports.values()), name
            assert not node.subscriptions.here
            assert not node.neighbours.adverts.sources_known(), name

    def assert_tables_agree(self) -> None:
        for name, node in self.nodes.items():
            for other in node.neighbours.links:
                export = node.neighbours.entries.exports[other]
                table = self.nodes[other].neighbours.entries.imports[name]
                assert export.entries == table.entries
                assert export.digest() == table.digest()
