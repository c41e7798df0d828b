"""Nobody else's code runs inside the engine, and what runs beside it may call back."""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest

from matchengine import EventError, EventLimitExceeded, Matcher

BAD_EVENTS: list[dict[str, Any]] = [
    {"k": {"a": "\ud800"}},
    {"k": 10**1001, "b": {"c": [10**30]}},
    {"a": [1] * 70_000},
]


class Cycle:
    """Garbage that calls the matcher when it is found."""

    def __init__(self, matcher: Matcher[Any]) -> None:
        self.matcher = matcher
        self.itself = self

    def __del__(self) -> None:
        self.matcher.discard("nobody")
        self.matcher.add("q = 1", id=object())


@pytest.fixture
def eager_gc() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(7, 3, 3)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("eager_gc")
def test_finalisers_run_outside_the_lock() -> None:
    m: Matcher[Any] = Matcher()
    for _ in range(200):
        Cycle(m)
        for event in BAD_EVENTS[:2]:
            with pytest.raises(EventError):
                m.match(event)
        assert m.match({"a": 10**40}) == []
        m.remove(m.add("z = 1"))
    m.validate()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_signal_handlers_run_outside_the_lock() -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="x")
    before = signal.signal(signal.SIGALRM, lambda *_: m.replace("x", "a = 2"))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for event in BAD_EVENTS:
                with pytest.raises(EventError):
                    m.match(event)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert m.match({"a": 2}) == ["x"]


def test_the_path_of_a_surrogate() -> None:
    with pytest.raises(EventError, match=r"k\.a\.1"):
        Matcher().match({"k": {"a": ["x", "\ud800"]}})


@pytest.mark.parametrize("leaf", [[1], []], ids=["scalars", "empty"])
@pytest.mark.parametrize("kind", [dict, MappingProxyType])
def test_shared_containers_are_bounded(leaf: list[int], kind: Any) -> None:
    """2 ** 30 values in thirty lists."""
    m: Matcher[Any] = Matcher()
    if not leaf and kind is MappingProxyType:
        pytest.skip("bounded by event_bytes, which takes a copy half a minute to reach")
    for _ in range(30):
        leaf = [leaf, leaf]  # type: ignore[list-item]
    with pytest.raises(EventLimitExceeded):
        m.match(kind({"a": leaf}))


def test_a_destination_whose_class_calls_back() -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="x")

    class To(int):
        def __lt__(self, other: object) -> bool:
            m.remove("x")
            return False

    m.replace("x", "b = 2", to=To(3))
    assert m.destinations({"b": 2}) == [3]
    m.validate()


def test_results_in_cycles_let_their_handles_go() -> None:
    m: Matcher[Any] = Matcher()
    for _ in range(20):
        ids = [m.add("a = 1") for _ in range(10)]
        cycle: list[Any] = [m.match_batch([{"a": 1}])]
        cycle.append(cycle)
        del cycle
        for taken in ids:
            m.remove(taken)
        gc.collect()
    assert m.handle(m.add("b = 1")) < 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_under_a_reader_can_write() -> None:
    m: Matcher[Any] = Matcher()
    m.add_many((n, f"a > {n % 97} AND b < {n}") for n in range(5_000))
    lines = b'{"a": 50, "b": 3}\n' * 2_000
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            m.match_batch(lines)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                m.add("c = 1", id="c")
                os._exit(0 if m.match({"c": 1}) == ["c"] else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        reader.join()


def test_many_ranges_of_numbers_and_strings_on_one_path() -> None:
    """Their hulls must not reach from one kind into the other when labels change."""
    m: Matcher[Any] = Matcher()
    ranges = [f"a BETWEEN {n * 10} AND {n * 10 + 1}" for n in range(9)]
    m.add(" OR ".join([*ranges, "a BETWEEN 'b' AND 'm'"]), id="all")
    for n in range(60):
        m.add(f"a >= 'b{n:05d}'", id=n)
        m.validate()
        assert "all" in m.match({"a": "lzzz"})
        assert m.match({"a": 31}) == ["all"]
