"""What subscriptions and events cost in a ring of brokers, by strategy; overlay_demo.py shows it.

The same nodes that brokers run, without processes or sockets. `overlay_strategies.py STRATEGY...`
prints a line of JSON for each strategy.
"""

import json
import math
import random
import sys
from collections import Counter, deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from demo import make_trade

from brokers import BrokerError, Settings
from brokers.effects import Effect, Send
from brokers.messages import Advertise, ClientUp, Deliver, LinkUp, Message, Publish, Subscribe
from brokers.node import Node
from brokers.status import status
from matchengine import Matcher

BROKERS = "abcde"
LINKS = [*pairwise(BROKERS), (BROKERS[-1], BROKERS[0])]
FEEDS = "ac"
CLIENTS = 10  # of each broker
RULES = 199  # of each client, and the bell
TOGETHER = 10  # subscriptions that a client asks for at a time
TRADES = 10_000

ADVERT = "EXISTS(symbol)"  # what the feeds promise of all their events
BELL = "symbol = 'BELL'"

Status = dict[str, Any]  # what a broker says about itself


class Name(NamedTuple):
    """What a subscription is called here."""

    broker: str
    client: int
    rule: int


Got = tuple[Name, bytes]  # a subscription, and an event that it let through


class Workload(NamedTuple):
    """What is subscribed and published, and who should get what."""

    filters: dict[Name, str]
    feeds: dict[str, list[bytes]]  # at which broker
    wanted: Counter[Got]  # says one matcher that holds all filters


def draw() -> Workload:
    """Make it up; the seed makes every run the same."""
    rng = random.Random(5)
    filters = {
        Name(broker, client, rule): make_rule(rng, broker) if rule < RULES else BELL
        for broker in BROKERS
        for client in range(CLIENTS)
        for rule in range(RULES + 1)
    }
    events = [json.dumps(make_trade(rng, lot)).encode() for lot in range(TRADES)]
    feeds = {at: events[number :: len(FEEDS)] for number, at in enumerate(FEEDS)}
    for at, feed in feeds.items():
        feed.append(json.dumps({"symbol": "BELL", "at": at}).encode())
    matcher: Matcher[Name] = Matcher()
    matcher.add_many(filters)
    wanted = Counter(
        (name, event)
        for feed in feeds.values()
        for event in feed
        for name in matcher.match_json(event)
    )
    return Workload(filters, feeds, wanted)


def make_rule(rng: random.Random, broker: str) -> str:
    """A symbol, and mostly a range of prices; every broker has a region, 150 of 500 symbols."""
    symbol = (100 * BROKERS.index(broker) + rng.randrange(150)) % 500
    if rng.random() < 0.1:
        return f"symbol = 'S{symbol}'"
    low = rng.randrange(0, 900, 50)
    return f"symbol = 'S{symbol}' AND price BETWEEN {low} AND {low + 100}"


def check(who: str, received: Counter[Got], wanted: Counter[Got]) -> None:
    """Raise BrokerError unless everybody got what was wanted, once, and nothing else."""
    if missing := (wanted - received).total():
        raise BrokerError(f"{who}: {missing:,} deliveries are missing")
    if more := (received - wanted).total():
        raise BrokerError(f"{who}: {more:,} deliveries are too many")


def cost(strategy: str, before: dict[str, Status], after: dict[str, Status]) -> Status:
    """What went over links, from what the brokers said before the first event and at the end."""

    def total(statuses: dict[str, Status], what: str) -> int:
        return sum(link[what] for one in statuses.values() for link in one["links"].values())

    return {
        "strategy": strategy,
        "interest": total(before, "frames_sent"),
        "events": total(after, "events_sent"),
        "entries": sum(one["entries"] for one in after.values()),
    }


class Net:
    """The same brokers as plain nodes, which only take messages and say which to send.

    Everything arrives, in order and at once, so nothing is counted but the workload.
    """

    def __init__(self, preset: str) -> None:
        settings = Settings(key="symbol", heartbeat=math.inf, dead_after=math.inf)
        self.nodes = {
            name: Node(name, incarnation=1, preset=preset, settings=settings) for name in BROKERS
        }
        self.now = 0.0
        self._waiting: deque[tuple[str, str, Message]] = deque()
        self.received: Counter[Got] = Counter()
        self.tell(
            (name, other, LinkUp(session, 1))
            for session, link in enumerate(LINKS, 1)
            for name, other in (link, link[::-1])
        )

    def tell(self, messages: Iterable[tuple[str, str, Message]]) -> None:
        """Give brokers messages, and do what follows until all is quiet."""
        self._waiting.extend(messages)
        while self._waiting:
            name, sender, message = self._waiting.popleft()
            self._do(name, self.nodes[name].receive(message, sender=sender, now=self.now))

    def rest(self) -> None:
        """Let time pass, until nothing is left of how links came up one after another."""
        self.now += 10.0
        for name, node in self.nodes.items():
            self._do(name, node.tick(self.now))
        self.tell([])

    def _do(self, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(client, Deliver(batch)):
                    for numbers, event in batch:
                        for number in numbers:
                            self.received[name_of(client, number), event.body] += 1
                case Send(neighbour, frame) if neighbour in self.nodes:
                    self._waiting.append((neighbour, name, frame))

    def statuses(self) -> dict[str, Status]:
        """What each broker says about itself."""
        return {name: status(node) for name, node in self.nodes.items()}


def name_of(client: str, subscription: int) -> Name:
    """The name of a subscription, by the address of the client in a `Net`, and the number."""
    return Name(client[1], int(client[2:]), subscription - 1)


def rehearse(preset: str, workload: Workload) -> Status:
    """Let all happen, and return what it cost."""
    net = Net(preset)
    net.rest()
    for at in FEEDS:
        net.tell([(at, f"#{at}", ClientUp(None)), (at, f"#{at}", Advertise(1, 1, ADVERT))])
    addresses = {name: f"#{name.broker}{name.client}" for name in workload.filters}
    net.tell(
        (name.broker, addresses[name], ClientUp(None, limit=sys.maxsize))
        for name in workload.filters
        if not name.rule
    )
    for first in range(0, RULES + 1, TOGETHER):
        net.tell(
            (name.broker, addresses[name], Subscribe(name.rule + 1, name.rule + 1, text))
            for name, text in workload.filters.items()
            if first <= name.rule < first + TOGETHER
        )
    before = net.statuses()
    for at, feed in workload.feeds.items():
        for number, event in enumerate(feed, 1):
            net.tell([(at, f"#{at}", Publish(number, (event,)))])
    check(preset, net.received, workload.wanted)
    return cost(preset, before, net.statuses())


if __name__ == "__main__":
    workload = draw()
    for strategy in sys.argv[1:] or ["default"]:
        print(json.dumps(rehearse(strategy, workload)), flush=True)
