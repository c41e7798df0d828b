"""Nodes that break one promise each, so that the oracle can show that it notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brokers.effects import Effect, Save, Send
from brokers.errors import ProtocolError
from brokers.messages import (
    Deliver,
    Done,
    Event,
    Events,
    Lost,
    Message,
    Publish,
    Refused,
    Subscribe,
    Taken,
    Unsubscribe,
)
from tiny_node import Client, TinyNode

#: Lies are told now and then only, as real mistakes are.
SELDOM = 40


class _Altering(TinyNode):
    """Alters what it does about a message, one time in so many."""

    count = 0
    seldom = SELDOM

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        effects = []
        for effect in super().receive(message, sender=sender, now=now):
            if self.is_target(effect):
                self.count += 1
                if self.count % self.seldom == 0:
                    effects += self.instead(effect)
                    continue
            effects.append(effect)
        return effects

    def is_target(self, effect: Effect) -> bool:
        return isinstance(effect, Send) and isinstance(effect.message, Deliver)

    def instead(self, effect: Any) -> list[Effect]:
        raise TypeError(f"{type(self).__name__} does not say what it does instead")


class Loses(_Altering):
    def instead(self, effect: Any) -> list[Effect]:
        return []


class Duplicates(_Altering):
    def instead(self, effect: Any) -> list[Effect]:
        return [effect, effect]


class DeliversToOthers(_Altering):
    """An event goes to all subscriptions of the client."""

    def instead(self, effect: Any) -> list[Effect]:
        address, message = effect
        (delivery,) = message.batch
        name = self.clients[address].name
        numbers = sorted(number for client, number in self.wants if client == name)
        return [Send(address, Deliver((delivery._replace(subscriptions=tuple(numbers)),)))]


class Invents(_Altering):
    """An event's body is not what was published."""

    def instead(self, effect: Any) -> list[Effect]:
        address, message = effect
        (delivery,) = message.batch
        event = delivery.event._replace(body=delivery.event.body[:-1] + b" }")
        return [Send(address, Deliver((delivery._replace(event=event),)))]


class Impersonates(_Altering):
    """An event is said to be another client's."""

    def instead(self, effect: Any) -> list[Effect]:
        address, message = effect
        (delivery,) = message.batch
        event = delivery.event._replace(publisher="mallory")
        return [Send(address, Deliver((delivery._replace(event=event),)))]


class Reorders(TinyNode):
    """One delivery in SELDOM waits for the next one."""

    count = 0

    def pump(self, address: str, client: Client, effects: list[Effect]) -> None:
        self.count += 1
        if self.count % SELDOM == 0 and len(client.queue) == 1:
            return
        if len(client.queue) == 2:
            client.queue.reverse()
        super().pump(address, client, effects)


class KeepsOldFilter(TinyNode):
    """A filter that is replaced stays in force."""

    def request(self, message: Any, client: Client, effects: list[Effect]) -> None:
        known = (client.name, getattr(message, "subscription", 0)) in self.wants
        if not (isinstance(message, Subscribe) and known):
            super().request(message, client, effects)


class KeepsEnded(TinyNode):
    """A subscription that is ended stays in the table; nobody is left to notice."""

    stale = 0

    def request(self, message: Any, client: Client, effects: list[Effect]) -> None:
        super().request(message, client, effects)
        if isinstance(message, Unsubscribe):
            self.stale = 1

    def status(self) -> dict[str, Any]:
        state = super().status()
        return state | {"entries": state["entries"] + self.stale}


class Loops(TinyNode):
    """Passes on what it has seen before."""

    def event(self, event: Event, sender: str, now: float, effects: list[Effect]) -> None:
        if sender in self.links:
            others = [neighbour for neighbour in self.links if neighbour != sender]
            effects += [self.send(neighbour, Events((event,)), now) for neighbour in others]
        super().event(event, sender, now, effects)


class SendsBack(TinyNode):
    """Sends what comes from a neighbour to that neighbour, too."""

    def event(self, event: Event, sender: str, now: float, effects: list[Effect]) -> None:
        known = self.sources.get(event[:2])
        if sender in self.links and (known is None or event.sequence == known.next):
            effects.append(self.send(sender, Events((event,)), now))
        super().event(event, sender, now, effects)


