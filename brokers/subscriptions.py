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
        self._awaited: dict[int, int] = {}  # member that has not settled -> output it waits for
        self._waiting: dict[int, dict[int, None]] = {}  # output -> members that wait for it
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
        self._wait(member)
        return member

    def _unwant(self, member: int, now: float) -> None:
        if self._unsettled.pop(member, None) is not None:
            output = self._awaited.pop(member)
            del self._waiting[output][member]
            if not self._waiting[output]:
                del self._waiting[output]
        self._apply(self.reducer.remove(member), now)

    def _apply(self, change: Change, now: float) -> None:
        for number, filter in change.added:
            self._entries.hold(HERE, self._key(number), filter, str(filter), now)
        for number in change.dropped:
            self._entries.release(HERE, self._key(number))
            for member in self._waiting.pop(number, ()):
                self._wait(member)  # for another output, which may have settled long ago

    def _wait(self, member: int) -> None:
        """Have us told when the output that stands for a member is in place.

        While that output stays, the member may come under another: either will do, as what an
        output says never changes.
        """
        output = self._awaited[member] = self.reducer.output_of(member)
        self._waiting.setdefault(output, {})[member] = None
        self._entries.wait(self._key(output))

    def _key(self, output: int) -> Key:
        return Key(self._name, self._incarnation, output)

    # ---- settling -------------------------------------------------------------------------------

    def settled(self, now: float) -> list[Subscription]:
        """The subscriptions that are message-complete now and were not; their filters switched."""
        done: list[Subscription] = []
        while self._entries.settled_here:
            keys, self._entries.settled_here = self._entries.settled_here, []
            for key in dict.fromkeys(keys):
                if self._entries.get(key) is None:
                    continue
                settled = [(m, self._unsettled.pop(m)) for m in self._waiting.pop(key.number, ())]
                for member, _ in settled:
                    del self._awaited[member]
                for member, subscription in settled:
                    if self._finish(subscription, member, now):
                        done.append(subscription)
        return done

    def _finish(self, subscription: Subscription, member: int, now: float) -> bool:
        """A member has settled; is that all its subscription waits for?"""
        if subscription.next is None:
            return member == subscription.member  # else its later filter has just settled, too
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
        for output in self._waiting:
            self._entries.wait(self._key(output))
