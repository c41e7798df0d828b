"""Sites on a plane: near ones are linked, and all are connected.

The links are the shortest ones that connect all (Prim 1957), and those of each site to its nearest
neighbours. So paths have several hops, there are cycles, and links are short: what somebody who
pays for links by their length would build.
"""

from __future__ import annotations

from math import sqrt

from brokers.overlay.topology import Topology, topology_of
from brokers.simulation.chance import Chance

__all__ = ["Overlay", "draw_overlay"]

#: Every site is linked to so many of the nearest ones.
NEAREST = 4


class Overlay:
    """Brokers on the unit square, and their links."""

    def __init__(self, points: dict[str, tuple[float, float]]) -> None:
        self.points = points
        pairs = self._spanning() | self._near()
        self.topology: Topology = topology_of(tuple(sorted(points)), tuple(sorted(pairs)))

    @property
    def brokers(self) -> tuple[str, ...]:
        """Their names; the first is the root where a preset has one."""
        return self.topology.brokers

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """The two ends of each."""
        return self.topology.links

    def length(self, a: str, b: str) -> float:
        """Of the link between two brokers."""
        (x, y), (u, v) = self.points[a], self.points[b]
        return sqrt((x - u) * (x - u) + (y - v) * (y - v))

    def hops(self, root: str) -> dict[str, int]:
        """How many links there are between each broker and this one, at the least."""
        hops = {root: 0}
        for broker, parent in self.topology.parents(root).items():  # parents come first
            hops[broker] = hops[parent] + 1
        return hops

    def mean_hops(self) -> float:
        """Between two different brokers."""
        n = len(self.brokers)
        return sum(sum(self.hops(root).values()) for root in self.brokers) / (n * (n - 1))

    def _spanning(self) -> set[tuple[str, str]]:
        first, *rest = self.points
        nearest = dict.fromkeys(rest, first)
        pairs = set()
        while nearest:
            new = min(nearest, key=lambda name: (self.length(name, nearest[name]), name))
            other = nearest.pop(new)
            pairs.add((min(new, other), max(new, other)))
            for name, old in nearest.items():
                if self.length(name, new) < self.length(name, old):
                    nearest[name] = new
        return pairs

    def _near(self) -> set[tuple[str, str]]:
        pairs = set()
        for name in self.points:
            others = sorted(
                (other for other in self.points if other != name),
                key=lambda other: (self.length(name, other), other),
            )
            pairs |= {(min(name, other), max(name, other)) for other in others[:NEAREST]}
        return pairs


def draw_overlay(brokers: int, seed: int) -> Overlay:
    """The sites of a seed."""
    chance = Chance(seed, "sites")
    width = len(str(brokers - 1))
    return Overlay({f"b{i:0{width}}": (chance.random(), chance.random()) for i in range(brokers)})
