"""The side of a broker that faces others: links, records, routes and tables.

`Node` hands it what neighbours say about these; what there is to say to neighbours is framed and
collects in `effects`, in order. Changes are noted when they come, and `follow` does what follows
from them: first everybody learns the record that has changed, then routes and adverts change, then
the tables, then what is settled is reported. Links keep order, so a neighbour knows the cause when
it gets the consequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from brokers.effects import Close, Effect, Send
from brokers.filters import passed_on
from brokers.interest.adverts import Adverts, promises
from brokers.interest.entries import Entries, Entry
from brokers.interest.settling import Settling
from brokers.interest.targets import TARGETS
from brokers.link import Link
from brokers.messages import (
    Digest,
    Frame,
    Key,
    Peer,
    Ping,
    Record,
    Resync,
    Settled,
    Summary,
    Synced,
)
from brokers.overlay.database import Database
from brokers.overlay.routes import Routes
from brokers.overlay.topology import Topology
from brokers.presets import Preset
from brokers.reduce import Reducer, reducer
from brokers.settings import Settings
from matchengine import Matcher

__all__ = ["Neighbours"]

#: Records of brokers out of reach that are kept, so that old ones are recognised.
_ABSENT = 256


class Neighbours:
    """All links of a broker, and what is known through them."""

    def __init__(
        self,
        name: str,
        incarnation: int,
        preset: Preset,
        settings: Settings,
        matcher: Matcher[Any],
        counters: Counter[str],
        gone: Callable[[str], None],
    ) -> None:
        self._name = name
        self._settings = settings
        self._counters = counters
        self._gone = gone  # is told of brokers that leave the overlay
        self.links: dict[str, Link] = {}
        self.effects: list[Effect] = []
        self.database = Database(name, incarnation)
        self.routes = Routes(name, shared=preset.trees == "shared", retain=settings.retain)
        self.topology = self.routes.current  #: all links, where `routes` may share a tree
        self.adverts = Adverts(self.routes, settings.retain)
        self._advertised: dict[str, tuple[str, ...]] = {}
        self._guided = preset.targets == "guided"
        self._by_topology = preset.targets in ("root", "owners")
        self._targets = TARGETS[preset.targets](self.routes, self.adverts, settings.key)
        self._numbers = count(1)
        self.entries = Entries(
            name,
            incarnation,
            self.routes,
            self._targets,
            matcher,
            self._reducer_maker(preset.link),
        )
        self.settling = Settling(self.database, self.routes)
        self._unreported: dict[str, None] = {}  # origins of which there may be news for parents
        self._down_since: dict[str, float] = {}
        self._news = False  # have records changed?

    def _reducer_maker(self, kind: str | None) -> Callable[[], Reducer[Key]] | None:
        return None if kind is None else lambda: reducer(kind, self._numbers)

    # ---- links ----------------------------------------------------------------------------------

    def say(self, neighbour: str, message: Peer, now: float) -> None:
        """Say something on a link; nothing if it is down."""
        link = self.links.get(neighbour)
        if link is not None:
            self.effects.append(Send(neighbour, link.frame(message, now)))

    def towards(self, broker: str, message: Peer, now: float) -> None:
        """Send a message on its way to a broker."""
        hop = self.routes.parent(broker)
        if hop is not None:
            self.say(hop, message, now)

    def up(self, neighbour: str, session: int, incarnation: int, now: float) -> None:
        """A link has come up; of an older one to the same neighbour nothing more is heard."""
        if self._is_behind(neighbour, session, incarnation, now):
            return
        self.links[neighbour] = Link(neighbour, session, now)
        self._down_since.pop(neighbour, None)
        self._counters["links up"] += 1
        self.settling.link_up(neighbour)
        # What was said of others on an earlier connection is said again, though no route changes.
        self._unreported.update(dict.fromkeys(self.database.records))
        self.say(neighbour, self.database.summary(), now)
        self._speak(now)
        for first in self.entries.link_up(neighbour):
            self.say(neighbour, first, now)

    def _is_behind(self, neighbour: str, session: int, incarnation: int, now: float) -> bool:
        """Is a later incarnation known? Nobody would heed this one: it is told, and sent away."""
        known = self.database.records.get(neighbour)
        if known is None or known.incarnation <= incarnation:
            return False
        kind = "another of its name has a later incarnation"
        self._counters[f"links ended: {kind}"] += 1
        reason = f"{kind} ({known.incarnation}): is its clock right?"
        self.effects.append(Close(neighbour, session, reason))
        if neighbour in self.links:  # the shell has put this connection in its place
            self._lose(neighbour, now)
            self._speak(now)
        return True

    def down(self, neighbour: str, session: int, now: float) -> None:
        """A link has gone down, if it is the one that we mean."""
        link = self.links.get(neighbour)
        if link is not None and link.session == session:
            self._lose(neighbour, now)
            self._speak(now)

    def end(self, link: Link, reason: str, now: float, kind: str = "") -> None:
        """End a link from this side. Counted by `kind`, if the reason is not one of a few."""
        self._counters[f"links ended: {kind or reason}"] += 1
        self.effects.append(Close(link.neighbour, link.session, reason))
        self._lose(link.neighbour, now)
        self._speak(now)

    def _lose(self, neighbour: str, now: float) -> None:
        del self.links[neighbour]
        self._down_since[neighbour] = now
        self.settling.link_down(neighbour)
        self.entries.link_down(neighbour)

    def compare(self, message: Digest, link: Link, now: float) -> None:
        """A neighbour says what its export is: what we hold, or it is to be sent."""
        if self.entries.imports[link.neighbour].digest() == message:
            link.agreed = now
        else:
            self._counters["resynchronisations"] += 1
            self.say(link.neighbour, Resync(), now)

    def next_frame(self, frame: Frame, sender: str, now: float) -> Link | None:
        """The link of a frame that is the next one; None if there is nothing to do with it."""
        link = self.links.get(sender)
        gap = -1 if link is None else link.expects(frame)
        if link is None or gap < 0:
            self._counters["frames ignored"] += 1
            return None
        if gap > 0:
            self.end(link, "frames are missing", now)
            return None
        link.next_in += 1
        link.heard_at = now
        return link

    # ---- records --------------------------------------------------------------------------------

    def summary(self, message: Summary, sender: str, now: float) -> None:
        """A neighbour says what it knows: it gets what it lacks."""
        for record in self.database.lacking(message):
            self.say(sender, record, now)
        self.say(sender, Synced(), now)

    def synced(self, link: Link) -> None:
        """A neighbour has said all that we lacked."""
        link.synced = True
        self._news = True

    def learn(self, record: Record, sender: str, now: float) -> None:
        """A record has come. Raises ProtocolError."""
        for advert in set(record.adverts).difference(self._advertised.get(record.origin, ())):
            passed_on(advert, sender)
        if record.origin == self._name:
            if record[1:3] > self.database.own[1:3]:
                self._counters["records of another broker with our name"] += 1
        elif self.database.accept(record):
            self._pass_on(record, sender, now)

    def _speak(self, now: float) -> None:
        """Our links have changed."""
        own = self.database.own
        self.advertise(own.generation, own.adverts, now)

    def advertise(self, generation: int, adverts: tuple[str, ...], now: float) -> None:
        """Say of this broker what is true now."""
        record = self.database.say(
            neighbours=tuple(sorted(self.links)), generation=generation, adverts=adverts
        )
        self._pass_on(record, None, now)

    def _pass_on(self, record: Record, sender: str | None, now: float) -> None:
        for neighbour in self.links:
            if neighbour != sender:
                self.say(neighbour, record, now)
        self._unreported[record.origin] = None
        self._news = True

    # ---- what follows ---------------------------------------------------------------------------

    def report(self, sender: str, report: Settled) -> None:
        """A child says what is settled beyond it."""
        self.settling.receive(sender, report)
        self._unreported[report.origin] = None

    def look_again(self) -> None:
        """We have joined: what is settled of ours?"""
        self._unreported[self._name] = None

    def follow(self, now: float) -> None:
        """Let routes and targets follow from what has changed. `flush` says what that means."""
        if self._news:
            self._news = False
            topology = self.database.topology()
            if topology is not self.topology:
                self._change_topology(topology, now)
            for origin in topology.brokers:
                self._heed_adverts(origin, self.database.records[origin].adverts, now)
            around = topology.neighbours[self._name]
            for link in self.links.values():
                link.joined = link.joined or (link.synced and link.neighbour in around)

    def flush(self, now: float, *, joined: bool) -> None:
        """Say what has changed in tables, and then what has settled."""
        for neighbour, message in self.entries.flush():
            self.say(neighbour, message, now)
        if self._unreported:
            origins, self._unreported = self._unreported, {}
            for parent, settled in self.settling.advance(origins, joined=joined):
                self.say(parent, settled, now)

    def _change_topology(self, topology: Topology, now: float) -> None:
        before, self.topology = self.topology, topology
        if self.routes.change(topology, now):
            self._reroute()
        for broker in before.brokers:
            if broker not in topology:
                self._heed_adverts(broker, (), now)
                self._gone(broker)
        if not set(before.links) <= set(topology.links) and before.brokers == topology.brokers:
            self._counters["failovers"] += 1
        self.database.forget(topology, _ABSENT)
        self._unreported.update(dict.fromkeys(self.database.records))

    def _reroute(self) -> None:
        self.entries.reroute()
        if self._by_topology:
            self.entries.retarget(lambda entry: self._targets(entry.filter))

    def _heed_adverts(self, origin: str, adverts: tuple[str, ...], now: float) -> None:
        if self._advertised.get(origin, ()) == adverts:
            return
        if adverts:
            self._advertised[origin] = adverts
        else:
            del self._advertised[origin]
        new = self.adverts.set(origin, adverts, now)
        if not new or not self._guided:
            return
        bit = 1 << self.routes.number(origin)

        def targets(entry: Entry) -> int:
            known = entry.targets & bit
            if known or any(promises(advert, entry.filter) for advert in new):
                return entry.targets | bit
            return entry.targets

        self.entries.retarget(targets)

    # ---- time -----------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Heartbeats, dead links, comparisons of tables, the end of what is kept for a while."""
        for link in self.links.values():  # while nothing waits to be said about tables
            if link.audited_at + self._settings.audit <= now:
                link.audited_at = now
                self.say(link.neighbour, self.entries.digest(link.neighbour), now)
        for link in list(self.links.values()):
            if link.heard_at + self._settings.dead_after <= now:
                self.end(link, "nothing was heard for too long", now)
            elif not link.joined and link.since + self._settings.joining <= now:
                self.end(link, "it did not join the overlay", now)
            elif link.said_at + self._settings.heartbeat <= now:
                self.say(link.neighbour, Ping(), now)
        if self.routes.expire(now):
            self._reroute()
        for source in self.adverts.expire(now):
            self._narrow(source)
        for neighbour, since in list(self._down_since.items()):
            if since + self._settings.retain <= now:
                del self._down_since[neighbour]
                self.entries.forget(neighbour)

    def were_deaf(self, seconds: float, now: float) -> None:
        """That long nobody could have been heard; who was heard since then was heard now."""
        for link in self.links.values():
            link.heard_at = min(link.heard_at + seconds, now)

    def _narrow(self, source: str) -> None:
        """A source has taken adverts back for good."""
        bit = 1 << self.routes.number(source)

        def targets(entry: Entry) -> int:
            if entry.targets & bit and not self.adverts.may_publish(source, entry.filter):
                return entry.targets & ~bit
            return entry.targets

        if self._guided:
            self.entries.retarget(targets)
