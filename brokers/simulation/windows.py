"""When something was wrong: what may be late, or lost, because of it."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Windows"]

#: Events that were taken so long before a fault began may still be under way when it begins, and
#: requests may be without an answer: some hops with the longest delay there is, 0.3 s.
UNDER_WAY: Final = 3.0


class Windows:
    """The intervals of all faults, each with the time that brokers get to converge after it."""

    def __init__(self) -> None:
        #: [start, end, may it lose events?]; while a fault lasts, its end is infinite.
        self._windows: list[list[float]] = []

    def open(self, start: float, loses: bool) -> int:
        """A fault begins. Returns what to close it with."""
        self._windows.append([start, math.inf, loses])
        return len(self._windows) - 1

    def close(self, window: int, end: float) -> None:
        """Its effects last until `end`, at most."""
        self._windows[window][1] = end

    def excuse_loss(self, taken: float) -> bool:
        """May an event that was taken then be lost?"""
        until = self.until(taken)
        return any(loses and a <= until and taken <= b for a, b, loses in self._windows)

    def excuse_wait(self, since: float, now: float) -> bool:
        """May what began at `since` be unfinished now?"""
        return now <= self.until(since) or any(a <= now <= b for a, b, _ in self._windows)

    def until(self, taken: float) -> float:
        """Until when may an event of that time be under way?

        Something that only holds it up adds to that.
        """
        until = taken + UNDER_WAY
        for start, end, _ in self._windows:  # in the order of their starts
            if start <= until and taken <= end:
                until = max(until, end + UNDER_WAY)
        return until

    def calm(self, now: float) -> bool:
        """Is nothing wrong, nor recovering?"""
        return not any(a <= now <= b for a, b, _ in self._windows)
