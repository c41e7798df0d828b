"""Matcher: subscriptions by id on top of the engine's handles.

Order of work in every method that changes something: first what runs other people's code (hashing
and comparing ids, reading iterables, parsing), then the engine's critical section, which runs none.
One writer at a time holds `_writing`; it can be taken again by the same thread, so an id whose
``__eq__`` calls back into the matcher finds a consistent one.
"""

from __future__ import annotations

import contextlib
import copyreg
import itertools
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar

from matchengine import _core, _engine, _filters, _snapshot
from matchengine._diagnosis import Diagnosis, Subscription, warning_of
from matchengine._explanation import Explanation, explanation_of
from matchengine._ids import show
from matchengine._reading import destination_of, is_buffer, read_subscriptions
from matchengine._related import Related
from matchengine.errors import (
    DuplicateSubscription,
    ExpensiveFilterWarning,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    MatchEngineError,
    UnknownSubscription,
)
from matchengine.filters import Filter, filter_of
from matchengine.limits import Limits, limits_of

__all__ = ["Diagnosis", "Matcher", "Subscription"]

IdT = TypeVar("IdT")

#: Filters of add_many that are read and parsed at a time.
SLICE = 1024
#: Removals, at least, between two times that memory is given back.
TIDY_EVERY = 16_384


