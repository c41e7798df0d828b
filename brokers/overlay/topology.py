"""Trees over a graph of brokers, the same wherever they are computed.

    A --- B         From C, A is two hops away by two ways. Every link has a length: one hop, and
    |     |         a tiny fraction that is a hash of its two ends. So there is one shortest path
    D --- C --- E   between two brokers, all compute the same one, and it is the same both ways.

That paths are symmetric is what the brokers build on: interest that travels from X to S lays the
way for events from S to X, link by link, and every part of a shortest path is one. The tree of a
broker is the union of its paths to all others.

Topologies are values: equal ones are one object while anybody has it, and its trees are computed
once however many (simulated) brokers ask. Nobody keeps those of the past: they may be megabytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from weakref import WeakValueDictionary

__all__ = ["Link", "Topology", "topology_of"]

Link = tuple[str, str]  # its ends, the smaller name first

#: Of a length: the hops are above, the hash below.
_FRACTION_BITS = 80


@lru_cache(maxsize=65_536)
def _length(a: str, b: str) -> int:
    """How long a link is: one hop, and the fraction that tells paths of as many hops apart."""
    ends = "\0".join(sorted((a, b))).encode()
    return (1 << _FRACTION_BITS) + int.from_bytes(blake2b(ends, digest_size=8).digest())


class Topology:
    """Brokers and the links between them, all reachable from each other. Made by `topology_of`."""

    __slots__ = ("__weakref__", "_below", "_parents", "brokers", "links", "neighbours")

    def __init__(self, brokers: tuple[str, ...], links: tuple[Link, ...]) -> None:
        self.brokers = brokers
        self.links = links
        neighbours: dict[str, list[str]] = {broker: [] for broker in brokers}
        for a, b in links:
            neighbours[a].append(b)
            neighbours[b].append(a)
        self.neighbours: Mapping[str, list[str]] = neighbours
        self._parents: dict[str, dict[str, str]] = {}
        self._below: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}

    def __contains__(self, broker: str) -> bool:
        return broker in self.neighbours

    def parents(self, root: str) -> Mapping[str, str]:
        """Each broker's next hop towards `root`; in order of distance. Computed once."""
        parents = self._parents.get(root)
        if parents is None:
            parents = self._parents[root] = self._shortest_paths(root)
        return parents

    def _shortest_paths(self, root: str) -> dict[str, str]:
        """Dijkstra's algorithm."""
        parents: dict[str, str] = {}
        done: set[str] = set()
        heap = [(0, root, root)]
        while heap:
            distance, broker, parent = heapq.heappop(heap)
            if broker in done:
                continue
            done.add(broker)
            if broker != root:
                parents[broker] = parent
            for other in self.neighbours[broker]:
                if other not in done:
                    heapq.heappush(heap, (distance + _length(broker, other), other, broker))
        return parents

    def branches(self, root: str, at: str) -> Mapping[str, tuple[str, ...]]:
        """In the tree of `root`: the children of `at`, and who is in the subtree of each."""
        branches = self._below.get((root, at))
        if branches is None:
            branches = self._below[root, at] = self._subtrees(root, at)
        return branches

    def _subtrees(self, root: str, at: str) -> dict[str, tuple[str, ...]]:
        child_of: dict[str, str] = {}  # broker below `at` -> the child of `at` that leads there
        below: dict[str, list[str]] = {}
        for broker, parent in self.parents(root).items():  # parents come first
            child = broker if parent == at else child_of.get(parent)
            if child is not None:
                child_of[broker] = child
                below.setdefault(child, []).append(broker)
        return {child: tuple(brokers) for child, brokers in below.items()}

    def without_cycles(self) -> Topology:
        """The tree of the smallest name, as a topology of its own: one tree for everybody."""
        root = self.brokers[0]
        pairs = self.parents(root).items()
        return topology_of(self.brokers, tuple(sorted((min(p), max(p)) for p in pairs)))

    def diameter(self) -> int:
        """The hops between the two brokers that are farthest apart."""
        longest = 0
        for root in self.brokers:
            hops = {root: 0}
            for broker, parent in self.parents(root).items():
                hops[broker] = hops[parent] + 1
            longest = max(longest, *hops.values())
        return longest

    def __repr__(self) -> str:
        return f"Topology({', '.join('-'.join(link) for link in self.links) or self.brokers[0]})"


_made: WeakValueDictionary[tuple[tuple[str, ...], tuple[Link, ...]], Topology]
_made = WeakValueDictionary()


def topology_of(brokers: tuple[str, ...], links: tuple[Link, ...]) -> Topology:
    """The topology of these brokers and links, both sorted."""
    topology = _made.get((brokers, links))
    if topology is None:
        topology = _made[brokers, links] = Topology(brokers, links)
    return topology
