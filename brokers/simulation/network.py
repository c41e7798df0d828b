"""The links between brokers: connections that keep order, until somebody harms them.

An `Edge` is two brokers that should be connected. One of them dials, and dials again, later and
later, whenever it finds the connection gone. A connection has two `End`s, which may disagree for a
while about whether it stands. A `Path` is one direction of an edge; the faults act on paths, so
that a new connection suffers as the old one did.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Any, Final

from brokers.messages import Frame, LinkDown, LinkUp
from brokers.simulation.agenda import Agenda
from brokers.simulation.chance import Chance

if TYPE_CHECKING:
    from brokers.simulation.process import Process

__all__ = ["DIAL_TIMEOUT", "LONGEST_BACKOFF", "Edge", "End", "Network", "Path"]

#: A dial without an answer is given up after so long.
DIAL_TIMEOUT: Final = 1.0
FIRST_BACKOFF: Final = 0.1
LONGEST_BACKOFF: Final = 1.0
#: A link's own delay is drawn from these, once; up to a half of it is added for each frame.
DELAYS: Final = (0.001, 0.03)
#: How much a reordered frame is late, and the longest of the heavy tail's delays.
LATEST: Final = 0.5
TAIL: Final = 0.3


class Path:
    """One direction of an edge: how long it takes, and what is wrong with it."""

    __slots__ = (
        "blocked", "clogged_until", "delay", "duplication", "healthy", "loss", "reorder", "tail",
    )  # fmt: skip

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.blocked = 0  #: partitions that lose all that goes this way
        self.clogged_until = 0.0
        self.loss = self.duplication = self.reorder = self.tail = 0.0  #: probabilities
        self.healthy = True

    def update(self, now: float) -> None:
        """To be called after a change, so that frames of healthy paths need no look at the rest."""
        harm = self.loss or self.duplication or self.reorder or self.tail
        self.healthy = not harm and not self.blocked and self.clogged_until <= now


class End:
    """One end of a connection, as the process there sees it."""

    __slots__ = ("deliver", "is_open", "last", "other", "path", "peer", "process", "session")
    other: End

    def __init__(self, process: Process, peer: str, session: int, path: Path) -> None:
        self.process = process
        self.peer = peer
        self.session = session
        self.path = path  #: out of here
        self.is_open = True
        self.last = 0.0  #: when what was sent last from here arrives
        self.deliver = self.arrive

    def arrive(self, frame: Frame, _: Any) -> None:
        """A frame has come in here."""
        if self.is_open:
            if self.process.is_paused:
                self.process.inbox.append((self.arrive, frame, None))
            else:
                self.process.hand(frame, self.peer)

    def hang_up(self, reason: str, _: Any) -> None:
        """The other end has closed the connection, and we learn of it."""
        if not self.is_open:
            return
        if self.process.is_paused:
            self.process.inbox.append((self.hang_up, reason, None))
            return
        self.process.forget(self)
        self.process.hand(LinkDown(self.session, reason), self.peer)


class Edge:
    """Two brokers that should be connected; the first one dials."""

    __slots__ = ("attempt", "back", "backoff", "dialler", "end", "listener", "there", "wanted")

    def __init__(self, dialler: Process, listener: Process, there: Path, back: Path) -> None:
        self.dialler = dialler
        self.listener = listener
        self.there = there
        self.back = back
        self.wanted = True
        self.attempt = 0  #: the dial that counts; answers to older ones come too late
        self.backoff = FIRST_BACKOFF
        self.end: End | None = None  #: the dialler's

    @property
    def is_up(self) -> bool:
        """Do both ends say so?"""
        return self.end is not None and self.end.is_open and self.end.other.is_open


class Network:
    """All edges, and what travels on them."""

    def __init__(self, agenda: Agenda, chance: Chance) -> None:
        self.edges: list[Edge] = []
        self.reset_counts()
        self._agenda = agenda
        self._random = chance.random
        self._chance = chance
        self._sessions = 0

    def reset_counts(self) -> None:
        """What was harmed, by kind."""
        self.lost = self.duplicated = self.reordered = 0

    def pairs(self) -> list[tuple[str, str]]:
        """The brokers that are connected."""
        return [(edge.dialler.name, edge.listener.name) for edge in self.edges if edge.is_up]

    # ---- frames ----

    def send(self, end: End, frame: Frame) -> None:
        """Put a frame on the way to the other end."""
        path = end.path
        agenda = self._agenda
        if path.healthy:
            at = agenda.now + path.delay * (1.0 + 0.5 * self._random())
            if at < end.last:  # noqa: PLR1730 - `max` takes three times as long
                at = end.last
            end.last = at
            heappush(agenda.heap, (at, next(agenda.numbers), end.other.deliver, frame, None))
        else:
            self._send_on_sick(end, frame)

    def _send_on_sick(self, end: End, frame: Frame) -> None:
        path, chance = end.path, self._chance
        if path.blocked or (path.loss and chance.happens(path.loss)):
            self.lost += 1
            return
        at = self._arrival(end)
        if path.reorder and chance.happens(path.reorder):
            self.reordered += 1
            at += LATEST * chance.random()  # and `last` is what it was: others overtake it
        else:
            end.last = at
        self._agenda.at(at, end.other.deliver, frame)
        if path.duplication and chance.happens(path.duplication):
            self.duplicated += 1
            self._agenda.at(at + LATEST * chance.random(), end.other.deliver, frame)

    def _arrival(self, end: End) -> float:
        """When something that is sent from here arrives, if nothing overtakes anything."""
        return max(self._arrival_on(end.path), end.last)

    def _arrival_on(self, path: Path) -> float:
        now = self._agenda.now
        delay = path.delay * (1.0 + 0.5 * self._random())
        if path.tail and self._chance.happens(path.tail):
            delay = min(TAIL, delay / (0.01 + self._random()))
        return max(now + delay, path.clogged_until)

    # ---- connections ----

    def add(self, dialler: Process, listener: Process) -> Edge:
        """Two brokers are to be connected from now on."""
        paths = [Path(self._chance.between(*DELAYS)) for _ in range(2)]
        edge = Edge(dialler, listener, *paths)
        self.edges.append(edge)
        dialler.edges.append(edge)
        listener.edges.append(edge)
        self._agenda.after(self._chance.between(0.0, 0.1), self.dial, edge)
        return edge

    def remove(self, edge: Edge) -> None:
        """Two brokers are not to be connected any more."""
        edge.wanted = False
        for process in (edge.dialler, edge.listener):
            process.edges.remove(edge)
        self.edges.remove(edge)
        if edge.end is not None:
            self.break_off(edge.end, "removed")

    def dial(self, edge: Edge, attempt: int | None = None) -> None:
        """Try to connect. Who was given `attempt` tries only if nothing has happened since."""
        if not edge.wanted or (attempt is not None and attempt != edge.attempt):
            return
        edge.attempt += 1
        edge.backoff, backoff = min(LONGEST_BACKOFF, 2 * edge.backoff), edge.backoff
        wait = max(DIAL_TIMEOUT, backoff) * self._chance.between(1.0, 1.2)
        self._agenda.after(wait, self.dial, edge, edge.attempt)
        if edge.dialler.is_running and not self._loses(edge.there):
            called = (edge, edge.attempt, edge.dialler.incarnation)
            self._agenda.at(self._arrival_on(edge.there), self._called, called)

    def _loses(self, path: Path) -> bool:
        return bool(path.blocked) or self._chance.happens(path.loss)

    def _called(self, called: tuple[Edge, int, int], _: Any) -> None:
        """The listener is told of a dial."""
        edge, attempt, incarnation = called
        listener = edge.listener
        if not edge.wanted or listener.node is None:
            return
        if listener.is_paused:
            listener.inbox.append((self._called, called, None))
            return
        self._sessions += 1
        here = End(listener, edge.dialler.name, self._sessions, edge.back)
        here.other = End(edge.dialler, listener.name, self._sessions, edge.there)
        here.other.other = here
        here.other.is_open = False  # until the dialler knows
        if not self._loses(edge.back):
            here.last = self._arrival_on(edge.back)
            self._agenda.at(here.last, self._answered, (edge, attempt, incarnation), here.other)
        listener.adopt(here)
        listener.hand(LinkUp(here.session, incarnation), here.peer)

    def _answered(self, called: tuple[Edge, int, int], end: End) -> None:
        """The dialler is told that it is connected."""
        edge, attempt, incarnation = called
        dialler = edge.dialler
        if dialler.is_paused:
            dialler.inbox.append((self._answered, called, end))
            return
        given_up = attempt != edge.attempt or dialler.incarnation != incarnation
        if given_up or not edge.wanted or dialler.node is None:
            self._tell_closed(end, "given up")
            return
        edge.attempt += 1  # ends the timeout
        edge.backoff = FIRST_BACKOFF
        edge.end = end
        end.is_open = True
        dialler.adopt(end)
        dialler.hand(LinkUp(end.session, end.other.process.incarnation), end.peer)

    def closed(self, end: End, reason: str) -> None:
        """The process at this end has ended the connection: the other one is told."""
        self._tell_closed(end, reason)

    def _tell_closed(self, end: End, reason: str) -> None:
        if not self._loses(end.path):
            end.last = self._arrival(end)
            self._agenda.at(end.last, end.other.hang_up, reason)

    def redial(self, end: End) -> None:
        """A connection is gone at this end: whoever dials does so again."""
        for edge in end.process.edges:
            if edge.end is end:
                edge.end = None
                wait = edge.backoff * self._chance.between(0.5, 1.0)
                self._agenda.after(wait, self.dial, edge, edge.attempt)

    def break_off(self, end: End, reason: str) -> None:
        """Both ends lose the connection, each when it learns of it."""
        for one in (end, end.other):
            self._agenda.at(self._arrival_on(one.path), one.hang_up, reason)
