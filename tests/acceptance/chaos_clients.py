"""Clients of real brokers, as `brokers.connect` makes them, each word of theirs told to the oracle.

The oracle is the simulator's, on the time of a wall clock. Here words lie in sockets until somebody
reads them, so it demands less in one point: an event is owed to the subscriptions that wanted it
both when its publisher said it and when that heard that it is taken.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, cast

from brokers import ConnectionLost, Subscription
from brokers.addresses import Address
from brokers.aio.client import Client
from brokers.aio.connection import Connection
from brokers.aio.subscription import Advert
from brokers.greetings import ClientHello
from brokers.messages import (
    Advertise,
    Deliver,
    Done,
    Failed,
    Lost,
    Refused,
    Subscribe,
    Taken,
    Unadvertise,
    Unsubscribe,
    Welcome,
)
from brokers.simulation.chance import Chance
from brokers.simulation.conditions import Conjunction, Values, draw_values, matches, text_of
from brokers.simulation.failure import Failure
from brokers.simulation.oracle import Oracle, Published, Wish
from brokers.simulation.windows import Windows

__all__ = ["UNDER_WAY", "Actor", "Clock", "SlowWindows", "Spied", "WallOracle"]

#: How long an event or a request may be under way between processes that share busy cores.
UNDER_WAY: Final = 10.0
#: Subscriptions, and adverts, of one client.
MOST_WISHES: Final = 6
MOST_ADVERTS: Final = 2


class Clock:
    """Seconds since the beginning, where the simulator has its agenda."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start


class SlowWindows(Windows):
    """Windows of faults, where what is under way takes longer than in virtual time."""

    def until(self, taken: float) -> float:
        """Until when may an event of that time be under way?"""
        until = taken + UNDER_WAY
        for start, end, _ in self._windows:
            if start <= until and taken <= end:
                until = max(until, end + UNDER_WAY)
        return until


class WallOracle(Oracle):
    """The oracle, where answers are heard later than they are given."""

    def __init__(self, clock: Clock, windows: Windows) -> None:
        super().__init__(cast("Any", clock), windows, tree=0)
        self._before: dict[bytes, int] = {}

    def publish(self, client: Any, number: int, values: Values, allowed: bool) -> Published:
        """A client is about to publish."""
        published = super().publish(client, number, values, allowed)
        self._before[published.body] = self.wanting(values)
        return published

    def taken(self, published: Published) -> None:
        """A publisher was told that its event is taken."""
        super().taken(published)
        published.owed &= self._before.pop(published.body)

    def is_anything_missing(self) -> bool:
        """Has an event that is not judged yet not arrived everywhere?"""
        return any(one.owed & ~one.got for one in self.events.values())

    def judge(self, until: float) -> None:
        """Judge, and forget, what was published until then."""
        super().judge(until)
        for body in [body for body in self._before if body not in self.events]:
            del self._before[body]  # nobody knows whether it was taken


class Home:
    """The broker of a client, as the oracle wants to see it."""

    def __init__(self, name: str) -> None:
        self.name = name


