"""Has this event been here before?

Of every source the latest sequence number is kept, and a mask of those a little earlier that were
seen. Events nearly always come in order; others come where paths have just changed. What is older
than the mask remembers is taken for a duplicate: losing an event is allowed then, and is counted,
and delivering one twice is not.
"""

from __future__ import annotations

from collections import Counter

from brokers.messages import Event

__all__ = ["Duplicates"]


class _Source:
    __slots__ = ("incarnation", "latest", "seen")

    def __init__(self, incarnation: int, latest: int) -> None:
        self.incarnation = incarnation
        self.latest = latest
        self.seen = 1  # bit n: latest - n


class Duplicates:
    """What has been seen of every source."""

    def __init__(self, width: int, counters: Counter[str]) -> None:
        self._width = width
        self._mask = (1 << width) - 1
        self._counters = counters
        self._sources: dict[str, _Source] = {}

    def first(self, event: Event) -> bool:
        """Is the event here for the first time? From now on it is not."""
        source = self._sources.get(event.source)
        if source is None or source.incarnation < event.incarnation:
            self._sources[event.source] = _Source(event.incarnation, event.sequence)
            return True
        if source.incarnation > event.incarnation:
            self._counters["dropped: of an earlier incarnation"] += 1
            return False
        ahead = event.sequence - source.latest
        if ahead > 0:
            source.seen = ((source.seen << ahead) | 1) & self._mask if ahead < self._width else 1
            source.latest = event.sequence
            return True
        if -ahead >= self._width:
            self._counters["dropped: too late to tell a duplicate"] += 1
            return False
        if source.seen >> -ahead & 1:
            self._counters["duplicates"] += 1
            return False
        source.seen |= 1 << -ahead
        return True
