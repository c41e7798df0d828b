"""Draws, one stream for each concern, so that a fault more does not shift the workload.

Nothing but `random()` is used of Python's generator, and nothing but + - * / on what it gives:
other methods may change with Python's version, and logarithms with the machine's library.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Chance"]

T = TypeVar("T")


class Chance:
    """The draws of one concern of one seed."""

    def __init__(self, seed: int, concern: str) -> None:
        self.random = random.Random(f"{seed} {concern}").random

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def between(self, low: float, high: float) -> float:
        """A number from `low` up to `high`."""
        return low + self.random() * (high - low)

    def happens(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def pick(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[int(self.random() * len(things))]

    def often(self, things: Sequence[T]) -> T:
        """One of them, the first ones more often: the first quarter gets half of the draws."""
        return things[int(self.random() * self.random() * len(things))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """All of them, in any order."""
        left, drawn = list(things), []
        while left:
            drawn.append(left.pop(int(self.random() * len(left))))
        return drawn

    def some(self, things: Sequence[T], least: int = 1) -> list[T]:
        """At least so many of them, in any order."""
        return self.shuffled(things)[: self.whole(min(least, len(things)), len(things))]
