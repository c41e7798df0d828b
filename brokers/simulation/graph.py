"""Which brokers are connected: graphs over the numbers 0 to n - 1, and how far they reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from brokers.simulation.chance import Chance

__all__ = ["SHAPES", "Edge", "diameter", "distances", "draw_graph", "is_connected"]

Edge = tuple[int, int]
SHAPES = ("random", "tree", "ring", "star", "line")


def draw_graph(shape: str, brokers: int, extra: int, chance: Chance) -> list[Edge]:
    """The edges of a connected graph; `extra` ones are added to any shape."""
    if shape not in SHAPES:
        raise ValueError(f"a shape is one of {', '.join(SHAPES)}, not {shape!r}")
    order = chance.shuffled(range(brokers))
    pairs = {
        "star": [(0, i) for i in range(1, brokers)],
        "line": [(i - 1, i) for i in range(1, brokers)],
        "ring": [(i - 1, i) for i in range(1, brokers)] + [(0, brokers - 1)] * (brokers > 2),
        "tree": [(chance.whole(0, i - 1), i) for i in range(1, brokers)],
        "random": [(chance.whole(0, i - 1), i) for i in range(1, brokers)],
    }[shape]
    edges = [_sorted(order[a], order[b]) for a, b in pairs]
    if shape == "random":
        extra += chance.whole(0, brokers)
    missing = [(a, b) for b in range(brokers) for a in range(b) if (a, b) not in edges]
    return edges + chance.shuffled(missing)[:extra]


def _sorted(a: int, b: int) -> Edge:
    return (a, b) if a < b else (b, a)


def distances(start: int, brokers: Iterable[int], edges: Iterable[Edge]) -> dict[int, int]:
    """How many links away is each broker that can be reached?"""
    return _distances(start, _neighbours(brokers, edges))


def _distances(start: int, neighbours: Mapping[int, Sequence[int]]) -> dict[int, int]:
    distances, wave = {start: 0}, [start]
    for here in wave:  # grows while we walk
        for there in neighbours[here]:
            if there not in distances:
                distances[there] = distances[here] + 1
                wave.append(there)
    return distances


def _neighbours(brokers: Iterable[int], edges: Iterable[Edge]) -> dict[int, list[int]]:
    neighbours: dict[int, list[int]] = {broker: [] for broker in brokers}
    for a, b in edges:
        if a in neighbours and b in neighbours:
            neighbours[a].append(b)
            neighbours[b].append(a)
    return neighbours


def is_connected(brokers: Sequence[int], edges: Iterable[Edge]) -> bool:
    """Does a path lead from each of these brokers to each, over these brokers only?"""
    return len(_distances(brokers[0], _neighbours(brokers, edges))) == len(brokers)


def diameter(brokers: Sequence[int], edges: Iterable[Edge]) -> int:
    """How many links the longest of all shortest paths has."""
    neighbours = _neighbours(brokers, edges)
    return max(max(_distances(start, neighbours).values()) for start in brokers)
