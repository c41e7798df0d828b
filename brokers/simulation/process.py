"""A broker's process: a node, its connections and clients, and what may happen to a process."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from brokers.effects import Close, Effect, Send
from brokers.errors import ProtocolError
from brokers.messages import Message
from brokers.settings import Settings
from brokers.simulation.agenda import Agenda, Do
from brokers.simulation.chance import Chance
from brokers.simulation.clock import Clock
from brokers.simulation.failure import Failure
from brokers.simulation.network import Edge, End, Network
from brokers.simulation.trace import Trace
from brokers.simulation.windows import Windows

if TYPE_CHECKING:
    from brokers.simulation.client import Client

__all__ = ["MakeNode", "Node", "Process", "World"]

#: A node that asks for so many ticks in one moment wants to be asked for ever.
MOST_TICKS = 100


class Node(Protocol):
    """What the simulator needs of a node."""

    deadline: float

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        """What to do about a message."""

    def tick(self, now: float) -> list[Effect]:
        """What to do as time has passed."""

    def status(self) -> dict[str, Any]:
        """What it holds ("entries"), and what it has counted ("counters"), among others."""

    def corrupt(self, chance: Chance, share: float) -> None:
        """Damage such a share of what neighbours have told it, as bad memory might."""


MakeNode = Callable[..., Node]


class World:
    """What all processes share."""

    def __init__(
        self, agenda: Agenda, network: Network, trace: Trace, windows: Windows, most: int
    ) -> None:
        self.agenda = agenda
        self.network = network
        self.trace = trace
        self.messages = 0  #: handed to nodes
        self.most = most  #: more than that is a failure
        self.counters: Counter[str] = Counter()
        self.windows = windows


class Process:
    """One broker. It outlives its node: a crash ends the node, and a restart makes another."""

    def __init__(self, name: str, world: World, make: MakeNode, preset: str) -> None:
        self.name = name
        self.node: Node | None = None
        self.incarnation = 0
        self.is_paused = False
        self.is_gone = False  #: for good
        self.is_late = False  #: has not been started yet
        self.clock = Clock(world.agenda)
        self.inbox: list[tuple[Do, Any, Any]] = []  #: what has come in while it was paused
        self.edges: list[Edge] = []
        self.links: dict[str, End] = {}
        self.clients: dict[str, Client] = {}
        self.store: dict[str, dict[int, str]] = {}  #: what was saved, per named client
        self._world = world
        self._make = make
        self._preset = preset
        self._wake = self._deadline = math.inf  # by the agenda, and by its clock

    # ---- life ----

    @property
    def is_running(self) -> bool:
        """Is there a node, and does it get to run?"""
        return self.node is not None and not self.is_paused

    def start(self, settings: Settings) -> None:
        """Make a node, of what the store holds."""
        self.incarnation += 1
        self.is_late = False
        saved: Mapping[str, Mapping[int, str]] = {
            client: dict(filters) for client, filters in self.store.items() if filters
        }
        self.node = self._make(
            self.name,
            incarnation=self.incarnation,
            preset=self._preset,
            settings=settings,
            peers=len(self.edges),
            saved=saved,
        )
        self._arm()

    def crash(self, silently: bool) -> None:
        """The node is gone. Its neighbours are told, unless it is the machine that went."""
        if self.node is not None:
            self._world.counters.update(self.node.status()["counters"])
        self.node = None
        self.is_paused = False
        self.inbox.clear()
        for end in list(self.links.values()):
            self.forget(end)
            if not silently:
                self._world.network.closed(end, "reset")
        clients = list(self.clients.values())
        self.clients.clear()
        for client in clients:
            client.lost_connection("broker crashed")

    def resume(self, ticks_first: bool) -> None:
        """Go on after a pause, with what has come in meanwhile."""
        self.is_paused = False
        if ticks_first:
            self._tick()
        waiting, self.inbox = self.inbox, []
        for do, first, second in waiting:
            do(first, second)
        self._arm()

    # ---- connections ----

    def adopt(self, end: End) -> None:
        """A connection stands; it takes the place of an older one to the same neighbour."""
        old = self.links.get(end.peer)
        if old is not None:
            self.forget(old)
        self.links[end.peer] = end

    def forget(self, end: End) -> None:
        """A connection is over, as far as this end knows."""
        end.is_open = False
        if self.links.get(end.peer) is end:
            del self.links[end.peer]
        self._world.network.redial(end)

    # ---- the node ----

    def hand(self, message: Message, sender: str) -> None:
        """Give the node a message, and do what it asks for."""
        world, node = self._world, self.node
        assert node is not None
        now = world.agenda.now
        world.messages += 1
        if world.messages > world.most:
            raise Failure("loop", f"{world.messages:,} messages, and no end in sight")
        world.trace.note(now, self.name, sender, message)
        try:
            effects = node.receive(message, sender=sender, now=self.clock.now)
        except ProtocolError as error:  # nobody here says what it must not
            text = f"{self.name} refuses {message!r} of {sender}: {error}"
            raise Failure("protocol", text) from error
        if effects:
            self._perform(effects)
        if node.deadline < self._deadline:
            self._arm()

    def _perform(self, effects: list[Effect]) -> None:
        links, clients, network = self.links, self.clients, self._world.network
        for effect in effects:
            if type(effect) is Send:
                to, message = effect
                end = links.get(to)
                if end is not None:
                    if message[0] == end.session:  # type: ignore[misc]
                        network.send(end, message)  # type: ignore[arg-type]
                elif (client := clients.get(to)) is not None:
                    client.hear(message)  # type: ignore[arg-type]
            elif type(effect) is Close:
                self._close(effect)
            else:
                self._save(*effect)

    def _close(self, effect: Close) -> None:
        to, session, reason = effect
        end = self.links.get(to)
        if end is not None and end.session == session:
            if self._world.windows.calm(self._world.agenda.now):
                raise Failure("links", f"{self.name} ends a healthy link to {to}: {reason}")
            self.forget(end)
            self._world.network.closed(end, reason)
        elif to in self.clients:
            client = self.clients.pop(to)
            if client.policy != "disconnect":
                raise Failure("answer", f"{client} is sent away: {reason}")
            client.lost_connection(reason)

    def _save(self, client: str, subscription: int, filter: str | None) -> None:
        filters = self.store.setdefault(client, {})
        if filter is None:
            filters.pop(subscription, None)
        else:
            filters[subscription] = filter

    # ---- its clock ----

    def _arm(self) -> None:
        """Have the node ticked when it wants to be."""
        if self.node is None:
            return
        due = max(self.clock.when(self.node.deadline), self._world.agenda.now)
        if due < self._wake:
            self._wake, self._deadline = due, self.node.deadline
            self._world.agenda.at(due, self._ring, due)

    def set_clock(self, rate: float, jump: float = 0.0) -> None:
        """Let its clock go faster or slower from now on."""
        self.clock.set(rate, jump)
        self._wake = self._deadline = math.inf
        self._arm()

    def _ring(self, wake: float, _: Any) -> None:
        if wake == self._wake:
            self._wake = self._deadline = math.inf
            if self.is_running:
                self._tick()
                self._arm()

    def _tick(self) -> None:
        node = self.node
        assert node is not None
        self.clock.reach(node.deadline)
        now = self.clock.now
        for _ in range(MOST_TICKS):
            if node.deadline > now:
                return
            self._world.trace.note(self._world.agenda.now, self.name, "", None)
            self._perform(node.tick(now))
        raise Failure("clock", f"{self.name} wants to be ticked at {node.deadline}, it is {now}")
