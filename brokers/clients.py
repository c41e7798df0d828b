"""The clients of a broker: who is there, what each wants, and what is said to it.

What has to be said to clients collects in `effects`; deliveries collect in the outboxes of the
clients' queues until `flush`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from brokers.effects import Close, Effect, Save, Send
from brokers.errors import ProtocolError
from brokers.events.flow import Flow
from brokers.filters import said_by_client
from brokers.messages import (
    ClientUp,
    Consumed,
    Deliver,
    Delivery,
    Done,
    Event,
    Failed,
    Lost,
    Policy,
    Subscribe,
    ToClient,
    Unsubscribe,
    Welcome,
)
from brokers.order import Order
from brokers.parts import parts
from brokers.publisher import Publisher
from brokers.settings import Settings
from brokers.subscriber import Subscriber
from brokers.subscriptions import Subscription, Subscriptions
from matchengine import Filter, MatchEngineError, parse

__all__ = ["Client", "Clients"]

new = tuple.__new__  # a named tuple in half the time


class Client:
    """One connection of a client."""

    __slots__ = ("address", "durable", "name", "publisher", "subscriber", "subscriptions", "text")

    def __init__(self, address: str, name: str | None, subscriber: Subscriber) -> None:
        self.address = address
        self.durable = name is not None
        self.name = name if name is not None else address
        self.subscriber = subscriber
        self.publisher = Publisher()
        self.subscriptions: dict[int, Subscription] = {}
        self.text = 0  #: characters of all their filters


class Clients:
    """All clients of one broker."""

    def __init__(
        self,
        broker: str,
        settings: Settings,
        saved: Mapping[str, Mapping[int, str]],
        subscriptions: Subscriptions,
        flow: Flow,
        counters: Counter[str],
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._saved = {name: dict(filters) for name, filters in saved.items()}
        self._subscriptions = subscriptions
        self._flow = flow
        self._counters = counters
        self._by_address: dict[str, Client] = {}
        self._by_name: dict[str, Client] = {}
        self._touched: dict[str, Client] = {}  # something is to be sent to them
        self._order = Order()
        self.effects: list[Effect] = []
        self.overrun: list[Client] = []  #: whose policy is to be disconnected now
        self.left: Callable[[Client], None] = lambda client: None  #: is told who has gone

    def __iter__(self) -> Iterator[Client]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)

    def get(self, address: str) -> Client | None:
        """The client at an address, if it is still there."""
        return self._by_address.get(address)

    def say(self, client: Client, message: ToClient) -> None:
        """Say something to a client."""
        self.effects.append(Send(client.address, message))

    # ---- coming and going -----------------------------------------------------------------------

    def up(self, address: str, message: ClientUp, now: float) -> None:
        """A client has connected; one of its name that is here already has to go."""
        if message.policy not in Policy.ALL:
            raise ProtocolError(f"a policy is one of {', '.join(Policy.ALL)}, not {message.policy}")
        if message.limit < 1:
            raise ProtocolError(f"a queue holds at least one event, not {message.limit}")
        if message.name is not None and (other := self._by_name.get(message.name)) is not None:
            reason = f"{message.name} has connected from elsewhere"
            self.disconnect(other, reason, now, "its name is taken elsewhere")
        subscriber = Subscriber(message.policy, message.limit, self._settings.window)
        client = Client(address, message.name, subscriber)
        self._by_address[address] = client
        saved: dict[int, str] = {}
        if message.name is not None:
            self._by_name[message.name] = client
            saved = self._saved.get(message.name, {})
        self.say(client, Welcome(self._broker, client.name, tuple(saved.items())))
        for number, text in saved.items():
            client.text += len(text)
            client.subscriptions[number] = self._subscriptions.add(
                address, number, parse(text), None, now
            )

    def down(self, client: Client, now: float) -> None:
        """A client has gone. What it left behind is kept if it has a name."""
        del self._by_address[client.address]
        if client.durable:
            del self._by_name[client.name]
        self._touched.pop(client.address, None)
        self._flow.release(client.address)
        self.left(client)
        for subscription in client.subscriptions.values():
            self._subscriptions.remove(subscription, now)

    def disconnect(self, client: Client, reason: str, now: float, kind: str) -> None:
        """Send a client away. Counted by `kind`: what strangers may say makes no new counter."""
        self._counters[f"disconnected: {kind}"] += 1
        self.down(client, now)
        self.effects.append(Close(client.address, 0, reason))

    # ---- what it wants --------------------------------------------------------------------------

    def subscribe(self, client: Client, message: Subscribe, now: float) -> None:
        """Begin a subscription, or give one another filter."""
        try:
            filter = said_by_client(message.filter)
        except MatchEngineError as error:
            self.say(client, Failed(message.request, type(error).__name__, str(error)))
            return
        known = client.subscriptions.get(message.subscription)
        if (excess := self._excess(client, known, filter)) is not None:
            self.say(client, Failed(message.request, "LimitExceeded", excess))
        elif known is not None:
            self._subscriptions.change(known, filter, message.request, now)
        else:
            client.subscriptions[message.subscription] = self._subscriptions.add(
                client.address, message.subscription, filter, message.request, now
            )

    def _excess(self, client: Client, known: Subscription | None, filter: Filter) -> str | None:
        """What would be too much if a client had this filter, too."""
        settings = self._settings
        if known is None and len(client.subscriptions) >= settings.subscriptions:
            return f"a client has at most {settings.subscriptions:,} subscriptions"
        text = client.text + len(str(filter)) - (len(str(known.latest)) if known else 0)
        if text > settings.subscription_text:
            return f"a client's filters have at most {settings.subscription_text:,} characters"
        client.text = text
        return None

    def unsubscribe(self, client: Client, message: Unsubscribe, now: float) -> None:
        """End a subscription. Requests of it that were not answered are done with."""
        subscription = client.subscriptions.pop(message.subscription, None)
        if subscription is None:
            text = f"there is no subscription {message.subscription}"
            self.say(client, Failed(message.request, "UnknownSubscription", text))
            return
        client.text -= len(str(subscription.latest))
        self._subscriptions.remove(subscription, now)
        if client.durable and message.subscription in self._saved.get(client.name, ()):
            del self._saved[client.name][message.subscription]
            if not self._saved[client.name]:
                del self._saved[client.name]
            self.effects.append(Save(client.name, message.subscription, None))
        for request in subscription.requests:
            self.say(client, Failed(request, "UnknownSubscription", "it was ended meanwhile"))
        self.say(client, Done(message.request))

    def settled(self, subscription: Subscription) -> None:
        """A subscription is message-complete: its requests are done."""
        client = self._by_address[subscription.address]
        if client.durable:
            text = str(subscription.filter)
            saved = self._saved.setdefault(client.name, {})
            if saved.get(subscription.number) != text:
                saved[subscription.number] = text
                self.effects.append(Save(client.name, subscription.number, text))
        for request in subscription.requests:
            self.say(client, Done(request))
        subscription.requests.clear()

    # ---- what it gets ---------------------------------------------------------------------------

    def deliver(self, found: list[tuple[Event, list[int]]]) -> None:
        """Queue events for the subscriptions in the slots beside each."""
        queues: dict[str, list[Delivery]] = {}
        for event, slots in found:
            if not self._order.follows(event):
                for address, _ in self._wanted(slots):
                    client = self._touched[address] = self._by_address[address]
                    client.subscriber.dropped["after a later one of its publisher"] += 1
                continue
            for address, numbers in self._wanted(slots):
                delivery = new(Delivery, (numbers, event))
                if (queue := queues.get(address)) is None:
                    queues[address] = [delivery]
                else:
                    queue.append(delivery)
        for address, deliveries in queues.items():
            self._queue(self._by_address[address], deliveries)

    def _wanted(self, slots: list[int]) -> list[tuple[str, tuple[int, ...]]]:
        """Clients by address, and which of their subscriptions are in these slots."""
        if len(slots) == 1:
            subscription = self._subscriptions.at(slots[0])
            return [] if subscription is None else [(subscription.address, (subscription.number,))]
        wanted: dict[str, list[int]] = {}
        for slot in slots:
            subscription = self._subscriptions.at(slot)
            if subscription is not None:
                wanted.setdefault(subscription.address, []).append(subscription.number)
        return [(address, tuple(sorted(numbers))) for address, numbers in wanted.items()]

    def _queue(self, client: Client, deliveries: list[Delivery]) -> None:
        subscriber = client.subscriber
        self._touched[client.address] = client
        if not subscriber.deliver(deliveries):
            self.overrun.append(client)
        elif subscriber.queue and subscriber.long and subscriber.policy == Policy.BLOCK:
            for delivery in deliveries:
                self._flow.hold(delivery.event, client.address)

    def consumed(self, client: Client, message: Consumed) -> None:
        """A client has room again."""
        if not client.subscriber.consumed(message.total):
            raise ProtocolError(f"{client.name} has consumed {message.total} of fewer events")
        if client.subscriber.outbox:
            self._touched[client.address] = client
        if not client.subscriber.long:
            self._flow.release(client.address)

    def cut(self, now: float) -> None:
        """Send those away whose queues were full and who asked for that."""
        overrun, self.overrun = self.overrun, []
        for client in overrun:
            if client.address in self._by_address:
                self._counters["dropped: queue full: disconnected"] += 1
                self.disconnect(client, "its queue was full", now, "its queue was full")

    def flush(self) -> list[Effect]:
        """All that is to be said to clients, in order."""
        if self._touched:
            touched, self._touched = self._touched, {}
            for client in touched.values():
                subscriber = client.subscriber
                if subscriber.outbox:
                    outbox, subscriber.outbox = subscriber.outbox, []
                    sizes = [len(one.event.body) + 8 * len(one.subscriptions) for one in outbox]
                    for part in parts(outbox, sizes):
                        self.effects.append(Send(client.address, Deliver(part)))
                for reason, more in subscriber.losses().items():
                    self._counters[f"dropped: {reason}"] += more
                    self.say(client, Lost(reason, subscriber.dropped[reason]))
        effects, self.effects = self.effects, []
        return effects
