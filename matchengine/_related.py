"""The part of a matcher that reads filters, and answers questions about them, not events."""

from __future__ import annotations

from operator import index
from typing import Any, Literal

from matchengine import _core, _cover, _filters
from matchengine.filters import Filter
from matchengine.limits import Limits, limits_of

__all__ = ["Related"]

_NO_PARAMETERS: dict[str, object] = {}


class Related(_core.Engine):
    """Which subscriptions cover a filter, are covered by it, or overlap with it?"""

    def __init__(self, *, limits: Limits | None) -> None:
        """Make an engine without subscriptions."""
        limits = limits_of(limits) or Limits()
        self._open(limits)
        self._limits = limits
        # The parser knows the default limits and is quicker without being told them.
        self._parse_limits = None if limits == Limits() else limits

    @property
    def limits(self) -> Limits:
        """The limits given to the constructor."""
        return self._limits

    def _ir(self, filter: str | bytes | Filter) -> bytes:
        """The filter as the bytes that the engine takes, within this matcher's limits."""
        if isinstance(filter, Filter):
            _filters.check_ir(filter._ir, self._limits)
            return filter._ir
        if isinstance(filter, str | bytes):
            return _filters.parse_text(filter, _NO_PARAMETERS, self._parse_limits)
        raise TypeError(f"a filter is a str or a Filter, got {type(filter).__name__}")

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

        The first call makes notes of all subscriptions, 40 bytes each, and from then on every
        `add` and `replace` makes one (half a microsecond). A call reads all notes, and compares
        what is left; writers get their turn every 50 ms or so.
        """
        return _cover.related(self, "covered", self._ir(filter))

    def overlapping(
        self, filter: str | Filter, *, arrays: bool | Literal["unshared"] = True
    ) -> list[Any]:
        """The ids of the subscriptions that some event satisfies together with `filter`.

        Never misses one; may report too many, except where `covering` is exact. An array can
        satisfy ``a = 1`` and ``a = 2``; with ``arrays=False`` only events count that have one
        value at a path, with ``arrays="unshared"`` those that have one at each path of both
        filters. Takes notes as `covered_by` does, and time linear in the subscriptions. Raises
        what `add` raises for a filter, and ValueError for another string.
        """
        return _cover.related(self, "overlapping", self._ir(filter), arrays=arrays)
