"""How many events may be under way: windows from the broker of a publisher to those of subscribers.

    source S                  relays, which never wait                taker X
    a window for each taker  ── events ───────────────────────────►  queues of its clients
                             ◄─ Credit(up to n), once consumed ────

A source that has as many unconsumed events on their way to a taker as its window holds takes
nothing more from publishers. Only what subscribers consume opens a window, and no broker waits for
another to send: so there is no circle to wait in, whatever cycles the overlay has. What a relay
holds is bounded by the windows whose paths go through it.

Events that are lost on a broken link are never consumed. A source that has been stopped for a while
asks (Probe), behind the events and on their path: what the taker has not got by then will not come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from brokers.messages import Credit, Event, Probe

__all__ = ["Flow"]

_STREAM = itemgetter(0, 1)  # source and incarnation of an event

#: A source that is stopped asks after so many seconds, and again after as many.
_ASK_AFTER = 1.0


class _Taker:
    """A window of this source."""

    __slots__ = ("asked_at", "under_way")

    def __init__(self) -> None:
        self.under_way: deque[int] = deque()
        self.asked_at: float | None = None


class _Source:
    """What this taker owes a source."""

    __slots__ = ("held_by", "incarnation", "latest", "owed")

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.latest = 0
        self.owed = 0
        self.held_by: dict[str, None] = {}  # clients whose queues are too long


class Flow:
    """The windows of one broker, as a source and as a taker."""

    def __init__(self, name: str, incarnation: int, window: int) -> None:
        self._name = name
        self._incarnation = incarnation
        self._window = window
        self._share = max(1, window // 4)  # a credit for so many events
        self._takers: dict[str, _Taker] = {}
        self._full: dict[str, None] = {}
        self._sources: dict[str, _Source] = {}
        self._holders: dict[str, None] = {}  # clients that hold a source
        self._credits: list[Credit] = []

    # ---- as a source --------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """May publishers go on?"""
        return not self._full

    @property
    def room(self) -> int:
        """So many events may go on at least, whoever wants them; 0 if it is not open."""
        if self._full:
            return 0
        return min(
            [self._window - len(taker.under_way) for taker in self._takers.values()],
            default=self._window,
        )

    @property
    def full(self) -> tuple[str, ...]:
        """The takers that publishers wait for."""
        return tuple(self._full)

    def sent(self, takers: tuple[str, ...], sequences: Iterable[int]) -> None:
        """Events of ours are on their way to these brokers."""
        for name in takers:
            taker = self._takers.get(name)
            if taker is None:
                taker = self._takers[name] = _Taker()
            taker.under_way.extend(sequences)
            if len(taker.under_way) >= self._window:
                self._full[name] = None

    def credit(self, credit: Credit) -> None:
        """A taker has consumed."""
        taker = self._takers.get(credit.taker)
        if taker is None or credit.incarnation != self._incarnation:
            return
        under_way = taker.under_way
        while under_way and under_way[0] <= credit.sequence:
            under_way.popleft()
        if len(under_way) < self._window:
            taker.asked_at = None
            self._full.pop(credit.taker, None)

    def gone(self, taker: str) -> None:
        """The broker has left the overlay: nothing is on its way to it."""
        self._takers.pop(taker, None)
        self._full.pop(taker, None)

    def probes(self, now: float) -> list[Probe]:
        """What to ask takers that have kept this source waiting."""
        probes = []
        for name in self._full:
            taker = self._takers[name]
            if taker.asked_at is None:
                taker.asked_at = now  # asked when it has lasted for a while
            elif taker.asked_at + _ASK_AFTER <= now:
                taker.asked_at = now
                probes.append(Probe(self._name, self._incarnation, name, taker.under_way[-1]))
        return probes

    # ---- as a taker ---------------------------------------------------------------------------

    def received(self, events: Iterable[Event]) -> None:
        """Events are here, and whoever wants them here has them."""
        for (name, incarnation), run in groupby(events, _STREAM):
            source = self._source(name, incarnation)
            if source is None:
                continue
            sequences = [event.sequence for event in run]
            source.latest = max(source.latest, *sequences)
            source.owed += len(sequences)
            if source.owed >= self._share and not source.held_by:
                self._give(name, source)

    def _source(self, name: str, incarnation: int) -> _Source | None:
        """What is owed to this incarnation; None: nothing any more, there is a later one."""
        source = self._sources.get(name)
        if source is None or source.incarnation < incarnation:
            source = self._sources[name] = _Source(incarnation)
        return source if source.incarnation == incarnation else None

    def _give(self, name: str, source: _Source) -> None:
        source.owed = 0
        self._credits.append(Credit(name, source.incarnation, self._name, source.latest))

    def probed(self, probe: Probe) -> None:
        """The source asks: what came before is here, or will not come."""
        source = self._source(probe.source, probe.incarnation)
        if source is None:
            return
        source.latest = max(source.latest, probe.sequence)
        if not source.held_by:
            self._give(probe.source, source)
        else:
            source.owed = self._share

    def hold(self, event: Event, client: str) -> None:
        """A client's queue is too long: no credit for this source until it is shorter."""
        source = self._source(event.source, event.incarnation)
        if source is not None:
            source.held_by[client] = None
            self._holders[client] = None

    def release(self, client: str) -> None:
        """The client's queue is short again, or gone."""
        if client not in self._holders:
            return
        del self._holders[client]
        for name, source in self._sources.items():
            if client in source.held_by:
                del source.held_by[client]
                if not source.held_by and source.owed >= self._share:
                    self._give(name, source)

    @property
    def owing(self) -> bool:
        """Are there credits to send?"""
        return bool(self._credits)

    def credits(self) -> list[Credit]:
        """The credits to send; each once."""
        credits, self._credits = self._credits, []
        return credits
