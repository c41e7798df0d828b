"""What must have been delivered, and what must not: told everything, believing nobody.

It learns from the clients what they asked for and what they heard, and judges it with the plain
evaluator of `conditions`:

* nothing is delivered that no filter of the subscription wants, as of when it was published;
* nothing twice to a subscription;
* nothing of a publisher after a later event of the same publisher;
* what was taken while the filter of a subscription was settled (acknowledged, and neither replaced
  nor ended since) arrives, unless a fault, its own client or a counted drop excuses its loss.
  While a filter is being replaced, what both filters want must arrive;
* every request is answered in time, every publication taken, or refused if it must be.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from brokers.messages import Delivery, Event
from brokers.simulation.agenda import Agenda
from brokers.simulation.conditions import Conjunction, Index, Values, body_of, matches, text_of
from brokers.simulation.failure import Failure
from brokers.simulation.windows import UNDER_WAY, Windows

if TYPE_CHECKING:
    from brokers.simulation.client import Client

__all__ = ["Oracle", "Published", "Wish"]

#: Events are judged, and forgotten, so long after they were published: longer than any fault lasts,
#: with the time to converge. An event that arrives even later is a failure.
HORIZON: Final = 90.0

#: While faults change the trees, an event may follow old ones and new ones, and meet itself again;
#: but after so many times the links of a tree it is in a loop.
ROUNDS: Final = 12


class Filter:
    """A filter of a subscription, and when it counted."""

    __slots__ = ("conjunction", "since", "until")

    def __init__(self, conjunction: Conjunction | None, since: float, until: float) -> None:
        self.conjunction = conjunction  #: None: there was none, as the client had ended or left it
        self.since = since
        self.until = until  #: what was published later must not be delivered for it


class Wish:
    """A subscription, and the filters it has had."""

    __slots__ = ("bit", "client", "filters", "is_durable", "number", "settled", "slot")

    def __init__(self, client: Client, number: int, slot: int) -> None:
        self.client = client
        self.number = number
        self.slot = slot
        self.bit = 1 << slot
        self.filters: list[Filter] = []  #: oldest first
        #: The filter that was acknowledged, and that its client has not ended or left since.
        self.settled: Conjunction | None = None
        self.is_durable = False  #: the broker must know of it when the client comes back

    def __repr__(self) -> str:
        texts = [f.conjunction for f in self.filters if f.until == math.inf]
        text = " or ".join(text_of(one) for one in texts if one is not None)
        return f"subscription {self.number} ({text or 'ended'}) of {self.client}"


class Published:
    """An event, and what has become of it."""

    __slots__ = (
        "allowed", "body", "client", "event", "first_from", "got", "hops", "is_refused", "number",
        "owed", "published", "publisher", "stream", "taken", "values", "ways",
    )  # fmt: skip

    def __init__(
        self, client: Client, number: int, values: Values, body: bytes, now: float, allowed: bool
    ) -> None:
        self.client = client
        self.publisher = (client.process.name, client.published_as)
        self.stream = client.address  #: whose events keep their order
        self.number = number
        self.values = values
        self.body = body
        self.published = now
        self.allowed = allowed
        self.is_refused = False
        self.taken = math.inf
        self.owed = 0  #: bits of the wishes that it must be delivered to
        self.got = 0  #: bits of the wishes that it was delivered to
        self.hops = 0  #: links that it was sent over
        #: From whom to whom, in which frame; and from whom each broker had it first.
        self.ways: dict[tuple[str, str], tuple[int, int]] = {}
        self.first_from = {client.process.name: ""}
        self.event: Event | None = None  #: as it was delivered first


class Oracle:
    """The judge of one run. Everything it finds is raised as `Failure`."""

    def __init__(
        self, agenda: Agenda, windows: Windows, tree: int, *, in_order: bool = True
    ) -> None:
        """While all is well, an event may cross `tree` links.

        `in_order`: while all is well, no event of a publisher overtakes another.
        """
        self._tree = tree
        self._in_order = in_order
        #: What has gathered goes out a window at a time: seconds that an answer may take for that.
        self.patience = 0.0
        self.watched: bytes | None = None  #: the event whose story is wanted
        self.tell: Callable[[float, str], None] = lambda now, what: None
        self.counts: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()
        self.events: dict[bytes, Published] = {}
        self._agenda = agenda
        self._windows = windows
        self._index = Index()
        self._wishes: list[Wish] = []
        self._changing: dict[int, Wish] = {}  #: settled ones whose next filter is under way
        self._unjudged: deque[Published] = deque()  #: in order
        self._drops: dict[tuple[int, int, str], int] = {}  #: as told to a client's connection
        self._excused_drops: Counter[int] = Counter()

    # ---- subscriptions ----

    def new_wish(self, client: Client, number: int) -> Wish:
        """A client makes a subscription."""
        wish = Wish(client, number, len(self._wishes))
        self._wishes.append(wish)
        return wish

    def change(self, wish: Wish, conjunction: Conjunction | None) -> None:
        """A client asks for another filter, or for none."""
        now = self._agenda.now
        kept = [one for one in wish.filters if one.until > now - 2 * HORIZON]
        wish.filters = [*kept, Filter(conjunction, now, math.inf)]
        if conjunction is None:
            wish.is_durable = False
            self._unsettle(wish)
        elif wish.settled is not None:
            self._index.remove(wish.slot)
            self._changing[wish.slot] = wish

    def settled(self, wish: Wish) -> None:
        """A client was told that what it asked for last is in force."""
        latest = wish.filters[-1]
        for one in wish.filters:
            if one is not latest or one.conjunction is None:
                one.until = min(one.until, self._agenda.now)
        self._changing.pop(wish.slot, None)
        wish.settled = latest.conjunction
        if wish.settled is not None:
            wish.is_durable = True
            self._index.add(wish.slot, wish.settled)
        self.counts["settled"] += 1

    def lapse(self, wish: Wish, stays: bool) -> None:
        """The client is gone, and nothing has to be delivered to it."""
        now = self._agenda.now
        self._unsettle(wish)
        wish.filters.append(Filter(None, now, now))
        if not stays:
            self._close(wish)

    def remembered(self, wish: Wish, text: str) -> Conjunction:
        """The broker says what a client's subscription is. Returns the filter."""
        for one in wish.filters:
            conjunction = one.conjunction if one.until == math.inf else None
            if conjunction is not None and text_of(conjunction) == text:
                return conjunction
        raise Failure("store", f"{wish} is kept as {text}")

    def forgotten(self, wish: Wish) -> None:
        """The broker knows nothing of a subscription."""
        if wish.is_durable:
            raise Failure("store", f"{wish} is forgotten")
        self._close(wish)

    def wiped(self, clients: Iterable[Client]) -> None:
        """The store of these clients is lost."""
        for client in clients:
            for wish in client.wishes.values():
                wish.is_durable = False

    def settled_filters(self) -> list[tuple[str, str]]:
        """(broker, filter) of all that is acknowledged."""
        return [
            (wish.client.process.name, text_of(wish.settled))
            for wish in self._wishes
            if wish.settled is not None and wish.slot not in self._changing
        ]

    def wanted_by(self, values: Values) -> list[str]:
        """The brokers with an acknowledged subscription to such an event."""
        found = self._index.find(values)
        wishes = [wish for wish in self._wishes if found & wish.bit]
        return list(dict.fromkeys(wish.client.process.name for wish in wishes))

    def _unsettle(self, wish: Wish) -> None:
        self._index.remove(wish.slot)
        self._changing.pop(wish.slot, None)
        wish.settled = None

    def _close(self, wish: Wish) -> None:
        for one in wish.filters:
            one.until = min(one.until, self._agenda.now)

    # ---- events ----

    def publish(self, client: Client, number: int, values: Values, allowed: bool) -> Published:
        """A client publishes an event; `allowed` by its adverts, or not."""
        body = body_of({**values, "n": self.counts["published"]})
        self.counts["published"] += 1
        published = Published(client, number, values, body, self._agenda.now, allowed)
        self.events[body] = published
        self._unjudged.append(published)
        return published

    def taken(self, published: Published) -> None:
        """A publisher was told that its event is taken: who must get it?"""
        if not published.allowed:
            raise Failure("adverts", f"taken, and no advert matches: {_text(published)}")
        published.taken = self._agenda.now
        published.owed = self.wanting(published.values)
        self.counts["taken"] += 1

    def wanting(self, values: Values) -> int:
        """Bits of the wishes that an event taken now must be delivered to."""
        found = self._index.find(values)
        for wish in self._changing.values():
            both = (wish.settled, wish.filters[-1].conjunction)
            if all(one is not None and matches(one, values) for one in both):
                found |= wish.bit
        return found

    def refused(self, published: Published, error: str) -> None:
        """A publisher was told that its event is not taken."""
        if published.allowed:
            raise Failure("adverts", f"refused ({error}): {_text(published)}", published.body)
        published.is_refused = True
        self.counts["refused"] += 1

    def delivered(self, client: Client, batch: Iterable[Delivery]) -> None:
        """A client gets events."""
        heard = client.heard
        for subscriptions, event in batch:
            published = self.events.get(event.body)
            if published is None:
                raise Failure("false delivery", f"{client} got {event}, which nobody published")
            if published.event is not event:
                self._check_identity(published, event)
            if heard.get(published.stream, 0) > published.number:
                text = f"{client} got {_text(published)} after number {heard[published.stream]}"
                raise Failure("order", text, event.body)
            heard[published.stream] = published.number
            for number in subscriptions:
                wish = client.wishes.get(number) or client.past.get(number)
                if wish is None:
                    text = f"{client} has no subscription {number}, and got {_text(published)}"
                    raise Failure("false delivery", text, event.body)
                self._check(wish, published)
                published.got |= wish.bit
            self.counts["deliveries"] += 1
            if event.body == self.watched:
                self.tell(self._agenda.now, f"{client} gets it, for {subscriptions}")

    def _check(self, wish: Wish, published: Published) -> None:
        """May this event be delivered for this subscription?"""
        if published.got & wish.bit:
            raise Failure("duplicate", f"{wish} got {_text(published)} again", published.body)
        if published.owed & wish.bit:
            return
        valid = [one.conjunction for one in wish.filters if one.until >= published.published]
        wanted = any(one is not None and matches(one, published.values) for one in valid)
        if published.is_refused or not wanted:
            raise Failure("false delivery", f"{wish} got {_text(published)}", published.body)

    def _check_identity(self, published: Published, event: Event) -> None:
        """Is an event the same wherever it arrives?"""
        first = published.event or event
        if event != first or (event.source, event.publisher) != published.publisher:
            text = f"{_text(published)} of {published.publisher} is said to be {event}"
            raise Failure("false delivery", text, published.body)
        published.event = event

    def crossed(self, body: bytes, sender: str, to: str, frame: tuple[int, int] | None) -> None:
        """An event has come over a link; in a frame, if brokers find out where it goes."""
        published = self.events.get(body)
        if published is None:
            return
        if frame is not None:
            before = published.ways.setdefault((sender, to), frame)
            if before != frame:
                self._was_superfluous(published, f"{sender} has sent it to {to} twice")
            elif published.first_from.get(sender) == to:
                self._was_superfluous(published, f"{sender} has sent it back to {to}")
            published.first_from.setdefault(to, sender)
        published.hops += 1
        if published.hops > self._tree:
            self._check_hops(published)

    def _was_superfluous(self, published: Published, what: str) -> None:
        """Whatever happens to ways, while nothing may be lost nothing is sent twice."""
        times = published.published, self._agenda.now
        if not any(map(self._windows.excuse_loss, times)):
            raise Failure("transmissions", f"{_text(published)}: {what}", published.body)

    def _check_hops(self, published: Published) -> None:
        calm = self._windows.calm(published.published) and self._windows.calm(self._agenda.now)
        if calm or published.hops > ROUNDS * self._tree:
            text = f"{_text(published)} has crossed {published.hops} links"
            raise Failure("transmissions", text, published.body)

    def counted_drop(self, client: Client, reason: str, total: int) -> None:
        """A client is told how many deliveries to it were dropped.

        Who has them wait in its queue loses none there. While ways change, order may forbid a
        delivery: a later event has taken a shorter way.
        """
        calm = self._in_order and self._windows.calm(self._agenda.now)
        if client.policy == "block" and (calm or reason.startswith("queue")):
            raise Failure("queue", f"{client} has lost {total}: {reason}")
        self._drops[client.number, client.connections, reason] = total

    # ---- judgement ----

    def settled_since(self, since: float) -> Iterator[tuple[Published, set[str]]]:
        """What was published since then and taken, and the brokers whose clients must get it."""
        for published in self._unjudged:
            if published.published >= since and published.taken < math.inf:
                wishes = [wish for wish in self._wishes if published.owed & wish.bit]
                yield published, {wish.client.process.name for wish in wishes}

    def check_answers(self, clients: Iterable[Client]) -> None:
        """Has anybody waited for too long?"""
        now = self._agenda.now
        for client in clients:
            if client.unanswered:
                first = client.unanswered[0]
                if not self._windows.excuse_wait(first.published, now - self.patience):
                    text = f"{client} has waited since {first.published:.3f} with {_text(first)}"
                    raise Failure("answer", text, first.body)
            for since, message in client.requests.values():
                if not self._windows.excuse_wait(since, now):
                    text = f"{client} has waited since {since:.3f} for an answer to {message}"
                    raise Failure("answer", text)

    def judge(self, until: float) -> None:
        """Judge, and forget, what was published until then."""
        while self._unjudged and self._unjudged[0].published <= until:
            published = self._unjudged.popleft()
            del self.events[published.body]
            missing = published.owed & ~published.got
            if missing:
                self._judge(published, missing)

    def _judge(self, published: Published, missing: int) -> None:
        excused_clients = set()
        while missing:
            wish = self._wishes[(missing & -missing).bit_length() - 1]
            missing &= missing - 1
            client = wish.client.number
            if self._was_changed(wish, published, published.taken + UNDER_WAY):
                self.excused["changed or left"] += 1
            elif self._windows.excuse_loss(published.taken):
                self.excused["fault"] += 1
            elif self._was_changed(wish, published, self._windows.until(published.taken)):
                self.excused["changed or left"] += 1
            elif client in excused_clients or self._excused_drops[client] < self._told(client):
                if client not in excused_clients:
                    excused_clients.add(client)
                    self._excused_drops[client] += 1
                self.excused["counted drop"] += 1
            else:
                text = f"{wish} never got {_text(published)}"
                raise Failure("completeness", text, published.body)

    def _was_changed(self, wish: Wish, published: Published, until: float) -> bool:
        """Was the event overtaken by a change, after which nobody wanted it?"""
        return any(
            published.taken <= one.since <= until
            and (one.conjunction is None or not matches(one.conjunction, published.values))
            for one in wish.filters
        )

    def _told(self, client: int) -> int:
        return sum(total for (number, _, _), total in self._drops.items() if number == client)


def _text(published: Published) -> str:
    body = published.body.decode()
    times = f"published {published.published:.4f}, taken {published.taken:.4f}"
    return f"{body} (number {published.number} of {published.client}, {times})"
