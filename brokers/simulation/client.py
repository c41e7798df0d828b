"""A simulated client: it says what the workload has it do, and tells the oracle what it hears.

What a broker sends is heard at once; what a client says takes a moment, and keeps its order. So an
answer is known as early as can be, and a request is made before its broker knows of it: the oracle
never demands more than a real client could see.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from brokers.client import AGAIN
from brokers.messages import (
    Advertise,
    ClientDown,
    ClientUp,
    Consumed,
    Deliver,
    Done,
    Failed,
    FromClient,
    Lost,
    Ping,
    Publish,
    Refused,
    Subscribe,
    Taken,
    ToClient,
    Unadvertise,
    Unsubscribe,
    Welcome,
)
from brokers.order import Order
from brokers.simulation.agenda import Agenda
from brokers.simulation.conditions import Conjunction, Values, matches, text_of
from brokers.simulation.failure import Failure

if TYPE_CHECKING:
    from brokers.simulation.oracle import Oracle, Published, Wish
    from brokers.simulation.process import Process

__all__ = ["Client"]

#: What a client says takes so long to reach its broker.
DELAY: Final = 0.001
#: Deliveries are reported as consumed after so long, together.
CONSUMING: Final = 0.03


class Client:
    """One client, of one broker; it may go and come back."""

    def __init__(
        self, process: Process, agenda: Agenda, oracle: Oracle, number: int, name: str | None
    ) -> None:
        self.process = process
        self.number = number
        self.name = name  #: its subscriptions outlive its connections
        self.published_as = ""
        self.policy = "block"
        self.limit = 1_024
        self.is_here = False  #: connected and welcome
        self.is_slow = False  #: consumes nothing
        self.address = ""
        self.connections = 0
        self.wishes: dict[int, Wish] = {}  #: by number of the subscription
        self.past: dict[int, Wish] = {}  #: those that are over
        #: The number of what was delivered last, by connection of its publisher.
        self.heard: dict[str, int] = {}
        self.adverts: dict[int, Conjunction] = {}
        self.requests: dict[int, tuple[float, FromClient]] = {}  #: unanswered ones
        self.unanswered: deque[Published] = deque()
        self._agenda = agenda
        self._oracle = oracle
        self._numbers = 0
        self._publications = 0
        self._received = self._reported = self._again = 0
        self._order = Order()  # of what it got
        self._before = Order()  # and of what it got before its broker began anew
        self._reporting = False
        self._has_published = False  # and advertised everything by that
        self._is_connected = False
        self._incarnation = 0  #: of the broker that knows what was delivered

    def __repr__(self) -> str:
        return f"client {self.number} of {self.process.name}"

    # ---- coming and going ----

    def come(self, policy: str, limit: int) -> None:
        """Connect. Nothing comes of it while the broker does not run."""
        if self._is_connected or self.process.node is None:
            return
        self.connections += 1
        self.address = f"#{self.number}.{self.connections}"
        self.policy, self.limit = policy, limit
        self._is_connected = True
        if self.name is None or self._incarnation != self.process.incarnation:
            if self._incarnation != self.process.incarnation:
                self._before = self._order.copy()
            self._incarnation = self.process.incarnation
            self.heard = {}
        self.process.clients[self.address] = self
        self._publications = self._received = self._reported = self._again = 0
        self._say(ClientUp(self.name, policy, limit))

    def leave(self) -> None:
        """Disconnect."""
        if self._is_connected:
            self._say(ClientDown("leaves"))
            # What the broker sends from now on is not heard.
            self.process.clients.pop(self.address, None)
            self._gone()

    def lost_connection(self, _: str) -> None:
        """The connection was ended by the broker, or with it."""
        self._gone()

    def _gone(self) -> None:
        self.is_here = self._is_connected = self._has_published = False
        self.requests.clear()
        self.unanswered.clear()
        self.adverts.clear()
        for wish in self.wishes.values():
            self._oracle.lapse(wish, stays=self.name is not None)
        if self.name is None:
            self.past |= self.wishes
            self.wishes.clear()

    # ---- saying ----

    def subscribe(self, conjunction: Conjunction, number: int | None = None) -> None:
        """Make a subscription, or replace the filter of one."""
        if number is None:
            number = self._next()
            self.wishes[number] = self._oracle.new_wish(self, number)
        self._oracle.change(self.wishes[number], conjunction)
        self._request(Subscribe(self._next(), number, text_of(conjunction)))

    def unsubscribe(self, number: int) -> None:
        """End a subscription."""
        self._oracle.change(self.wishes[number], None)
        self._request(Unsubscribe(self._next(), number))

    def advertise(self, conjunction: Conjunction) -> None:
        """From now on, publish only what an advert matches."""
        self._has_published = False
        number = self._next()
        self.adverts[number] = conjunction
        self._request(Advertise(self._next(), number, text_of(conjunction)))

    def unadvertise(self, number: int) -> None:
        """End an advert."""
        del self.adverts[number]
        self._request(Unadvertise(self._next(), number))

    def publish(self, events: list[dict[str, Any]]) -> None:
        """Publish, also what no advert matches: that must be refused."""
        first, bodies = self._publications + 1, []
        self._has_published = not self.adverts
        for values in events:
            self._publications += 1
            allowed = not self.adverts or any(matches(c, values) for c in self.adverts.values())
            published = self._oracle.publish(self, self._publications, values, allowed)
            bodies.append(published.body)
            self.unanswered.append(published)
        self._say(Publish(first, tuple(bodies)))

    def may_publish(self, values: Values) -> bool:
        """Has it advertised such an event?"""
        if not self.adverts:
            return self.is_here and self._has_published
        return any(matches(one, values) for one in self.adverts.values())

    def is_idle(self, number: int) -> bool:
        """Is nothing under way that concerns this subscription?"""
        return all(
            getattr(message, "subscription", None) != number
            for _, message in self.requests.values()
        )

    def consume(self, is_slow: bool) -> None:
        """Begin to consume nothing, or to consume again."""
        self.is_slow = is_slow
        if not is_slow:
            self._report(None, None)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _request(self, message: Subscribe | Unsubscribe | Advertise | Unadvertise) -> None:
        self.requests[message.request] = (self._agenda.now, message)
        self._say(message)

    def _say(self, message: FromClient | ClientUp | ClientDown) -> None:
        self._agenda.after(DELAY, self._arrive, (self.address, self.process.incarnation), message)

    def _arrive(self, sender: tuple[str, int], message: Any) -> None:
        """What was said reaches the broker, if it is still the same one and still listening."""
        process, (address, incarnation) = self.process, sender
        if process.node is None or process.incarnation != incarnation:
            return
        if process.is_paused:
            process.inbox.append((self._arrive, sender, message))
        elif address in process.clients or type(message) is ClientDown:
            process.hand(message, address)

    # ---- hearing ----

    def hear(self, message: ToClient) -> None:
        """The broker says something."""
        kind = type(message)
        if kind is Deliver:
            self._delivered(message)  # type: ignore[arg-type]
        elif kind is Taken:
            self._taken(message.number)  # type: ignore[union-attr]
        elif kind is Done:
            self._done(message.request)  # type: ignore[union-attr]
        elif isinstance(message, Refused):
            self._refused(message)
        elif isinstance(message, Welcome):
            self._welcome(message)
        elif isinstance(message, Lost):
            self._oracle.counted_drop(self, message.reason, message.total)
        elif isinstance(message, Failed):
            asked = self.requests.get(message.request)
            raise Failure("answer", f"{self} asked {asked}, got {message}")
        elif not isinstance(message, Ping):
            raise Failure("answer", f"{self} asked nothing, got {message!r}")

    def _delivered(self, message: Deliver) -> None:
        batch = [one for one in message.batch if not self._before.had(one.event)]
        if len(batch) < len(message.batch):
            self._again += len(message.batch) - len(batch)
            self._oracle.counted_drop(self, AGAIN, self._again)
        for one in batch:
            self._order.follows(one.event)
        self._oracle.delivered(self, batch)
        self._received += len(message.batch)
        if self._received - self._reported > self.limit:
            raise Failure("queue", f"{self} got more than its limit of {self.limit} unconsumed")
        if not self._reporting and not self.is_slow:
            self._reporting = True
            self._agenda.after(CONSUMING, self._report)

    def _report(self, _: Any, __: Any) -> None:
        self._reporting = False
        if self.is_here and not self.is_slow and self._received > self._reported:
            self._reported = self._received
            self._say(Consumed(self._received))

    def _taken(self, number: int) -> None:
        while self.unanswered and self.unanswered[0].number <= number:
            published = self.unanswered.popleft()
            if not published.is_refused:
                self._oracle.taken(published)

    def _refused(self, message: Refused) -> None:
        for published in self.unanswered:
            if published.number == message.number:
                self._oracle.refused(published, message.error)
                return
        raise Failure("answer", f"{self} published nothing of the number in {message}")

    def _done(self, request: int) -> None:
        if request not in self.requests:
            raise Failure("answer", f"{self} asked nothing of the number in Done({request})")
        _, message = self.requests.pop(request)
        if isinstance(message, Subscribe):
            self._oracle.settled(self.wishes[message.subscription])
        elif isinstance(message, Unsubscribe):
            wish = self.wishes.pop(message.subscription)
            self.past[message.subscription] = wish
            self._oracle.settled(wish)

    def _welcome(self, message: Welcome) -> None:
        self.is_here = True
        self.published_as = message.client
        if self.name is None:
            if message.subscriptions:
                raise Failure("store", f"{self} is nobody, and has {message.subscriptions}")
            return
        if message.client != self.name:
            raise Failure("store", f"{self} is {self.name}, and is called {message.client}")
        told = dict(message.subscriptions)
        for number in [number for number in self.wishes if number not in told]:
            self._oracle.forgotten(self.wishes[number])
            self.past[number] = self.wishes.pop(number)
        for number, text in told.items():
            if number not in self.wishes:
                raise Failure("store", f"{self} made no subscription {number} ({text})")
            self.subscribe(self._oracle.remembered(self.wishes[number], text), number)
