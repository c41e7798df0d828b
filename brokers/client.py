"""The state of a client, without its connection: what it asked for, and what is still open.

A shell connects and hands words over; this says what to send, and what came of it. A connection
may end at any moment, and another one begin:

- What the client *wants* (subscriptions, adverts, and the requests that are not yet answered) is
  said again on the next connection, in an order that leads to the same end.
- Publications are never said again: those that were not answered may or may not have been taken,
  and only the caller knows what to do then. `unknown` counts them.
- Deliveries that wait here count as consumed only towards the connection they came over.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import matchengine
from brokers import errors
from brokers.errors import ProtocolError, RequestRefused
from brokers.messages import (
    Advertise,
    Answer,
    Ask,
    Consumed,
    Deliver,
    Done,
    Event,
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
from brokers.wire_fields import BODY

__all__ = ["Answered", "ClientState", "body_of", "error_named"]

#: Why a client drops what a broker sends that has begun anew.
AGAIN = "had before, or after a later one of its publisher"

Request = Subscribe | Unsubscribe | Advertise | Unadvertise | Ask
R = TypeVar("R", Subscribe, Unsubscribe, Advertise, Unadvertise, Ask)

#: So many bytes of publications go into one frame, one larger event apart.
PUBLISH_BYTES = 1 << 18


class Answered(NamedTuple):
    """A request is answered; `error` None says that it is fulfilled, `text` is the answer."""

    asked: Request
    error: Exception | None
    text: str


class Arrival:
    """A delivery on its way to the subscriptions that wanted it."""

    __slots__ = ("connection", "event", "waiting")

    def __init__(self, event: Event, waiting: int, connection: int) -> None:
        self.event = event
        self.waiting = waiting  #: subscriptions that have not taken it
        self.connection = connection


class ClientState:
    """One client's wants and open ends, over all its connections."""

    def __init__(self) -> None:
        self.broker = ""  #: what the broker is called
        self.name = ""  #: under which our events are published
        self.subscriptions: dict[int, str] = {}
        self.adverts: dict[int, str] = {}
        #: Deliveries dropped, by reason, over all connections.
        self.lost: Counter[str] = Counter()
        #: Publications that were not answered when a connection ended, until somebody is told.
        self.unknown = 0
        #: Publications that were refused, until somebody is told: number and why.
        self.refusals: list[tuple[int, Exception]] = []
        self.queues: dict[int, deque[Arrival]] = {}
        self._connection = 0
        self._request = self._number = 0
        self._asked: dict[int, Request] = {}  # not yet answered, in their order
        self._resaid: set[int] = set()  # of those, what was said on an earlier connection as well
        self._restated: set[int] = set()  # of those, what stood already, and is said again
        self._withdrawn: set[int] = set()  # adverts ended before they were answered
        self._lost_before: Counter[str] = Counter()
        # Publications are numbered over the client's life; a connection counts from `_base`.
        self.published = 0
        self._base = self._taken = 0
        self._refused: set[int] = set()  # numbers beyond `_taken`
        self._outgoing: deque[bytes] = deque()
        self._consumed = self._consumed_said = 0
        self._order = Order()

    # ---- connections ----------------------------------------------------------------------------

    def connected(self, welcome: Welcome) -> list[FromClient]:
        """A connection stands: what is to be said first."""
        first = not self._connection
        self._connection += 1
        self.broker, self.name = welcome.broker, welcome.client
        self._consumed = self._consumed_said = 0
        self._lost_before = +self.lost
        left = dict(welcome.subscriptions)
        if first:
            for number, filter in left.items():
                self._stand(number, filter)
            self._number = max(left, default=0)
            return list(self._asked.values())
        again = list(self._asked.values())
        self._resaid = set(self._asked)
        said: list[FromClient] = []
        for number, filter in self.adverts.items():
            said.append(self._restate(Advertise(self._next_request(), number, filter)))
        for number, filter in self.subscriptions.items():
            said.append(self._restate(Subscribe(self._next_request(), number, filter)))
        known = self.subscriptions.keys() | {
            one.subscription for one in again if isinstance(one, Subscribe | Unsubscribe)
        }
        said += [
            self._restate(Unsubscribe(self._next_request(), number))
            for number in sorted(left.keys() - known)
        ]
        return said + again

    def disconnected(self) -> None:
        """The connection has ended."""
        self.unknown += self.unanswered
        self._outgoing.clear()
        self._refused.clear()
        for request in self._restated:
            self._asked.pop(request, None)
        self._restated.clear()
        self._base = self._taken = self.published

    # ---- requests -------------------------------------------------------------------------------

    def subscribe(self, filter: str, number: int | None = None) -> tuple[int, Subscribe]:
        """Make a subscription, or give the one of this number another filter."""
        if number is None:
            self._number += 1
            number = self._number
            self.queues[number] = deque()
        return number, self._ask(Subscribe(self._next_request(), number, filter))

    def unsubscribe(self, number: int) -> Unsubscribe:
        """End a subscription: nothing arrives for it from now on."""
        self._forget(number)
        return self._ask(Unsubscribe(self._next_request(), number))

    def advertise(self, filter: str) -> tuple[int, Advertise]:
        """Make an advert."""
        self._number += 1
        return self._number, self._ask(Advertise(self._next_request(), self._number, filter))

    def unadvertise(self, number: int) -> Unadvertise:
        """End an advert, also one that is not answered yet."""
        for asked in self._asked.values():
            if isinstance(asked, Advertise) and asked.advert == number:
                self._withdrawn.add(number)
        self.adverts.pop(number, None)
        return self._ask(Unadvertise(self._next_request(), number))

    def ask(self, what: str, arguments: Mapping[str, Any]) -> Ask:
        """Ask the broker about itself."""
        return self._ask(Ask(self._next_request(), what, json.dumps(arguments)))

    # ---- publications ---------------------------------------------------------------------------

    @property
    def unanswered(self) -> int:
        """Publications of this connection whose fate is not known yet."""
        return self.published - self._taken - len(self._refused)

    def publish(self, body: bytes) -> int:
        """Queue an event and return its number; `take_publications` says when to send it."""
        self.published += 1
        self._outgoing.append(body)
        return self.published

    def take_publications(self) -> list[Publish]:
        """What may be sent now. Nothing while adverts of an earlier connection are being said."""
        said: list[Publish] = []
        waiting = self._outgoing
        if any(isinstance(self._asked[one], Advertise) for one in self._restated):
            return said
        while waiting:
            first = self.published - len(waiting) + 1
            bodies = [waiting.popleft()]
            size = len(bodies[0])
            while waiting and size + len(waiting[0]) <= PUBLISH_BYTES:
                size += len(waiting[0])
                bodies.append(waiting.popleft())
            said.append(Publish(first - self._base, tuple(bodies)))
        return said

    # ---- deliveries -----------------------------------------------------------------------------

    def take(self, number: int) -> Event | None:
        """The next event of a subscription, which counts as consumed now."""
        queue = self.queues.get(number)
        if not queue:
            return None
        arrival = queue.popleft()
        self._consume(arrival)
        return arrival.event

    def take_consumed(self) -> Consumed | None:
        """What is to be said about consumption, if anything has changed."""
        if self._consumed == self._consumed_said:
            return None
        self._consumed_said = self._consumed
        return Consumed(self._consumed)

    # ---- what the broker says -------------------------------------------------------------------

    def receive(self, message: ToClient) -> Answered | None:
        """Take in a word. Raises `ProtocolError` for one that answers nothing."""
        match message:
            case Deliver(batch):
                for subscriptions, event in batch:
                    if self._order.follows(event):
                        self._arrived(subscriptions, event)
                    else:
                        self._consumed += 1
                        self.lost[AGAIN] += 1
            case Taken(number):
                self._taken_to(self._base + number)
            case Refused(number, error, text):
                number += self._base
                if not self._taken < number <= self.published:
                    raise ProtocolError(f"publication {number} cannot be refused")
                self._refused.add(number)
                self.refusals.append((number, error_named(error, text)))
            case Lost(reason, total):
                self.lost[reason] = self._lost_before[reason] + total
            case Done(request):
                return self._done(request, None, "")
            case Answer(request, text):
                return self._done(request, None, text)
            case Failed(request, error, text):
                return self._done(request, error_named(error, text), "")
            case Ping():
                pass
            case Welcome():
                raise ProtocolError("welcomed twice")
        return None

    # ---- parts ----------------------------------------------------------------------------------

    def _next_request(self) -> int:
        self._request += 1
        return self._request

    def _ask(self, request: R) -> R:
        self._asked[request.request] = request
        return request

    def _restate(self, request: R) -> R:
        self._restated.add(request.request)
        return self._ask(request)

    def _stand(self, number: int, filter: str) -> None:
        self.subscriptions[number] = filter
        self.queues.setdefault(number, deque())

    def _forget(self, number: int) -> None:
        self.subscriptions.pop(number, None)
        for arrival in self.queues.pop(number, ()):
            self._consume(arrival)

    def _done(self, request: int, error: Exception | None, text: str) -> Answered:
        asked = self._asked.pop(request, None)
        if asked is None:
            raise ProtocolError(f"an answer to request {request}, which is not open")
        restated = request in self._restated
        self._restated.discard(request)
        match asked:
            case Subscribe(_, number, filter):
                if error is None and number in self.queues:
                    self.subscriptions[number] = filter
                elif restated or number not in self.subscriptions:
                    self._forget(number)
            case Advertise(_, number, filter):
                if number in self._withdrawn:
                    self._withdrawn.discard(number)
                elif error is None:
                    self.adverts[number] = filter
                elif restated:
                    self.adverts.pop(number, None)
            case Unsubscribe() | Unadvertise() if request in self._resaid or restated:
                error = None  # it went with the connection before
        self._resaid.discard(request)
        return Answered(asked, error, text)

    def _arrived(self, subscriptions: Iterable[int], event: Event) -> None:
        queues = [self.queues[number] for number in subscriptions if number in self.queues]
        if not queues:  # unsubscribed in the meantime
            self._consumed += 1
            return
        arrival = Arrival(event, len(queues), self._connection)
        for queue in queues:
            queue.append(arrival)

    def _consume(self, arrival: Arrival) -> None:
        arrival.waiting -= 1
        if not arrival.waiting and arrival.connection == self._connection:
            self._consumed += 1

    def _taken_to(self, number: int) -> None:
        if not self._base <= number <= self.published:
            raise ProtocolError(f"publication {number} was never sent")
        if number > self._taken:
            self._taken = number
            self._refused = {one for one in self._refused if one > number}


def body_of(event: Mapping[str, Any] | bytes | str) -> bytes:
    """The event as the bytes that travel. Raises `EventError`."""
    if isinstance(event, str):
        body = event.encode("utf-8", "surrogatepass")  # the broker says what is wrong with it
    elif isinstance(event, bytes | bytearray | memoryview):
        body = bytes(event)
    else:
        try:
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            body = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise matchengine.EventError(f"not an event: {error}") from None
        _check_keys(event)
    if len(body) > BODY.longest:
        raise matchengine.EventError(f"an event of {len(body):,} bytes: at most {BODY.longest:,}")
    return body


def _check_keys(event: Mapping[str, Any]) -> None:
    """Refuse keys that are no strings: JSON would make them some, and two of them one."""
    waiting: list[Any] = [event]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise matchengine.EventError(f"a key of an event is a str, not {key!r}")
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


def error_named(name: str, text: str) -> Exception:
    """The exception that the broker named, where it is one of ours that takes a text."""
    for home in (matchengine, errors):
        found = getattr(home, name, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found(text)
    return RequestRefused(text if name in ("", "ValueError") else f"{name}: {text}")
