"""Virtual time: what is to happen, in order.

Things of one moment happen in the order in which they were put down: frames keep their order
where a time is only clamped. An entry is a plain tuple, as there is one for each frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

__all__ = ["Agenda", "Do"]

#: What happens. It gets the two arguments that were put down with it.
Do = Callable[[Any, Any], None]


class Agenda:
    """A heap of (time, number, function, argument, argument)."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heap: list[tuple[float, int, Do, Any, Any]] = []
        self.numbers = itertools.count()

    def at(self, time: float, do: Do, first: Any = None, second: Any = None) -> None:
        """Have `do(first, second)` happen then."""
        heappush(self.heap, (time, next(self.numbers), do, first, second))

    def after(self, seconds: float, do: Do, first: Any = None, second: Any = None) -> None:
        """Have `do(first, second)` happen that much later."""
        heappush(self.heap, (self.now + seconds, next(self.numbers), do, first, second))

    def run_until(self, end: float) -> None:
        """Let happen what is due until then, what comes up meanwhile included."""
        heap, pop = self.heap, heappop
        while heap and heap[0][0] <= end:
            self.now, _, do, first, second = pop(heap)
            do(first, second)
        self.now = end