class Spied(Client):
    """A client that tells the oracle what it says, and what it hears before its user does."""

    def __init__(
        self,
        at: Address,
        name: str | None,
        broker: str,
        number: int,
        oracle: WallOracle,
        clock: Clock,
        fail: Callable[[Failure], None],
    ) -> None:
        super().__init__(at, ClientHello(name, "", "block", 1_024), None, 60.0)
        self.process = Home(broker)
        self.number = number
        self.durable = name is not None
        self.address = f"#{number}.0"
        self.published_as = ""
        self.visits = 0
        self.away: float | None = clock.now  #: since when it is not connected
        self.wishes: dict[int, Wish] = {}
        self.past: dict[int, Wish] = {}
        self.heard_last: dict[str, int] = {}
        self.texts: dict[str, Conjunction] = {}  #: filters by the text that travels
        self.requests: dict[int, tuple[float, Any]] = {}
        self.unanswered: deque[Published] = deque()
        self.arrived: dict[int, deque[bytes]] = {}  #: what its user has not read yet
        self.routes: Counter[tuple[str, str]] = Counter()  #: deliveries by both brokers
        self._oracle, self._clock, self._fail = oracle, clock, fail

    def __repr__(self) -> str:
        return f"client {self.number} ({self.published_as}) of {self.process.name}"

    # ---- what it says ----

    def _say(self, word: Any) -> None:
        if self._connection is not None:
            self._note(word)
        super()._say(word)

    def _note(self, word: Any) -> None:
        if isinstance(word, Subscribe):
            number = word.subscription
            if number not in self.wishes:
                self.wishes[number] = self._oracle.new_wish(cast("Any", self), number)
                self.arrived.setdefault(number, deque())
            self._oracle.change(self.wishes[number], self.texts[word.filter])
        elif isinstance(word, Unsubscribe) and word.subscription in self.wishes:
            self._oracle.change(self.wishes[word.subscription], None)
        if isinstance(word, Subscribe | Unsubscribe | Advertise | Unadvertise):
            self.requests[word.request] = (self._clock.now, word)

    async def say_event(self, values: Values, allowed: bool) -> None:
        """Publish; what becomes of it is the oracle's concern."""
        published = self._oracle.publish(cast("Any", self), 0, values, allowed)
        published.number = await self.publish(published.body)
        published.publisher = (self.process.name, self.published_as)
        published.stream = self.address
        self.unanswered.append(published)

    # ---- what it hears ----

    def heard(self, connection: Connection, word: Any) -> None:
        """A word of the broker's."""
        try:
            self._judge(word)
        except Failure as failure:
            self._fail(failure)
        super().heard(connection, word)

    def down(self, connection: Connection, reason: str) -> None:
        """The connection has ended."""
        if self.away is None:
            self.away = self._clock.now
            self.requests.clear()
            self.unanswered.clear()
            for wish in self.wishes.values():
                self._oracle.lapse(wish, stays=self.durable)
        if connection.dismissed and not self._closing:
            self._fail(Failure("answer", f"{self} was sent away: {reason}"))
        super().down(connection, reason)

    def _judge(self, word: Any) -> None:
        if isinstance(word, Deliver):
            self._delivered(word)
        elif isinstance(word, Taken):
            last = self._state._base + word.number
            while self.unanswered and self.unanswered[0].number <= last:
                published = self.unanswered.popleft()
                if not published.is_refused:
                    self._oracle.taken(published)
        elif isinstance(word, Refused):
            number = self._state._base + word.number
            for published in self.unanswered:
                if published.number == number:
                    self._oracle.refused(published, word.error)
        elif isinstance(word, Done | Failed):
            self._done(word)
        elif isinstance(word, Lost):
            self._oracle.counted_drop(cast("Any", _Ear(self)), word.reason, word.total)
        elif isinstance(word, Welcome):
            self._welcomed_by(word)

    def _delivered(self, word: Deliver) -> None:
        self._oracle.delivered(cast("Any", _Ear(self)), word.batch)
        for numbers, event in word.batch:
            self.routes[event.source, self.process.name] += 1
            for number in numbers:
                if number in self._state.queues:
                    self.arrived[number].append(event.body)

    def _done(self, word: Done | Failed) -> None:
        _, asked = self.requests.pop(word.request, (0.0, None))
        if isinstance(word, Failed) and asked is not None:
            gone = isinstance(asked, Unsubscribe | Unadvertise) and self.visits > 1
            if not gone:  # it may have gone with the connection before
                raise Failure("answer", f"{self} asked {asked}, got {word}")
        if not isinstance(asked, Subscribe | Unsubscribe) or asked.subscription not in self.wishes:
            return
        number = asked.subscription
        if any(getattr(one, "subscription", None) == number for _, one in self.requests.values()):
            return  # another filter is asked for already
        wish = self.wishes[number]
        self._oracle.settled(wish)
        if wish.settled is None:
            self.past[number] = self.wishes.pop(number)

    def _welcomed_by(self, word: Welcome) -> None:
        self.visits += 1
        self.address = f"#{self.number}.{self.visits}"
        self.published_as = word.client
        self.away = None
        self.heard_last = {}
        told = dict(word.subscriptions)
        if not self.durable and told:
            raise Failure("store", f"{self} is nobody, and has {told}")
        for number, wish in self.wishes.items():
            if number in told:
                self._oracle.remembered(wish, told[number])
            elif self.durable and wish.is_durable:
                raise Failure("store", f"{wish} is forgotten")
        if more := told.keys() - self.wishes.keys():
            raise Failure("store", f"{self} has no longer, or never had, subscriptions {more}")


