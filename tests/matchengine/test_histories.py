"""Many threads, one matcher: is there an order of whole operations that explains every answer?

MATCHENGINE_HISTORIES=600 goes on for so many seconds, MATCHENGINE_SEED begins elsewhere.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from histories import Read, Recorder, Write, explain
from matchengine import DuplicateSubscription, Matcher, UnknownSubscription, reference

SECONDS = float(os.environ.get("MATCHENGINE_HISTORIES", "4"))
SEED = int(os.environ.get("MATCHENGINE_SEED", "1"))
WRITERS, READERS, CHANGES = 3, 3, 60

FILTERS = [
    "", "a = 1", "b > 3", "s = 'even'", "s = 'odd'", "s LIKE 'e%' OR b < 0", "NOT s = 'odd'",
    "a IN (1, 2) AND b >= 5", "b BETWEEN 1 AND 9", "EXISTS(c)", "c IS NULL AND a < 2",
    "MATCHES(s, 'o.*|x')",
]  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"a": 1, "b": 5, "s": "even"},
    {"a": 1, "b": 5, "s": "odd"},
    {"a": 2, "b": [0, 7], "c": None},
]
#: As JSON: short texts are matched under the GIL, long ones without it.
TEXTS = [
    '{"a": 1, "b": 5, "s": "even"}',
    '{"a": 1, "b": 5, "s": "odd", "pad": "' + "x" * 4000 + '"}',
    '{"a": 2, "b": [0, 7], "c": null, "pad": [' + ",".join(["1"] * 3000) + "]}",
]
TRUTH = {
    text: [reference.matches(reference.parse(text), event) for event in EVENTS] for text in FILTERS
}
SINGLE = [f"one {n}" for n in range(8)]
GROUPED = [f"many {n}" for n in range(24)]


# ---- one call -----------------------------------------------------------------------------------


def write_once(recorder: Recorder, rolled: random.Random) -> None:
    matcher, id = recorder.matcher, rolled.choice(SINGLE)
    filter, to = rolled.choice(FILTERS), rolled.choice([None, 1, 2, 3])
    name = rolled.choice(["add", "add", "replace", "replace", "add_many", "remove", "discard"])
    arguments: tuple[Any, ...] = (id,)
    if rolled.random() < 0.01:
        name, arguments = "clear", ()
    elif name in ("add", "replace"):
        arguments = (id, filter, to)
    elif name == "add_many":
        first = rolled.randrange(0, len(GROUPED), 6)
        size = rolled.randint(2, 6)
        arguments = ({id: rolled.choice(FILTERS) for id in GROUPED[first : first + size]},)
    elif name in ("remove", "discard"):
        arguments = (rolled.choice(SINGLE + GROUPED),)

    def call() -> Any:
        try:
            if name == "add":
                matcher.add(filter, id=id, to=to)
            elif name == "replace":
                matcher.replace(id, filter, to=to)
            else:
                found = getattr(matcher, name)(*arguments)
                return found if name == "discard" else None
            return None
        except DuplicateSubscription:
            return "duplicate"
        except UnknownSubscription:
            return "unknown"

    recorder.write(name, arguments, call)


def read_once(recorder: Recorder, rolled: random.Random) -> None:
    matcher, event = recorder.matcher, rolled.randrange(len(EVENTS))
    several = [rolled.randrange(len(EVENTS)) for _ in range(rolled.randint(1, 4))]
    lines = "\n".join(TEXTS[n] for n in several)
    calls: list[tuple[str, list[int], Callable[[], list[Any]]]] = [
        ("ids", [event], lambda: [matcher.match(EVENTS[event])]),
        ("ids", [event], lambda: [matcher.match_json(TEXTS[event])]),
        ("ids", several, lambda: list(matcher.match_batch([EVENTS[n] for n in several]))),
        ("ids", several, lambda: list(matcher.match_batch(lines))),
        ("count", [event], lambda: [matcher.count(TEXTS[event])]),
        ("any", [event], lambda: [matcher.matches_any(EVENTS[event])]),
        ("destinations", [event], lambda: [matcher.destinations(TEXTS[event])]),
        (
            "destinations",
            several,
            lambda: matcher.destinations_batch([TEXTS[n].encode() for n in several]),
        ),
    ]
    how, events, call = rolled.choice(calls)

    def checked() -> list[Any]:
        found = call()
        if how not in ("ids", "destinations"):
            return found
        assert all(len(one) == len(set(one)) for one in found)
        return [frozenset(one) for one in found]

    recorder.read(how, events, checked)


# ---- many ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def hurried_threads() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def record(seed: int) -> Recorder:
    """What some writers and readers did."""
    recorder = Recorder(Matcher())
    recorder.matcher.add_many({-n: f"a >= 1 AND zz = {n}" for n in range(1, 200)})
    finished: list[int] = []  # writers
    failures: list[BaseException] = []
    start = threading.Barrier(WRITERS + READERS)

    def guarded(work: Callable[[random.Random], None], rolled: random.Random) -> None:
        try:
            start.wait()
            work(rolled)
        except BaseException as error:
            failures.append(error)

    def write(rolled: random.Random) -> None:
        try:
            for _ in range(CHANGES):
                write_once(recorder, rolled)
        finally:
            finished.append(1)

    def read(rolled: random.Random) -> None:
        while len(finished) < WRITERS:
            read_once(recorder, rolled)

    threads = [
        threading.Thread(target=guarded, args=[work, random.Random(f"{seed} {number}")])
        for number, work in enumerate([write] * WRITERS + [read] * READERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    recorder.matcher.validate()
    return recorder


def test_an_order_of_whole_operations_explains_every_answer() -> None:
    began, seed, calls = time.monotonic(), SEED, 0
    while time.monotonic() < began + SECONDS:
        recorder = record(seed)
        wrong = explain(recorder.writes, recorder.reads, TRUTH)
        assert not wrong, f"seed {seed}: {wrong}"
        seed, calls = seed + 1, calls + len(recorder.writes) + len(recorder.reads)
    print(f"{seed - SEED} histories, {calls} calls")


# ---- the judge must be able to say no -----------------------------------------------------------

ADD = Write("add", ("x", "", None), 1, 4, 1)
LATER = Write("add", ("y", "", 7), 5, 8, 2)


def ids(start: int, end: int, *found: str, before: Read | None = None) -> Read:
    return Read("ids", 0, frozenset(found), start, end, before)


@pytest.mark.parametrize(
    "reads",
    [
        [ids(2, 3)],
        [ids(2, 3, "x")],
        [ids(6, 7, "x"), ids(6, 7, "x", "y")],
        [ids(2, 10, "x"), ids(3, 9, "x", "y"), ids(4, 7)],
        [Read("count", 0, 2, 9, 10), Read("destinations", 0, frozenset([7]), 9, 10)],
    ],
)
def test_what_an_order_explains(reads: list[Read]) -> None:
    assert explain([LATER, ADD], reads, TRUTH) == ""


FIRST = ids(6, 7, "x", "y")


@pytest.mark.parametrize(
    "reads",
    [
        [ids(5, 6)],  # had ended
        [ids(2, 3, "x", "y")],  # had not begun
        [ids(9, 10, "y")],  # never so
        [ids(6, 7, "x", "y"), ids(8, 9, "x")],  # back in time
        [ids(2, 3, "x"), ids(4, 5)],
        [FIRST, ids(6, 7, "x", before=FIRST)],  # within a batch
        [Read("any", 0, False, 5, 6)],
    ],
)
def test_what_no_order_explains(reads: list[Read]) -> None:
    assert "fits no state" in explain([LATER, ADD], reads, TRUTH)


def test_half_an_operation_is_no_state() -> None:
    both = Write("add_many", ({"x": "", "y": ""},), 1, 4, 1)
    assert explain([both], [ids(2, 3, "x", "y")], TRUTH) == ""
    assert explain([both], [ids(2, 3, "x")], TRUTH) != ""
    other = Write("replace", ("x", "FALSE", None), 5, 8, 2)
    truth = {**TRUTH, "FALSE": [False] * 3}
    assert explain([both, other], [ids(6, 7, "y")], truth) == ""
    assert explain([both, other], [ids(6, 7)], truth) != ""


def test_results_and_numbers_of_writes_count() -> None:
    again = Write("add", ("x", "a = 1", None), 5, 6, 2)
    assert "should have returned" in explain([ADD, again], [], TRUTH)
    again.result = "duplicate"
    assert explain([ADD, again], [], TRUTH) == ""
    again.serial = 0
    assert "never held the lock" in explain([ADD, again], [], TRUTH)
    early = Write("add", ("z", "", None), 1, 2, 3)
    assert "numbered before it" in explain([ADD, LATER, early], [], TRUTH)
