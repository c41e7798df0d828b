"""The part of a matcher that answers questions about filters rather than events."""

from __future__ import annotations

from operator import index
from typing import Any

from matchengine import _core, _cover
from matchengine.filters import Filter

__all__ = ["Related"]


class Related(_core.Engine):
    """Which subscriptions cover a filter, are covered by it, or overlap with it?"""

    def _ir(self, filter: str | bytes | Filter) -> bytes:
        """The filter as bytes, within the matcher's limits."""
        raise NotImplementedError

    def covering(self, filter: str | Filter, *, limit: int | None = None) -> list[Any]:
        """The ids of the subscriptions that cover `filter`: they match whatever it matches.

        Equal ones are among them. Never a wrong one; all of them where the filters are an AND of
        ``=``, IN, ranges, STARTS_WITH and EXISTS on different attributes (see `covers`). Costs
        about two matches of an event with the filter's attributes; a filter with a regex, or a
        LIKE that is as complicated, is compared with every subscription. With ``limit=1`` it only
        finds out whether there is one. Raises what `add` raises for a filter, and TypeError or
        ValueError for a limit that is no int, or negative.
        """
        if limit is not None:
            limit = index(limit)
            if limit < 0:
                raise ValueError(f"limit is at least 0, or None, got {limit}")
        return _cover.related(self, "covering", self._ir(filter), limit=limit)

    def covered_by(self, filter: str | Filter) -> list[Any]:
        """The ids of the subscriptions that `filter` covers, as exact as `covering`.

        The first call makes notes of all subscriptions, 16 bytes each, and from then on every
        `add` and `replace` makes one (half a microsecond). A call reads all notes, and compares
        what is left; writers get their turn every 50 ms or so.
        """
        return _cover.related(self, "covered", self._ir(filter))

    def overlapping(self, filter: str | Filter, *, arrays: bool = True) -> list[Any]:
        """The ids of the subscriptions that some event satisfies together with `filter`.

        Never misses one; may report too many, except where `covering` is exact. An array can
        satisfy ``a = 1`` and ``a = 2``; with ``arrays=False`` only events count that have one
        value at a path. Takes notes as `covered_by` does, and time linear in the subscriptions.
        """
        return _cover.related(self, "overlapping", self._ir(filter), single=not arrays)