class Matcher(Related, Generic[IdT]):
    """A set of subscriptions, and the question which of them want an event.

    Any method may be called from any thread. A match sees whole operations only.
    """

    def __init__(self, *, limits: Limits | None = None) -> None:
        """`limits` bounds what filters and events may hold; the default is `Limits()`."""
        super().__init__(limits=limits)
        self._handles: dict[Any, int] = {}
        self._gone = 0  # ids taken out since memory was given back
        self._writing = threading.RLock()
        self._next_id = 0
        _matchers.add(self)

    # ---- adding and removing ------------------------------------------------------------------

    def add(self, filter: str | Filter, *, id: Any = None, to: int | None = None) -> Any:
        """Add a subscription and return its id.

        `filter` is text, a `Filter` from `parse` or from `attr`. `id` is any hashable; None
        assigns an int that is not taken. `to` is the number of a destination (see
        `destinations`). Microseconds; linear in the filter.

        Raises `DuplicateSubscription`, `FilterSyntaxError`, `FilterTypeError`, `LimitExceeded`;
        warns with `ExpensiveFilterWarning`.
        """
        ir = self._ir(filter)
        number = destination_of(to)
        for warned in (False, True):
            with self._writing:
                next_id = self._next_id
                taken = self._free_id() if id is None else id
                if taken in self._handles:
                    raise DuplicateSubscription(taken)
                handles, refused = self._insert_many([ir], [taken], [number], warned)
                if refused is None:
                    self._enter(taken, handles[0])
                    break
                self._next_id = next_id
            self._warn(taken, ir, *refused[1:])
        return taken

    def _warn(self, id: Any, ir: bytes, count: int, found: Mapping[str, Any]) -> None:
        """Warn the caller of our caller, who holds no lock.

        Nothing has changed yet: the warning may be an error, or call back into the matcher.
        """
        if not found["expense"]:  # of two plans that cost the same, the engine takes the other now
            return
        more = f" (and {count - 1:,} more of the filters)" if count > 1 else ""
        text = warning_of(f"the filter of {show(id)}", ir, found, more)
        warnings.warn(text, ExpensiveFilterWarning, stacklevel=3)

    def _free_id(self) -> int:
        while self._next_id in self._handles:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _enter(self, id: Any, handle: int) -> None:
        """Note an id's handle. The id's __eq__ may run, raise, or have taken the id meanwhile."""
        try:
            first = self._handles.setdefault(id, handle)
        except BaseException:
            self._delete([handle])
            raise
        if first != handle:
            self._delete([handle])
            raise DuplicateSubscription(id)

    def add_many(
        self, subscriptions: Mapping[Any, str | Filter] | Iterable[Any] | str | bytes
    ) -> list[Any]:
        """Add many subscriptions as one operation, all or none; return their ids.

        `subscriptions` is a mapping of id to filter, an iterable of (id, filter) pairs, or JSON
        lines ``{"id": ..., "filter": "...", "to": ...}``, of which only the filter is needed, as
        str, bytes or a buffer. The errors of `add`, and one warning at most.
        """
        asked: list[Any] = []
        irs: list[bytes] = []
        numbers: list[int] = []
        triples, where = read_subscriptions(subscriptions, self._limits.line_bytes)
        ended = False
        while not ended:
            filters: list[Any] = []
            try:
                for id, filter, to in itertools.islice(triples, SLICE):
                    numbers.append(_core.NO_DESTINATION if to is None else destination_of(to))
                    asked.append(id)
                    filters.append(filter)
                ended = len(filters) < SLICE
            finally:  # what was read before an error is looked at first, in order
                self._parse_onto(irs, filters, lambda n: where(n, asked[n]))
        for warned in (False, True):
            with self._writing:
                next_id = self._next_id
                ids = self._numbered(asked)
                handles, refused = self._insert_many(irs, ids, numbers, warned)
                if refused is None:
                    self._enter_many(ids, handles)
                    break
                self._next_id = next_id
            first, count, found = refused
            self._warn(ids[first], irs[first], count, found)
        return ids

    def _parse_onto(
        self, irs: list[bytes], filters: list[Any], where: Callable[[int], str]
    ) -> None:
        fresh: list[bytes] = []
        try:
            while len(fresh) < len(filters):
                _filters.parse_texts(filters, self._parse_limits, fresh)
                if len(fresh) < len(filters):  # no plain text
                    fresh.append(self._ir(filters[len(fresh)]))
        except (MatchEngineError, TypeError) as error:
            error.add_note(f"in {where(len(irs) + len(fresh))}")
            raise
        irs += fresh

    def _numbered(self, ids: list[Any]) -> list[Any]:
        """Check that ids are free and differ; return them with numbers in the place of None."""
        fresh = set(ids)
        taken = any(id in self._handles for id in fresh)
        if len(fresh) == len(ids) and None not in fresh and not taken:
            return ids
        fresh = set()
        for id in ids:
            if id is not None and (id in self._handles or id in fresh):
                raise DuplicateSubscription(id)
            fresh.add(id)
        ids = ids.copy()
        for index, id in enumerate(ids):
            if id is None:
                ids[index] = self._free_id()
                while ids[index] in fresh:
                    ids[index] = self._free_id()
        return ids

    def _enter_many(self, ids: list[Any], handles: list[int]) -> None:
        entered = 0
        try:
            for id, handle in zip(ids, handles, strict=True):
                if self._handles.setdefault(id, handle) != handle:
                    raise DuplicateSubscription(id)
                entered += 1
        except BaseException:
            self._delete([*handles[entered:], *self._leave(ids[:entered], handles)])
            raise

    def _leave(self, ids: list[Any], handles: list[int]) -> Iterator[int]:
        """Take ids out again; give the handles of those that still had theirs.

        An id whose __eq__ raises here stays, subscribed and entered, rather than half.
        """
        for id, handle in zip(ids, handles, strict=False):
            with contextlib.suppress(Exception):
                if self._handles.get(id) == handle:
                    del self._handles[id]
                    yield handle

    def replace(self, id: Any, filter: str | Filter, *, to: int | None = None) -> None:
        """Give the subscription `id` another filter, at once: a concurrent match sees one of them.

        The handle stays. `to` None keeps the destination. Raises `UnknownSubscription` and the
        errors of `add`; then the old filter stays. Warns as `add` does.
        """
        ir = self._ir(filter)
        number = destination_of(to)  # may run the code of a subclass of int: before the look-up
        for warned in (False, True):
            try:
                with self._writing:
                    found = self._change(self._handles, id, ir, number, to is None, warned)
            except KeyError:
                raise UnknownSubscription(id) from None
            if found is None:
                break
            self._warn(id, ir, 1, found)

    def remove(self, id: Any) -> None:
        """Remove the subscription `id`. Raises `UnknownSubscription`. Microseconds."""
        with self._writing:
            try:
                handle = self._handles.pop(id)
            except KeyError:
                raise UnknownSubscription(id) from None
            self._delete([handle])
            self._tidy()

    def __delitem__(self, id: Any) -> None:
        """`remove`."""
        self.remove(id)

    def discard(self, id: Any) -> bool:
        """Remove the subscription `id` if there is one; was there?"""
        with self._writing:
            handle = self._handles.pop(id, None)
            if handle is not None:
                self._delete([handle])
                self._tidy()
            return handle is not None

    def _tidy(self) -> None:
        """Now and then, give back the holes that removals leave: only the system can use them."""
        self._gone += 1
        if self._gone >= max(TIDY_EVERY, len(self._handles) // 2):
            self._gone = 0
            self._give_back()

    def clear(self) -> None:
        """Remove every subscription, as one operation."""
        with self._writing:
            handles = list(self._handles.values())
            self._handles.clear()
            self._delete(handles)

    # ---- saving and loading -------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all subscriptions to a file, which is replaced as a whole or not at all.

        Holds limits, filters, destinations and ids: str, int, bytes and tuples of them. What it
        holds is of one moment. Other threads go on; writers wait while it is copied, half a second
        for a million, and nobody waits while it is written. Linear; about a second for a million.

        Raises TypeError or ValueError for an id that a file cannot hold, and OSError; then the
        file is as it was.
        """
        _snapshot.save(self._take_snapshot(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, limits: Limits | None = None) -> Self:
        """Return a new matcher with the subscriptions of a file that `save` has written.

        Its limits are those of the file, or `limits`: give them where the file is a stranger's.
        Runs nothing that the file says. Handles and statistics begin anew. A subclass is made by
        ``cls(limits=...)``.

        Raises `FileFormatError` for any other file and for one that was truncated or altered or
        is of a newer version, `LimitExceeded` for a filter beyond the limits, and OSError.
        """
        snapshot = _snapshot.load(path, limits_of(limits))
        matcher = cls(limits=snapshot.limits)
        matcher._restore(snapshot)
        return matcher

    def _take_snapshot(self) -> _snapshot.Snapshot:
        with self._writing:
            copied = None
            while copied is None:  # a list that is made may run a finaliser, which may change us
                ids, handles = list(self._handles), list(self._handles.values())
                copied = self._copy_filters(ids, handles)
            return _snapshot.of(self._limits, self._next_id, ids, *copied)

    def _restore(self, snapshot: _snapshot.Snapshot) -> None:
        """Add what a snapshot holds, all or nothing."""
        ids = snapshot.ids
        with self._writing:
            destinations = snapshot.destinations.tolist()
            handles, _ = self._insert_many(snapshot.filters.records, ids, destinations, True)
            self._enter_many(ids, handles)
            self._next_id = max(self._next_id, snapshot.next_id)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made by `__getstate__` and `__setstate__`."""
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> tuple[bytes, list[Any], dict[str, Any]]:
        """The bytes of a file without ids, the ids, and what a subclass has added."""
        snapshot = self._take_snapshot()
        data = b"".join(_snapshot.to_bytes(snapshot, with_ids=False))
        return data, snapshot.ids, _snapshot.attributes(self, _OWN)

    def __setstate__(self, state: tuple[bytes, list[Any], dict[str, Any]]) -> None:
        """Fill a matcher that `__new__` has made. Raises `FileFormatError`."""
        snapshot, attributes = _snapshot.from_state(state)
        Matcher.__init__(self, limits=snapshot.limits)
        self._restore(snapshot)
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    # ---- looking up ---------------------------------------------------------------------------

    def _handle(self, id: Any) -> int:
        try:
            return self._handles[id]
        except KeyError:
            raise UnknownSubscription(id) from None

    def handle(self, id: Any) -> int:
        """The handle of a subscription: a small int. Raises `UnknownSubscription`."""
        return self._handle(id)

    def __len__(self) -> int:
        """The number of subscriptions."""
        return len(self._handles)

    def __contains__(self, id: object) -> bool:
        """Is the id taken?"""
        return id in self._handles

    def __iter__(self) -> Iterator[Any]:
        """The ids, as they are now."""
        return iter(list(self._handles))

    def __getitem__(self, id: Any) -> Subscription[Any]:
        """The subscription of an id. Raises `UnknownSubscription`."""
        try:
            with self._writing:
                ir, number = self._read(self._handles, id)
        except KeyError:
            raise UnknownSubscription(id) from None
        return Subscription(id, filter_of(ir), None if number == _core.NO_DESTINATION else number)

    def items(self) -> Iterator[tuple[Any, Subscription[Any]]]:
        """Pairs of id and subscription."""
        for id in self:
            try:
                yield id, self[id]
            except UnknownSubscription:  # removed meanwhile
                continue

    # ---- asking -------------------------------------------------------------------------------

    def check(self, filter: str | Filter) -> Diagnosis:
        """Diagnose a filter without adding it. Never raises for a bad filter; warns as `add`."""
        try:
            ir = self._ir(filter)
        except (FilterSyntaxError, FilterTypeError, LimitExceeded) as error:
            return Diagnosis(error=error)
        with self._writing:
            found = self._diagnose(ir)
        kinds = ("equal", "range", "pattern", "present")
        warning = None
        if found["expense"]:
            warning = ExpensiveFilterWarning(warning_of("the filter", ir, found))
            warnings.warn(warning, stacklevel=2)
        return Diagnosis(
            filter=filter_of(ir),
            contradiction=found["never"],
            always_true=found["always"],
            anchors={kind: found[kind] for kind in kinds if found[kind]},
            cost=0.0 if found["never"] else found["cost"],
            warning=warning,
        )

    def explain(self, event: Mapping[str, Any] | str | bytes, id: Any) -> Explanation:
        """Why the subscription `id` matches `event`, a mapping or a JSON text, or why not.

        Names the predicates that decide, with what the event has there, and where the engine has
        filed the filter. It asks what `match` uses, and agrees with it. Linear in the filter and
        the event, but not for the fast path: it is a writer to the lock. Raises
        `UnknownSubscription` and `EventError`.
        """
        plain: dict[str, Any] | bytes
        if isinstance(event, str):
            plain = event.encode("utf-8", "surrogatepass")
        elif isinstance(event, Mapping) or not is_buffer(event):
            plain = self._plain(event)
        else:
            plain = bytes(memoryview(event).cast("B"))
        with self._writing:
            handle = self._handle(id)
            found = self._examine(plain, handle)
            if found is None or self._handles.get(id) != handle:  # gone in between
                raise UnknownSubscription(id)
        ir, matched, leaves, rows = found
        return explanation_of(id, filter_of(ir), matched, leaves, rows, self.limits.combinations)

    def stats(self) -> dict[str, Any]:
        """Sizes and counters, as a dict of plain numbers, in no time that grows with events.

        `subscriptions`, `paths`, `constants`, `cuts`, `patterns`, `clusters`: how many there are.
        `rows` counts anchors by kind; `unanchored` the filters that every event looks at; `never`
        those that can match none. `events` matched so far, the rows that they have sieved
        (`candidates`) and verified (`survivors`) and their `matches` in total, and `per_event`.
        `sampled_events` are those that anchors are chosen by; `bytes` is the memory of the core,
        of which `source_bytes` stored filters; `simd` names the kernels.
        """
        numbers = self._numbers()
        rows = {kind: numbers.pop(kind) for kind in ("equal", "range", "pattern", "present")}
        events = numbers["events"] or 1
        del numbers["memory"]
        per_event = {n: numbers[n] / events for n in ("candidates", "survivors", "matches")}
        return {**numbers, "rows": rows, "per_event": per_event, "simd": _core.simd()}

    def memory_usage(self) -> dict[str, int]:
        """Bytes of memory that the core holds, as malloc counts them, by part.

        `total` is the sum of the parts: `sources`, the stored filters (what `m[id].filter` is made
        from), and `paths`, `constants`, `cuts`, `patterns`, `clusters`, `bodies`, `programs`,
        `sets`, `lists`, `handles`, `engine`, which are `matching` together. Ids and their dict are
        Python's and not counted, nor is what a match needs while it runs.
        """
        parts: dict[str, int] = dict(zip(_engine.PARTS, self._numbers()["memory"], strict=True))
        total = sum(parts.values())
        return {**parts, "matching": total - parts["sources"], "total": total}

    def __repr__(self) -> str:
        """The class, and how many subscriptions there are."""
        return f"<{type(self).__name__}: {len(self._handles):,} subscriptions>"


#: What `__init__` sets, and `__setstate__` makes anew.
_OWN = {"_limits", "_parse_limits", "_handles", "_gone", "_writing", "_next_id"}

#: Matchers whose locks a forked child has to make anew.
_matchers: weakref.WeakSet[Matcher[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for matcher in list(_matchers):
        matcher._writing = threading.RLock()
        matcher._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
