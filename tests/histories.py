"""Histories of concurrent calls, and whether one order of whole operations explains them.

Every call is noted with its result and with two readings of a logical clock, before and after. The
writers' order is known: the matcher's own lock, which they hold while they change anything, hands
out serial numbers. So the states that the matcher went through are known as well,

    state 0 ──write 1──► state 1 ──write 2──► state 2 ...

and what is left to decide is which of them each read has seen: one between the last write that had
ended when the read began and the last one that had begun when it ended, whose answer is the read's,
and no older one than any read saw that had ended before. Taking the oldest state that will do, read
by read, finds an explanation if there is one: an older state never rules out what a younger allows.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: What each filter says of each event, by filter and by number of the event.
Truth = Mapping[str, list[bool]]

#: Id -> (filter, destination).
State = dict[str, tuple[str, int | None]]


@dataclass
class Write:
    """A call that may change something. `serial` is 0 until the lock has numbered it."""

    name: str
    arguments: tuple[Any, ...]
    start: int = 0
    end: int = 0
    serial: int = 0
    result: Any = None


@dataclass
class Read:
    """One event and what was answered; `before` is the read of the same batch before this one."""

    how: str
    event: int
    answer: Any
    start: int = 0
    end: int = 0
    before: Read | None = None
    seen: int = -1


class NumberingLock:
    """The matcher's writer lock, which numbers the calls that hold it.

    A call that warns holds it twice, and changes nothing before the warning: the last time counts.
    """

    def __init__(self, lock: Any) -> None:
        self._lock, self._depth = lock, 0
        self._serials = itertools.count(1)
        self._calls = threading.local()

    def begin(self, call: Write | None) -> None:
        """What this thread does from now on is `call`, or no write."""
        self._calls.now = call

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        call = getattr(self._calls, "now", None)
        if self._depth == 0 and call is not None:
            call.serial = next(self._serials)
        self._lock.release()


# ---- what writes do -----------------------------------------------------------------------------


def apply(state: State, write: Write) -> Any:
    """Do to `state` what the call must do to the matcher; return what it must return."""
    arguments = write.arguments
    match write.name:
        case "add":
            id, filter, to = arguments
            if id in state:
                return "duplicate"
            state[id] = (filter, to)
        case "add_many":
            if any(id in state for id in arguments[0]):
                return "duplicate"
            state.update({id: (filter, None) for id, filter in arguments[0].items()})
        case "replace":
            id, filter, to = arguments
            if id not in state:
                return "unknown"
            state[id] = (filter, state[id][1] if to is None else to)
        case "remove":
            if state.pop(arguments[0], None) is None:
                return "unknown"
        case "discard":
            return state.pop(arguments[0], None) is not None
        case "clear":
            state.clear()
    return None


def answer(state: State, truth: Truth, read_how: str, event: int) -> Any:
    """What a read must answer in this state."""
    matching = [(id, to) for id, (filter, to) in state.items() if truth[filter][event]]
    match read_how:
        case "ids":
            return frozenset(id for id, _ in matching)
        case "count":
            return len(matching)
        case "any":
            return bool(matching)
        case "destinations":
            return frozenset(to for _, to in matching if to is not None)
    raise ValueError(read_how)


# ---- the decision -------------------------------------------------------------------------------


def explain(writes: list[Write], reads: list[Read], truth: Truth) -> str:
    """Empty if one order of whole operations explains every result, or else what it does not."""
    ordered = sorted(writes, key=lambda write: write.serial)
    if wrong := _check_order(ordered):
        return wrong
    kinds = {(read.how, read.event) for read in reads}
    state: State = {}
    answers = {kind: [answer(state, truth, *kind)] for kind in kinds}
    for write in ordered:
        wanted = apply(state, write)
        if write.result != wanted:
            return f"{write} should have returned {wanted!r}"
        for kind, row in answers.items():
            row.append(answer(state, truth, *kind))
    return _place(ordered, reads, answers)


def _check_order(ordered: list[Write]) -> str:
    """Were they numbered, and is none numbered before one that had ended when it began?"""
    latest = 0
    for write in ordered:
        if write.serial == 0:
            return f"{write} never held the lock"
        if write.end < latest:
            return f"{write} had ended before a write began that was numbered before it"
        latest = max(latest, write.start)
    return ""


def _place(
    ordered: list[Write], reads: list[Read], answers: Mapping[tuple[str, int], list[Any]]
) -> str:
    """Give every read the oldest state that it can have seen."""
    ended = sorted((write.end, number) for number, write in enumerate(ordered, 1))
    newest_ended = list(itertools.accumulate((number for _, number in ended), max))
    end_times = [end for end, _ in ended]
    running: list[tuple[int, int]] = []  # (end, state seen) of reads that have been placed
    floor = 0
    for read in sorted(reads, key=lambda read: (read.start, read.end)):
        while running and running[0][0] < read.start:
            floor = max(floor, heapq.heappop(running)[1])
        done = bisect_left(end_times, read.start)
        low = max(floor, newest_ended[done - 1] if done else 0)
        if read.before is not None:
            low = max(low, read.before.seen)
        row = answers[read.how, read.event]
        read.seen = _oldest(read, ordered, low, row)
        if read.seen < 0:
            return _complaint(read, ordered, low, row)
        heapq.heappush(running, (read.end, read.seen))
    return ""


def _oldest(read: Read, ordered: list[Write], low: int, row: list[Any]) -> int:
    """The oldest state from `low` on with this answer, made by writes that had begun; or -1."""
    for at in range(low, len(row)):
        if at > low and ordered[at - 1].start > read.end:
            break
        if row[at] == read.answer:
            return at
    return -1


def _complaint(read: Read, ordered: list[Write], low: int, row: list[Any]) -> str:
    shown = range(low, min(low + 6, len(row)))
    states = [f"  after {ordered[at - 1] if at else 'nothing'}: {row[at]}" for at in shown]
    return "\n".join([f"{read} fits no state from {low} on", *states])


# ---- making a history ---------------------------------------------------------------------------


class Recorder:
    """Notes the calls of all threads to one matcher."""

    def __init__(self, matcher: Any) -> None:
        self.matcher = matcher
        self.lock = matcher._writing = NumberingLock(matcher._writing)
        self.clock = itertools.count(1)  # next() of it is one step under the GIL
        self.writes: list[Write] = []
        self.reads: list[Read] = []

    def write(self, name: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> None:
        """Make a call that changes the matcher; `call` gives what `apply` gives."""
        write = Write(name, arguments)
        self.lock.begin(write)
        write.start = next(self.clock)
        write.result = call()
        self.lock.begin(None)
        write.end = next(self.clock)
        self.writes.append(write)

    def read(self, how: str, events: list[int], call: Callable[[], list[Any]]) -> None:
        """Make a call that asks, about one event or several."""
        start = next(self.clock)
        answers = call()
        end = next(self.clock)
        before = None
        for event, found in zip(events, answers, strict=True):
            before = Read(how, event, found, start, end, before)
            self.reads.append(before)
