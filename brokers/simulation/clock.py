"""What a process takes for the time: as fast as ours, or not quite, but never backwards."""

from __future__ import annotations

from brokers.simulation.agenda import Agenda

__all__ = ["Clock"]


class Clock:
    """One machine's monotonic clock."""

    __slots__ = ("_agenda", "_here", "_rate", "_there")

    def __init__(self, agenda: Agenda) -> None:
        """A clock that agrees with the agenda."""
        self._agenda = agenda
        self._there = self._here = 0.0  # when it was set, by the agenda and by itself
        self._rate = 1.0

    @property
    def now(self) -> float:
        """The time that it shows."""
        return self._here + (self._agenda.now - self._there) * self._rate

    def when(self, time: float) -> float:
        """When it will show this time, by the agenda."""
        return self._there + (time - self._here) / self._rate

    def set(self, rate: float, jump: float = 0.0) -> None:
        """It goes so fast from now on, and `jump` seconds forward at once."""
        self._here, self._there, self._rate = self.now + jump, self._agenda.now, rate

    def reach(self, time: float) -> None:
        """It shows this time, which it was to show now, but for rounding."""
        if 0.0 < time - self.now < 1e-6:
            self.set(self._rate, time - self.now)
