"""What the clients of this broker advertise and publish.

                                    settled?  windows open?
    publication ──► waiting ──────────── gate ──────────────► sequence number ──► event plane
    advert ──► reducer ──► own record ──► all brokers answer with what they want ──► gate opens

A publication passes once all brokers have answered the generation of adverts that its publisher's
belong to. Who publishes without an advert advertises everything by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count

from brokers.clients import Client, Clients
from brokers.errors import NotAdvertised, ProtocolError
from brokers.events.flow import Flow
from brokers.filters import said_by_client
from brokers.messages import Advertise, Done, Event, Failed, Publish, Refused, Taken, Unadvertise
from brokers.publisher import EVERYTHING, Publisher
from brokers.reduce import Change, reducer
from brokers.settings import Settings
from matchengine import EventError, Filter, MatchEngineError, parse

__all__ = ["Publications"]

_ALL = parse("")

new = tuple.__new__  # a named tuple in half the time


class Publications:
    """Adverts and publications of one broker's clients."""

    def __init__(
        self,
        name: str,
        incarnation: int,
        settings: Settings,
        clients: Clients,
        flow: Flow,
        publish: Callable[[list[Event]], None],
        counters: Counter[str],
    ) -> None:
        self._name = name
        self._incarnation = incarnation
        self._settings = settings
        self._clients = clients
        self._flow = flow
        self._publish = publish
        self._counters = counters
        self._reducer = reducer("merging", count(1))
        self._members = count(1)
        self._waiting: dict[str, Client] = {}  # clients with waiting publications, by address
        self._requests: list[tuple[int, str, int]] = []  # generation, address, request
        self.sequence = 0
        self.at_once = 1  #: events that `publish` takes in one call
        self.generation = 0  #: of the adverts as they should be said
        self.changed = False  #: have they changed since they were said?

    # ---- adverts --------------------------------------------------------------------------------

    def adverts(self) -> tuple[str, ...]:
        """What is advertised here, in as few filters as may be."""
        outputs = self._reducer.outputs()
        if len(outputs) <= self._settings.adverts:
            texts = tuple(str(filter) for filter in outputs.values())
            if sum(map(len, texts)) <= self._settings.advert_text:
                return texts
        return (str(_ALL),)

    def advertise(self, client: Client, message: Advertise) -> None:
        """Add or replace an advert. Done once everybody has answered it."""
        try:
            filter = said_by_client(message.filter)
        except MatchEngineError as error:
            self._clients.say(client, Failed(message.request, type(error).__name__, str(error)))
            return
        if (excess := self._excess(client.publisher, message.advert, filter)) is not None:
            self._clients.say(client, Failed(message.request, "LimitExceeded", excess))
            return
        self._announce(client, message.advert, filter)
        self._withdraw(client, EVERYTHING)
        self._requests.append((client.publisher.generation, client.address, message.request))

    def _excess(self, publisher: Publisher, number: int, filter: Filter) -> str | None:
        """What would be too much if a client had this advert, too."""
        settings, known = self._settings, publisher.adverts.get(number)
        if known is None and len(publisher.adverts) >= settings.subscriptions:
            return f"a client has at most {settings.subscriptions:,} adverts"
        before = len(str(known[0])) if known else 0
        if publisher.text - before + len(str(filter)) > settings.subscription_text:
            return f"a client's adverts have at most {settings.subscription_text:,} characters"
        return None

    def _announce(self, client: Client, number: int, filter: Filter) -> None:
        publisher = client.publisher
        known = publisher.adverts.get(number)
        if known is None or known[0] != filter:
            self._withdraw(client, number)
            member = next(self._members)
            publisher.advertise(number, filter, member)
            self._note(self._reducer.add(member, filter))
        publisher.generation = self.generation

    def unadvertise(self, client: Client, message: Unadvertise) -> None:
        """Take an advert back."""
        if message.advert == EVERYTHING or not self._withdraw(client, message.advert):
            text = f"there is no advert {message.advert}"
            self._clients.say(client, Failed(message.request, "ValueError", text))
        else:
            self._clients.say(client, Done(message.request))

    def _withdraw(self, client: Client, number: int) -> bool:
        """Take an advert back, once what was published before is taken."""
        publisher = client.publisher
        member = publisher.unadvertise(number)
        if member is None:
            return False
        publisher.leaving.append(member)
        if not publisher.waiting:
            self._let_go(publisher)
        return True

    def _let_go(self, publisher: Publisher) -> None:
        for member in publisher.leaving:
            self._note(self._reducer.remove(member))
        publisher.leaving.clear()

    def _note(self, change: Change) -> None:
        if change.added or change.dropped:
            if not self.changed:
                self.generation += 1
            self.changed = True

    # ---- publications ---------------------------------------------------------------------------

    def publish(self, client: Client, message: Publish) -> None:
        """Take note of publications; `take` takes them. Raises ProtocolError."""
        publisher = client.publisher
        expected = publisher.answered + len(publisher.waiting) + 1
        if message.first != expected:
            raise ProtocolError(
                f"the next publication of {client.name} is {expected}, not {message.first}"
            )
        if len(publisher.waiting) + len(message.bodies) > self._settings.client_window:
            window = self._settings.client_window
            raise ProtocolError(f"{client.name} has more than {window} unanswered publications")
        if not publisher.adverts:
            self._announce(client, EVERYTHING, _ALL)
        if EVERYTHING in publisher.adverts:
            publisher.waiting.extend(message.bodies)
        else:
            for body in message.bodies:
                publisher.waiting.append(self._objection(client, body) or body)
        self._waiting[client.address] = client

    def _objection(self, client: Client, body: bytes) -> Exception | None:
        """Why it is to be refused, if it is."""
        try:
            refusal = client.publisher.refusal(body)
        except EventError as error:
            return error
        return None if refusal is None else NotAdvertised(refusal)

    def down(self, client: Client) -> None:
        """A client has gone, and what it advertised with it."""
        client.publisher.waiting.clear()
        self._waiting.pop(client.address, None)
        for number in list(client.publisher.adverts):
            self._withdraw(client, number)

    def take(self, settled: int) -> None:
        """Answer what can be answered, now that this generation of adverts is settled."""
        if self._requests and self._requests[0][0] <= settled:
            for generation, address, request in self._requests:
                client = self._clients.get(address)
                if generation <= settled and client is not None:
                    self._clients.say(client, Done(request))
            self._requests = [r for r in self._requests if r[0] > settled]
        if self._waiting:
            for client in list(self._waiting.values()):
                if client.publisher.generation <= settled:
                    self._take_from(client)

    def _take_from(self, client: Client) -> None:
        publisher = client.publisher
        waiting = publisher.waiting
        before = publisher.answered
        while waiting and (room := min(self._flow.room, self.at_once)) > 0:
            if room < len(waiting):
                batch = [waiting.popleft() for _ in range(room)]
            else:
                batch = list(waiting)
                waiting.clear()
            first = publisher.answered + 1
            publisher.answered += len(batch)
            self._accept(client, first, batch)
        if publisher.answered != before:
            self._clients.say(client, Taken(publisher.answered))
        self._waiting.pop(client.address, None)
        if waiting:  # the others have their turn first
            self._waiting[client.address] = client
        else:
            self._let_go(publisher)

    def _accept(self, client: Client, first: int, batch: list[bytes | Exception]) -> None:
        """Send events on their way, and refuse what cannot be or has an objection to it."""
        why = batch[0]
        bodies = [body for body in batch if isinstance(body, bytes)]
        if len(bodies) == len(batch):
            try:
                self._send(client.name, bodies)
                return
            except EventError as error:  # and nothing was sent
                why = error
        if len(batch) > 1:
            for number, one in enumerate(batch, first):
                self._accept(client, number, [one])
        else:
            self._clients.say(client, Refused(first, type(why).__name__, str(why)))

    def _send(self, publisher: str, bodies: list[bytes]) -> None:
        """Number events and send them on their way. Raises EventError, and none is sent then."""
        source, incarnation = self._name, self._incarnation
        self._publish(
            [
                new(Event, (source, incarnation, sequence, publisher, body))
                for sequence, body in enumerate(bodies, self.sequence + 1)
            ]
        )
        self.sequence += len(bodies)
        self._counters["published"] += len(bodies)
