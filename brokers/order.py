"""What was handed out last of every publisher: nothing earlier may follow, and nothing twice.

A broker asks before it queues an event for its clients. A client asks again, as it may outlive its
broker: one that has begun anew does not know what it had delivered, and an event that took a slow
way may reach it then.
"""

from __future__ import annotations

from brokers.messages import Event

__all__ = ["Order"]

#: Publishers that are remembered; beyond, the one first heard of is forgotten.
_PUBLISHERS = 65_536


class Order:
    """The last event of each publisher."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, int]] = {}

    def follows(self, event: Event) -> bool:
        """Is it later than what was handed out of its publisher? From now on it is the last."""
        source, incarnation, sequence, publisher, _ = event
        last, stream, place = self._last, (source, publisher), (incarnation, sequence)
        known = last.get(stream)
        if known is None:
            if len(last) >= _PUBLISHERS:
                del last[next(iter(last))]
        elif known >= place:
            return False
        last[stream] = place
        return True

    def had(self, event: Event) -> bool:
        """Was it, or a later one of its publisher, handed out?"""
        known = self._last.get((event.source, event.publisher))
        return known is not None and known >= (event.incarnation, event.sequence)

    def copy(self) -> Order:
        """The same, as of now."""
        other = Order()
        other._last = self._last.copy()
        return other
