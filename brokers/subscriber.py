"""The receiving half of a client: its queue, and what happens when that is full.

    events ──► queue (at most `limit`) ──► under way to the client (at most `limit`) ──► Consumed

What cannot be sent yet waits in the queue. When the queue is full, the client's policy decides:
its publishers wait (`block`: the queue takes what is already under way, and `Flow` sees to it that
this is little), an event is dropped, or the client is disconnected. Every drop is counted and told.
"""

from __future__ import annotations

from collections import Counter, deque

from brokers.messages import Delivery, Policy

__all__ = ["Subscriber"]

#: A client that blocks is taken for stuck beyond so many times its limit or the window, and loses
#: what comes. Only as many sources at once could send that much, unless the subscriptions of the
#: client do not reach them (presets whose windows end where events and subscriptions meet).
_STUCK = 16

_NONE: Counter[str] = Counter()


class Subscriber:
    """The queue of one client."""

    __slots__ = (
        "_consumed", "_most", "_sent", "dropped", "limit", "outbox", "policy", "queue", "told",
    )  # fmt: skip

    def __init__(self, policy: str, limit: int, window: int) -> None:
        """`window`: how many events of one source may come before it waits."""
        self.policy = policy
        self.limit = limit
        self._most = _STUCK * max(limit, window)
        self.queue: deque[Delivery] = deque()
        self.outbox: list[Delivery] = []  #: to be sent with the next flush
        self.dropped: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._sent = 0
        self._consumed = 0

    @property
    def long(self) -> bool:
        """Is the queue too long for publishers to go on?"""
        return len(self.queue) >= self.limit

    @property
    def under_way(self) -> int:
        """Deliveries that the client has not consumed."""
        return self._sent - self._consumed

    def deliver(self, deliveries: list[Delivery]) -> bool:
        """Take events for the client. False: it is to be disconnected."""
        if not self.queue and self._sent - self._consumed + len(deliveries) <= self.limit:
            self._sent += len(deliveries)
            self.outbox += deliveries
            return True
        return False not in [self._deliver(delivery) for delivery in deliveries]

    def _deliver(self, delivery: Delivery) -> bool:
        if not self.queue and self._sent - self._consumed < self.limit:
            self._sent += 1
            self.outbox.append(delivery)
        elif len(self.queue) < self.limit:
            self.queue.append(delivery)
        else:
            return self._overflow(delivery)
        return True

    def _overflow(self, delivery: Delivery) -> bool:
        match self.policy:
            case Policy.DISCONNECT:
                return False
            case Policy.DROP_NEWEST:
                self.dropped["queue full: newest dropped"] += 1
            case Policy.DROP_OLDEST:
                self.queue.popleft()
                self.queue.append(delivery)
                self.dropped["queue full: oldest dropped"] += 1
            case _ if len(self.queue) < self._most:
                self.queue.append(delivery)
            case _:
                self.dropped["queue overflowed"] += 1
        return True

    def consumed(self, total: int) -> bool:
        """The client has consumed so many, all told. False: it has not been sent so many."""
        if not self._consumed <= total <= self._sent:
            return False
        self._consumed = total
        while self.queue and self._sent - total < self.limit:
            self._sent += 1
            self.outbox.append(self.queue.popleft())
        return True

    def losses(self) -> Counter[str]:
        """The drops of which the client has not been told, by reason."""
        if not self.dropped or self.dropped == self.told:
            return _NONE
        new = self.dropped - self.told
        self.told = self.dropped.copy()
        return new
