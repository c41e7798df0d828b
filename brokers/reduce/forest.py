"""Members that cover others stand above them. What stands at the top says what all of them say.

    price < 10                          a root: no other covers it
    ├── price < 5                       covered; nobody else has to hear of it
    │   └── price < 3 AND s = 'A'
    └── price < 7 AND s = 'B'

Each distinct filter is a node below *one* that covers it, the oldest root there was. (A poset would
know all that do: it costs more to keep than it saves, for what leaves is mostly a leaf.)

  A member comes   The index of the roots, a `Matcher`, is asked which of them cover it: some
                   microseconds, and mostly that is all. A new root asks which roots it covers, and
                   takes them, with what is below them.
  A covered goes   What is below it moves to what is above it. No root changes.
  A root goes      An uncovering: the nodes right below it are put into the index together, and
                   each asks whether another covers it: two questions each at most, so 10,000 of
                   them take a tenth of a second. What is below those stays where it is.

Which roots a new root covers is a sweep over all roots. It reads forty bytes of each, half a
millisecond for 100,000, and compares what that does not exclude, 0.2 us each. That could be put off
and done for many at once, with outputs meanwhile that nobody needs. It is done at once, so that the
roots are always those that no other covers: a member that is covered never gets there, and where
many are not covered the sweep seldom has much to compare.

The oldest root, and not the first that is found, because what an index finds first may depend on
its hash seed.

Source: Carzaniga, Rosenblum, Wolf, "Design and Evaluation of a Wide-Area Event Notification
Service" (TOCS 2001), section 4; a forest in the place of its poset.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from brokers.index import Index
from matchengine import Filter

__all__ = ["Forest", "Node", "Shift"]

K = TypeVar("K", bound=Hashable)


class Node(Generic[K]):
    """A filter, the members that have it, and what it covers."""

    __slots__ = ("below", "filter", "keys", "number", "parent")

    def __init__(self, number: int, filter: Filter) -> None:
        """A node without members, nowhere yet."""
        self.number = number  #: counts the nodes in the order in which they were made
        self.filter = filter
        self.keys: dict[K, None] = {}
        self.parent: Node[K] | None = None
        self.below: dict[int, Node[K]] = {}

    def members(self) -> Iterator[K]:
        """Those of this node and of all below."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield from node.keys
            waiting.extend(node.below.values())


class Shift(NamedTuple, Generic[K]):
    """What a change makes of the roots."""

    added: list[Node[K]]
    dropped: list[Node[K]]


class Forest(Generic[K]):
    """Members as a forest of filters."""

    def __init__(self) -> None:
        """Without members."""
        self.roots: dict[int, Node[K]] = {}
        self.uncoverings = 0
        self._numbers = count()
        self._index: Index[int] = Index()  # of the roots
        self._nodes: dict[Filter, Node[K]] = {}
        self._node_of: dict[K, Node[K]] = {}

    def __len__(self) -> int:
        """The number of members."""
        return len(self._node_of)

    def root_of(self, key: K) -> Node[K]:
        """The root above a member. Raises KeyError."""
        node = self._node_of[key]
        while node.parent is not None:
            node = node.parent
        return node

    def add(self, key: K, filter: Filter) -> Shift[K]:
        """Add a member. Raises ValueError where the key is taken."""
        if key in self._node_of:
            raise ValueError(f"there is a member {key!r} already")
        node = self._nodes.get(filter)
        shift: Shift[K] = Shift([], [])
        if node is None:
            node = Node(next(self._numbers), filter)
            shift = self._place(node)
            self._nodes[filter] = node
        node.keys[key] = None
        self._node_of[key] = node
        return shift

    def remove(self, key: K) -> Shift[K]:
        """Remove a member. Raises KeyError."""
        node = self._node_of.pop(key)
        del node.keys[key]
        if node.keys:
            return Shift([], [])
        del self._nodes[node.filter]
        if node.parent is not None:
            del node.parent.below[node.number]
            _move(node.below.values(), node.parent)
            return Shift([], [])
        del self.roots[node.number]
        self._index.remove(node.number)
        self.uncoverings += bool(node.below)
        return Shift(self._uncover(list(node.below.values())), [node])

    def _place(self, node: Node[K]) -> Shift[K]:
        above = self._index.covering(node.filter)
        if above:
            _move([node], self.roots[min(above)])
            return Shift([], [])
        covered = [self.roots[number] for number in sorted(self._index.covered_by(node.filter))]
        self._index.add(node.filter, id=node.number)
        self.roots[node.number] = node
        for other in covered:
            del self.roots[other.number]
            self._index.remove(other.number)
        _move(covered, node)
        return Shift([node], covered)

    def _uncover(self, nodes: list[Node[K]]) -> list[Node[K]]:
        """Find a place for nodes whose parent is gone; return those that are roots now."""
        self._index.add_many([(node.number, node.filter) for node in nodes])
        covered = []
        for node in nodes:
            node.parent = None
            self.roots[node.number] = node
            # Whether there is another: which one it is may be told only when all roots are known.
            if len(self._index.covering(node.filter, limit=2)) > 1:
                del self.roots[node.number]
                self._index.remove(node.number)
                covered.append(node)
        for node in covered:
            _move([node], self.roots[min(self._index.covering(node.filter))])
        return [node for node in nodes if node.parent is None]


def _move(nodes: Iterable[Node[K]], parent: Node[K]) -> None:
    """Put nodes that have left their place below another."""
    for node in nodes:
        node.parent = parent
        parent.below[node.number] = node