class _Ear:
    """A client as the oracle looks at it when it gets something."""

    def __init__(self, client: Spied) -> None:
        self.heard, self.wishes, self.past = client.heard_last, client.wishes, client.past
        self.number, self.connections, self.policy = client.number, client.visits, "block"
        self.name = repr(client)

    def __repr__(self) -> str:
        return self.name


class Actor:
    """The user of one client: does one thing after the other, and reads all that comes."""

    def __init__(
        self, client: Spied, chance: Chance, pool: list[Conjunction], may_change: asyncio.Event
    ) -> None:
        self.client = client
        self.read = 0
        self._chance, self._pool, self._may_change = chance, pool, may_change
        self._held: list[Subscription] = []
        self._adverts: list[tuple[Advert, Conjunction]] = []
        self._readers: set[asyncio.Task[None]] = set()
        self.is_over = False
        client.texts = {text_of(one): one for one in pool}

    async def act(self, pause: float) -> None:
        """Publish, mostly, until `is_over`; `pause` seconds between two actions, on average."""
        chance = self._chance
        while not self.is_over:
            await asyncio.sleep(chance.between(0.0, 2.0 * pause))
            what = chance.random()
            try:
                if what < 0.92:
                    await self.publish(chance.whole(1, 3))
                else:
                    await self._may_change.wait()
                    await (self._change_adverts() if what < 0.935 else self._change_wishes())
            except ConnectionLost:
                pass  # some publications were unanswered: the oracle expects nothing of them

    async def publish(self, events: int) -> None:
        """Publish some, one in twenty perhaps against the adverts."""
        for _ in range(events):
            client, chance = self.client, self._chance
            if client.away is not None or len(client.unanswered) > 500:
                return
            adverts = [conjunction for _, conjunction in self._adverts]
            fits = adverts and chance.happens(0.95)
            values = draw_values(chance, chance.pick(adverts)) if fits else draw_values(chance)
            allowed = not adverts or any(matches(one, values) for one in adverts)
            await client.say_event(values, allowed)
        client.refused()  # the oracle knows them

    async def _change_wishes(self) -> None:
        chance = self._chance
        filter = text_of(chance.often(self._pool))
        if not self._held or chance.random() < 1.0 - len(self._held) / MOST_WISHES:
            await self.subscribe(filter)
        elif chance.happens(0.5):
            await chance.pick(self._held).replace(filter)
        else:
            await self._held.pop(chance.whole(0, len(self._held) - 1)).unsubscribe()

    async def subscribe(self, filter: str) -> None:
        """Subscribe, and read from now on."""
        subscription = await self.client.subscribe(filter)
        self._held.append(subscription)
        reader = asyncio.get_running_loop().create_task(self._read(subscription))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _change_adverts(self) -> None:
        await self.client.answered()  # what was said before may not meet the new ones
        if self._adverts and self._chance.happens(0.5):
            await self._adverts.pop(0)[0].withdraw()
        elif len(self._adverts) < MOST_ADVERTS:
            conjunction = self._chance.often(self._pool)
            self._adverts.append((await self.client.advertise(text_of(conjunction)), conjunction))

    async def _read(self, subscription: Subscription) -> None:
        arrived = self.client.arrived[subscription.number]
        async for event in subscription:
            if not arrived or arrived.popleft() != event.body:
                text = f"{self.client} was handed {event}, which was not next"
                self.client._fail(Failure("client", text))
            self.read += 1

    async def take_back(self) -> None:
        """End all subscriptions and adverts."""
        for subscription in self._held:
            await subscription.unsubscribe()
        for advert, _ in self._adverts:
            await advert.withdraw()
        self._held.clear()
        self._adverts.clear()
