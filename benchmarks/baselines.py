"""What our engine is compared with: two comprehensions, counting, and the columnar scan in C.

Each baseline is built from a workload and answers with the numbers of the subscriptions that
match. All but the scan take an event as a mapping, as our engine does; the scan is given the
events as arrays of numbers, which spares it the reading of mappings.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import native
from matchengine.reference import And, Between, Compare, CountingMatcher, Node
from workloads import CARDINALITY, Conjunctions, Interval, Workload

__all__ = ["SCANS", "Counting", "Lambdas", "Plain", "Scan", "expected", "has_scan"]

Event = Mapping[str, Any]
Predicate = Callable[[Event], bool]
U16s = npt.NDArray[np.uint16]


# ---- Python -------------------------------------------------------------------------------------


class Plain:
    """The comprehension that comes to mind first: intervals in tuples, `all` over each."""

    def __init__(self, workload: Conjunctions) -> None:
        self._subscriptions = [
            (number, tuple(predicates)) for number, predicates in enumerate(workload.intervals)
        ]

    def match(self, event: Event) -> list[int]:
        """The subscriptions that match. A value below every domain stands for a missing one."""
        get = event.get
        return [
            number
            for number, predicates in self._subscriptions
            if all(least <= get(name, -1) <= greatest for name, least, greatest in predicates)
        ]


class Lambdas:
    """A lambda per subscription, called in a comprehension.

    They are closures over the same code. Compiling the text of each subscription with `eval` gives
    lambdas that execute less, yet take twice the time: a hundred thousand pieces of code come from
    memory, and none runs often enough for the interpreter to adapt it.
    """

    def __init__(self, workload: Conjunctions) -> None:
        self._subscriptions = [
            (number, _conjunction(*predicates))
            for number, predicates in enumerate(workload.intervals)
        ]

    def match(self, event: Event) -> list[int]:
        """The subscriptions that match."""
        return [number for number, predicate in self._subscriptions if predicate(event)]


def _conjunction(a: Interval, b: Interval, c: Interval, d: Interval, e: Interval) -> Predicate:
    """Are all five values there, and in their intervals?"""
    (a_name, a_least, a_greatest), (b_name, b_least, b_greatest) = a, b
    (c_name, c_least, c_greatest), (d_name, d_least, d_greatest) = c, d
    e_name, e_least, e_greatest = e
    return lambda event: (
        a_name in event
        and a_least <= event[a_name] <= a_greatest
        and b_name in event
        and b_least <= event[b_name] <= b_greatest
        and c_name in event
        and c_least <= event[c_name] <= c_greatest
        and d_name in event
        and d_least <= event[d_name] <= d_greatest
        and e_name in event
        and e_least <= event[e_name] <= e_greatest
    )


class Counting:
    """The counting algorithm in pure Python, by the twin of our engine."""

    def __init__(self, workload: Conjunctions) -> None:
        self._matcher = CountingMatcher()
        for number, predicates in enumerate(workload.intervals):
            self._matcher.add(And(tuple(_leaf(*each) for each in predicates)), number)

    def match(self, event: Event) -> list[Any]:
        """The subscriptions that match."""
        return self._matcher.match(event)


def _leaf(name: str, least: int, greatest: int) -> Node:
    """One comparison where an end of the domain is an end of the interval: less to count."""
    if least == greatest:
        return Compare(name, "=", least)
    if least == 0:
        return Compare(name, "<=", greatest)
    if greatest == CARDINALITY - 1:
        return Compare(name, ">=", least)
    return Between(name, least, greatest)


def expected(workload: Workload, event: Event) -> list[int]:
    """The subscriptions of any workload that match, by the definition: for checking, not timing."""
    values = dict(_dotted("", event))
    return [
        number
        for number, predicates in enumerate(workload.intervals)
        if all(name in values and lo <= values[name] <= hi for name, lo, hi in predicates)
    ]


def _dotted(prefix: str, event: Event) -> Iterator[tuple[str, Any]]:
    for key, value in event.items():
        if isinstance(value, dict):
            yield from _dotted(f"{prefix}{key}.", value)
        else:
            yield prefix + key, value


# ---- the columnar scan --------------------------------------------------------------------------

#: Ways to look attributes up, see scan.c. `bytes` and `permute` are for at most 128 attributes.
SCANS = ("bytes", "permute", "filter", "gather", "avx2", "portable")
LANES = 32
ABSENT = 0xFFFF
BLOCK_BYTES = 3 * LANES * 2


class _Fields(ctypes.Structure):
    _fields_ = [
        ("columns", ctypes.c_void_p),
        ("rows", ctypes.c_uint64),
        ("slots", ctypes.c_uint64),
        ("table", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
        ("blocks", ctypes.c_void_p),
        ("masks", ctypes.c_void_p),
        ("matches", ctypes.c_void_p),
        ("read", ctypes.c_uint64),
    ]


def _library() -> ctypes.CDLL:
    library = native.library("scan.c")
    library.scan_has.argtypes = [ctypes.c_char_p]
    library.scan_events.restype = ctypes.c_uint64
    library.scan_events.argtypes = [
        ctypes.POINTER(_Fields),
        ctypes.c_char_p,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_uint64),
    ]
    return library


def has_scan(name: str, attributes: int) -> bool:
    """Can this machine run the kernel, for so many attributes?"""
    fits = name not in ("bytes", "permute") or attributes <= 128
    return fits and bool(_library().scan_has(name.encode()))


def _aligned(words: int, value: int) -> U16s:
    """An array of u16 that starts at a cache line."""
    raw = np.empty(words + LANES, dtype=np.uint16)
    start = (-raw.ctypes.data % 64) // 2
    raw[:] = value
    return raw[start : start + words]


def _columns(workload: Conjunctions, rows: int) -> U16s:
    """The columns of scan.c: per slot attributes, least values and widths, padded to `rows`."""
    count, slots = workload.attrs.shape
    widths = workload.greatest - workload.least
    narrowest_first = np.argsort(widths, axis=1, kind="stable")
    made = _aligned(slots * 3 * rows, 0)
    columns = made.reshape(slots, 3, rows)
    for number, column in enumerate((workload.attrs, workload.least, widths)):
        columns[:, number, :count] = np.take_along_axis(column, narrowest_first, axis=1).T
    columns[:, 1, count:] = ABSENT - 1  # least values beyond every domain: these rows never match
    return made


class Scan:
    """Every row tested, 32 in an instruction. Slot 0 has the narrowest predicate of each row."""

    def __init__(self, workload: Conjunctions, kernel: str) -> None:
        self.kernel = kernel
        #: GB/s reached when last measured.
        self.gb_s = 0.0
        count, slots = workload.attrs.shape
        rows = -(-count // LANES) * LANES
        self._columns = _columns(workload, rows)
        self._table = _aligned(max(128, workload.attributes) + 64, ABSENT)
        self._filter = _aligned(128, 0)
        self._survivors = np.empty((2, rows // LANES + 16), dtype=np.uint32)
        self._matches = np.empty(rows, dtype=np.uint32)
        self._events = self._encoded(workload)
        self._fields = _Fields(
            self._columns.ctypes.data,
            rows,
            slots,
            self._table.ctypes.data,
            self._filter.ctypes.data,
            self._survivors[0].ctypes.data,
            self._survivors[1].ctypes.data,
            self._matches.ctypes.data,
            0,
        )
        self._call = _library().scan_events

    @staticmethod
    def _encoded(workload: Conjunctions) -> tuple[U16s, U16s]:
        attrs = np.ascontiguousarray(workload.event_attrs, dtype=np.uint16)
        return attrs, np.ascontiguousarray(workload.event_values, dtype=np.uint16)

    @property
    def bytes(self) -> int:
        """Of all columns of all slots."""
        return self._columns.nbytes

    def run(self, start: int, stop: int) -> int:
        """Scan for events [start:stop] of the workload; return how many matches they have."""
        attrs, values = (column[start:stop] for column in self._events)
        self._last = ctypes.c_uint64()
        found = self._call(
            self._fields,
            self.kernel.encode(),
            len(attrs),
            attrs.shape[1],
            attrs.ctypes.data,
            values.ctypes.data,
            self._last,
        )
        if found == 2**64 - 1:
            raise RuntimeError(f"this machine has no {self.kernel} kernel")
        return int(found)

    def match(self, number: int) -> list[int]:
        """The subscriptions that match event `number` of the workload."""
        self.run(number, number + 1)
        return [int(row) for row in self._matches[: self._last.value]]

    def read_bytes(self) -> int:
        """Bytes of columns read since the last call, 32 rows of a slot at a time."""
        read, self._fields.read = self._fields.read, 0
        return int(read) * (LANES * 2 if self.kernel == "filter" else BLOCK_BYTES)