class NeverRests(TinyNode):
    """Says something to a neighbour all the time."""

    def tick(self, now: float) -> list[Effect]:
        effects = super().tick(now)
        return [*effects, *(self.send(one, Events(()), now) for one in list(self.links)[:1])]


class NeverDone(_Altering):
    """Some requests are not answered; there are fewer of them than of events."""

    seldom = 8

    def is_target(self, effect: Effect) -> bool:
        return isinstance(effect, Send) and isinstance(effect.message, Done)

    def instead(self, effect: Any) -> list[Effect]:
        return []


class NeverTaken(TinyNode):
    """What is published is delivered, and never taken."""

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        effects = super().receive(message, sender=sender, now=now)
        return [one for one in effects if not isinstance(one, Send) or type(one[1]) is not Taken]


class TakesAnything(TinyNode):
    """Forgets to ask the adverts."""

    def publish(self, message: Publish, sender: str, now: float, effects: list[Effect]) -> None:
        adverts, self.clients[sender].adverts = self.clients[sender].adverts, {}
        super().publish(message, sender, now, effects)
        self.clients[sender].adverts = adverts


class RefusesAnything(TinyNode):
    def publish(self, message: Publish, sender: str, now: float, effects: list[Effect]) -> None:
        self.sequence += 1
        if self.sequence % SELDOM:
            super().publish(message, sender, now, effects)
        else:
            effects.append(Send(sender, Refused(message.first, "NotAdvertised", "")))


class ForgetsToSave(TinyNode):
    """Acknowledges what is not in the store."""

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        effects = super().receive(message, sender=sender, now=now)
        return [one for one in effects if not isinstance(one, Save)]


class DropsInSecret(TinyNode):
    """Counts nothing of what it drops."""

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        effects = super().receive(message, sender=sender, now=now)
        return [one for one in effects if not isinstance(one, Send) or type(one[1]) is not Lost]


class IgnoresLimits(TinyNode):
    def pump(self, address: str, client: Client, effects: list[Effect]) -> None:
        client.consumed = client.sent
        super().pump(address, client, effects)


class EndsLinks(TinyNode):
    """Gives up a link now and then."""

    def tick(self, now: float) -> list[Effect]:
        effects = super().tick(now)
        if now > 30.0 and self.links:
            self.close(min(self.links), "whim", effects)
        return effects


class Refuses(TinyNode):
    """Calls something harmless a mistake of the neighbour's."""

    def event(self, event: Event, sender: str, now: float, effects: list[Effect]) -> None:
        if event.sequence == SELDOM:
            raise ProtocolError("I do not like the number")
        super().event(event, sender, now, effects)


class Breaks(TinyNode):
    def event(self, event: Event, sender: str, now: float, effects: list[Effect]) -> None:
        super().event(event, sender, now, effects)
        assert event.sequence != SELDOM


class WantsTicks(TinyNode):
    """Wants to be ticked at once, always."""

    def tick(self, now: float) -> list[Effect]:
        effects = super().tick(now)
        self.deadline = now
        return effects


#: Who lies, with which faults it shows, and which promises may be found broken.
LIARS: list[tuple[Callable[..., TinyNode], str, set[str]]] = [
    (Loses, "none", {"completeness"}),
    (Duplicates, "none", {"duplicate"}),
    (DeliversToOthers, "none", {"false delivery", "duplicate"}),
    (Invents, "none", {"false delivery"}),
    (Impersonates, "none", {"false delivery"}),
    (Reorders, "none", {"order"}),
    (KeepsOldFilter, "none", {"false delivery", "completeness"}),
    (KeepsEnded, "none", {"stale"}),
    (Loops, "none", {"transmissions"}),
    (SendsBack, "none", {"transmissions"}),
    (TinyNode, "join", {"completeness"}),
    (NeverRests, "none", {"rest"}),
    (NeverDone, "none", {"answer"}),
    (NeverTaken, "none", {"answer"}),
    (TakesAnything, "none", {"adverts"}),
    (RefusesAnything, "none", {"adverts"}),
    (ForgetsToSave, "restart", {"store"}),
    (DropsInSecret, "slow", {"completeness"}),
    (IgnoresLimits, "slow", {"queue"}),
    (EndsLinks, "none", {"links"}),
    (Refuses, "none", {"protocol"}),
    (Breaks, "none", {"exception"}),
    (WantsTicks, "none", {"clock"}),
]
