"""What the clients of this broker want: in the matcher one by one, and as entries, reduced.

                      ┌──► matcher: events find the subscription by its slot
    subscription ─────┤
                      └──► reducer ──► entries ──► other brokers, who acknowledge: then it is Done

A subscription that gets another filter keeps the old one here until the new one has settled, and is
then switched at once: no event falls between the two. The old one is given up last.
"""

from __future__ import annotations

from itertools import count

from brokers.interest.entries import HERE, Entries
from brokers.messages import Key
from brokers.reduce import Change, reducer
from matchengine import Filter, Matcher

__all__ = ["LOCAL", "Subscription", "Subscriptions"]

#: Destination numbers below are brokers, the others are slots of subscriptions.
LOCAL = 1 << 16

#: So many that wait are looked through sooner than the members of an output are listed.
_FEW = 64


class Subscription:
    """One subscription of a client here."""

    __slots__ = ("address", "filter", "member", "next", "number", "requests", "since", "slot")

    def __init__(self, address: str, number: int, slot: int, filter: Filter, now: float) -> None:
        self.address = address
        self.number = number
        self.slot = slot
        self.filter = filter
        self.since = now
        self.member = -1  #: in the reducer: what stands for the filter
        self.next: tuple[int, Filter] | None = None  #: member and filter that will replace it
        self.requests: list[int] = []  #: to be answered once all has settled

    @property
    def latest(self) -> Filter:
        """The filter that was asked for last."""
        return self.filter if self.next is None else self.next[1]


class Subscriptions:
    """All subscriptions of this broker's clients."""

    def __init__(
        self, name: str, incarnation: int, edge: str, entries: Entries, matcher: Matcher[object]
    ) -> None:
        self._name = name
        self._incarnation = incarnation
        self._entries = entries
        self._matcher = matcher
        self._members = count()
        self.reducer = reducer(edge, count(1))
        self._slots: list[Subscription | None] = []
        self._free: list[int] = []
        self._unsettled: dict[int, Subscription] = {}  # by member
        self.here = 0  #: how many there are

    def at(self, slot: int) -> Subscription | None:
        """The subscription in a slot."""
        return self._slots[slot]

    # ---- beginning, changing, ending ------------------------------------------------------------

    def add(
        self, address: str, number: int, filter: Filter, request: int | None, now: float
    ) -> Subscription:
        """Begin a subscription. It gets events from now on, and all of them once it has settled."""
        slot = self._free.pop() if self._free else len(self._slots)
        subscription = Subscription(address, number, slot, filter, now)
        self._matcher.add(filter, id=slot, to=LOCAL + slot)
        if slot == len(self._slots):
            self._slots.append(subscription)
        else:
            self._slots[slot] = subscription
        self.here += 1
        if request is not None:
            subscription.requests.append(request)
        subscription.member = self._want(subscription, filter, now)
        return subscription

    def change(self, subscription: Subscription, filter: Filter, request: int, now: float) -> None:
        """Another filter for a subscription, as soon as it has settled."""
        subscription.requests.append(request)
        superseded = subscription.next
        subscription.next = None  # or it would be taken for settled meanwhile
        member = self._want(subscription, filter, now)
        subscription.next = (member, filter)
        if superseded is not None:
            self._unwant(superseded[0], now)

    def remove(self, subscription: Subscription, now: float) -> None:
        """End a subscription."""
        self._matcher.remove(subscription.slot)
        self._slots[subscription.slot] = None
        self._free.append(subscription.slot)
        self.here -= 1
        self._unwant(subscription.member, now)
        if subscription.next is not None:
            self._unwant(subscription.next[0], now)

    def _want(self, subscription: Subscription, filter: Filter, now: float) -> int:
        member = next(self._members)
        self._unsettled[member] = subscription
        self._apply(self.reducer.add(member, filter), now)
        self._entries.wait(self._key(member))
        return member

    def _unwant(self, member: int, now: float) -> None:
        self._unsettled.pop(member, None)
        self._apply(self.reducer.remove(member), now)

    def _apply(self, change: Change, now: float) -> None:
        for number, filter in change.added:
            key = Key(self._name, self._incarnation, number)
            self._entries.hold(HERE, key, filter, str(filter), now)
        for number in change.dropped:
            self._entries.release(HERE, Key(self._name, self._incarnation, number))

    def _key(self, member: int) -> Key:
        return Key(self._name, self._incarnation, self.reducer.output_of(member))

    # ---- settling -------------------------------------------------------------------------------

    def settled(self, now: float) -> list[Subscription]:
        """The subscriptions that are message-complete now and were not; their filters switched."""
        done: list[Subscription] = []
        while self._entries.settled_here:
            keys, self._entries.settled_here = self._entries.settled_here, []
            for key in dict.fromkeys(keys):
                if self._entries.get(key) is None:
                    continue
                for member in self._unsettled_of(key.number):
                    subscription = self._unsettled.pop(member)
                    if self._finish(subscription, member, now):
                        done.append(subscription)
        return done

    def _unsettled_of(self, output: int) -> list[int]:
        """The members that wait for an output: few wait, or few share an output."""
        unsettled = self._unsettled
        if len(unsettled) > _FEW:
            members = self.reducer.members_of(output)
            if len(members) < len(unsettled):
                return [member for member in members if member in unsettled]
        return [member for member in unsettled if self.reducer.output_of(member) == output]

    def _finish(self, subscription: Subscription, member: int, now: float) -> bool:
        """A member has settled; is that all its subscription waits for?"""
        if subscription.next is None:
            return True
        new, filter = subscription.next
        if member != new:
            return False
        old, subscription.member, subscription.next = subscription.member, new, None
        subscription.filter = filter
        subscription.since = now
        self._matcher.replace(subscription.slot, filter, to=LOCAL + subscription.slot)
        self._unwant(old, now)
        return True

    def wait_again(self) -> None:
        """Brokers have joined: what had settled among fewer must do so among all."""
        self._entries.settled_here.clear()
        for member in list(self._unsettled):
            self._entries.wait(self._key(member))
