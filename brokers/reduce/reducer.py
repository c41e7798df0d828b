"""What every reducer promises.

A reducer holds *members*, filters by key, and tells which *outputs*, filters by number, match
exactly the events that some member matches. Every change of a member answers with a `Change` of
the outputs. Who keeps a copy of the outputs puts all of `added` in place before `dropped` goes:
then at no moment is an event unwanted that a member wants.

Numbers of outputs come from an iterator given at construction, and none is used twice. An output
never changes its filter: another filter is another output. What a reducer answers depends on the
calls and their order alone, never on the order of a set or the hash of a string.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from matchengine import Filter

__all__ = ["Change", "Counters", "Reducer"]

K = TypeVar("K", bound=Hashable)


class Change(NamedTuple):
    """What becomes of the outputs: first these are added, then those are dropped."""

    added: tuple[tuple[int, Filter], ...] = ()
    dropped: tuple[int, ...] = ()


class Counters(NamedTuple):
    """What a reducer has done so far, and what it saves now."""

    uncoverings: int = 0  #: times that a member left which covered others
    merges_undone: int = 0  #: times that a member left which was merged with others
    covered: int = 0  #: members, now, that need no output because another one covers them
    merged: int = 0  #: members, now, that are merged with others into an output


class Reducer(Protocol[K]):
    """Members in, outputs out."""

    def __init__(self, numbers: Iterator[int], /) -> None:
        """Make one without members, whose outputs take their numbers from `numbers`."""

    @property
    def counters(self) -> Counters:
        """What it has done and saves."""

    def add(self, key: K, filter: Filter, /) -> Change:
        """Add a member. Raises ValueError where the key is taken."""

    def remove(self, key: K, /) -> Change:
        """Remove a member. Raises KeyError where there is none."""

    def output_of(self, key: K, /) -> int:
        """The number of the output that stands for a member. Raises KeyError."""

    def members_of(self, output: int, /) -> Collection[K]:
        """The members that an output stands for, in time linear in them. Raises KeyError."""

    def outputs(self) -> Mapping[int, Filter]:
        """All outputs by number: not to be changed, and out of date after the next change."""
