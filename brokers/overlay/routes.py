"""Where things go from here: the branches of every tree, over the topologies of the recent past.

A change of links changes trees, and brokers learn of it one after another. Whoever knows it routes
by the new tree; events on their way, and brokers that do not know it yet, rely on the old one. So
every broker keeps the topologies of the last `retain` seconds and uses the branches of all of them
together: what interest needs and where events go is the union. Duplicates that this makes are known
by their sequence numbers. A broker that has learnt of a change has told its neighbours before it
sends them anything that relies on it.

Sets of brokers are bit masks: every broker that was ever heard of has a number here.
"""

from __future__ import annotations

from typing import NamedTuple

from brokers.overlay.topology import Topology, topology_of

__all__ = ["Branch", "Routes"]

#: Topologies kept at a time. More changes than that within `retain` seconds are a storm, in which
#: the oldest ones help nobody.
_MOST = 8


class Branch(NamedTuple):
    """A child in a tree, and who is in its subtree."""

    neighbour: str
    below: int  #: mask of brokers


class Routes:
    """The trees as seen from one broker. `shared`: one tree for all roots instead of one each."""

    def __init__(self, name: str, *, shared: bool, retain: float) -> None:
        self.name = name
        self._shared = shared
        self._retain = retain
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self.number(name)
        self.current: Topology = topology_of((name,), ())
        self.present = self.mask(self.current.brokers)  #: who can be reached now
        self._views: list[tuple[float, Topology]] = [(0.0, self.current)]  # since when; newest last
        self._branches: dict[str, tuple[Branch, ...]] = {}
        self._ways: tuple[Branch, ...] | None = None

    def number(self, broker: str) -> int:
        """The number of a broker, which stays the same."""
        number = self._numbers.get(broker)
        if number is None:
            number = self._numbers[broker] = len(self._names)
            self._names.append(broker)
        return number

    def mask(self, brokers: tuple[str, ...]) -> int:
        """These brokers as a mask."""
        mask = 0
        for broker in brokers:
            mask |= 1 << self.number(broker)
        return mask

    def names(self, mask: int) -> tuple[str, ...]:
        """The brokers of a mask, in order of their numbers."""
        names = []
        while mask:
            low = mask & -mask
            names.append(self._names[low.bit_length() - 1])
            mask ^= low
        return tuple(names)

    def change(self, topology: Topology, now: float) -> bool:
        """Route by this topology from now on; is it another one?"""
        if self._shared:
            topology = topology.without_cycles()
        if topology is self.current:
            return False
        self.current = topology
        self.present = self.mask(topology.brokers)
        # The old one is superseded now, and kept from now on.
        self._views[-1] = (now, self._views[-1][1])
        self._views = [view for view in self._views if view[1] is not topology][-_MOST:]
        self._views.append((now, topology))
        self._branches.clear()
        self._ways = None
        return True

    def expire(self, now: float) -> bool:
        """Let go of topologies that were superseded `retain` seconds ago; were there any?"""
        kept = [view for view in self._views[:-1] if view[0] + self._retain > now]
        if len(kept) == len(self._views) - 1:
            return False
        self._views = [*kept, self._views[-1]]
        self._branches.clear()
        self._ways = None
        return True

    def branches(self, root: str) -> tuple[Branch, ...]:
        """The branches here of the trees of `root`; of all trees that are still kept."""
        branches = self._branches.get(root)
        if branches is None:
            below: dict[str, int] = {}
            for _, topology in self._views:
                if root in topology:
                    for child, brokers in topology.branches(root, self.name).items():
                        below[child] = below.get(child, 0) | self.mask(brokers)
            branches = tuple(Branch(child, mask) for child, mask in below.items())
            self._branches[root] = branches
        return branches

    def ways(self) -> tuple[Branch, ...]:
        """The next hops from here: by the present topology, then by earlier ones."""
        if self._ways is None:
            here = self.current.branches(self.name, self.name).items()
            present = tuple(Branch(child, self.mask(brokers)) for child, brokers in here)
            self._ways = present + (self.branches(self.name) if len(self._views) > 1 else ())
        return self._ways

    def parent(self, root: str) -> str | None:
        """The next hop from here towards `root`, by the present topology."""
        if root == self.name or root not in self.current:
            return None
        return self.current.parents(root)[self.name]

    def children(self, root: str) -> tuple[str, ...]:
        """The children here in the present tree of `root`."""
        if root not in self.current:
            return ()
        return tuple(self.current.branches(root, self.name))

    def topologies(self) -> list[Topology]:
        """All that are kept, the present one last."""
        return [topology for _, topology in self._views]
