"""Threads, signals, forks and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from matchengine import Matcher

EVENT = {"a": 1, "b": 5, "s": "even"}
TEXT = '{"a": 1, "b": 5, "s": "odd"}'


@contextmanager
def running(*jobs: Callable[[], None], times: int = 1) -> Iterator[None]:
    """Run each job again and again in threads of its own while the body runs."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def repeat(job: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                job()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=[job]) for job in jobs * times]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def asks(matcher: Matcher[Any], check: Callable[[set[Any]], None]) -> list[Callable[[], None]]:
    """Every way to ask, each as a job."""
    lines = f"{TEXT}\n" * 50

    def batch() -> None:
        rows = {frozenset(found) for found in matcher.match_batch([EVENT] * 50)}
        assert len(rows) == 1, "a batch saw two states"
        check(set(rows.pop()))

    def batch_of_lines() -> None:
        rows = {frozenset(found) for found in matcher.match_batch(lines)}
        assert len(rows) == 1, "a batch saw two states"
        check(set(rows.pop()))

    return [
        lambda: check(set(matcher.match(EVENT))),
        lambda: check(set(matcher.match_json(TEXT))),
        batch,
        batch_of_lines,
    ]


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Threads take turns a hundred times as often as they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 100)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def matcher() -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((("background", n), f"a = 1 AND b < {n}") for n in range(200))
    return matcher


def test_pairs_are_seen_both_or_neither(matcher: Matcher[Any]) -> None:
    seen: set[int] = set()

    def both_or_neither(found: set[Any]) -> None:
        sides = Counter(id[1] for id in found if id[0] == "pair")
        assert set(sides.values()) <= {2}, "one of two that were added together"
        assert len(found) == 194 + 2 * len(sides)
        seen.add(len(sides))

    turn, end = 0, time.monotonic() + 60
    with running(*asks(matcher, both_or_neither)):
        while len(seen) < 10 and time.monotonic() < end:
            matcher.add_many(
                [(("pair", turn, 1), "a = 1"), (("pair", turn, 2), "b BETWEEN 1 AND 9")]
            )
            turn += 1
    assert len(seen) >= 10, "nobody looked while pairs were added"
    matcher.validate()


def test_a_replaced_subscription_is_seen_once(matcher: Matcher[Any]) -> None:
    matcher.add("s = 'even' OR s = 'odd'", id=("replaced", 0))

    def once(found: set[Any]) -> None:
        assert ("replaced", 0) in found, "neither the old filter nor the new one"

    filters = ["a = 1", "EXISTS(b)", "s LIKE '%'", "NOT a = 2", "a IN (1, 2) AND b > 0", "TRUE"]
    with running(*asks(matcher, once)):
        for turn in range(1500):
            matcher.replace(("replaced", 0), filters[turn % len(filters)])
    matcher.validate()


def test_clear_is_one_operation(matcher: Matcher[Any]) -> None:
    pairs = [(("background", n), f"a = 1 AND b < {n}") for n in range(200)]

    def all_or_none(found: set[Any]) -> None:
        assert len(found) in (0, 194)

    with running(*asks(matcher, all_or_none)):
        for _ in range(150):
            matcher.clear()
            matcher.add_many(pairs)
    matcher.validate()


def test_many_writers(matcher: Matcher[Any]) -> None:
    """Every writer's own subscriptions are there for it at once, whatever the others do."""

    def write() -> None:
        me = threading.get_ident()
        ids = [matcher.add(f"t = {me} AND n < {n}", id=("w", me, n)) for n in range(20)]
        assert set(matcher.match({"t": me, "n": -1})) == set(ids)
        old = matcher.match_batch([{"t": me, "n": 10}])
        for id in ids[::2]:
            matcher.remove(id)
        for id in ids[1::2]:
            matcher.replace(id, f"t = {me}")
        assert set(matcher.match_json(f'{{"t": {me}}}')) == set(ids[1::2])
        assert set(old[0]) == set(ids[11:])
        assert matcher.check("t = 5").ok
        assert matcher.stats()["subscriptions"] >= 200
        for id in ids[1::2]:
            del matcher[id]

    with running(write, times=4):
        time.sleep(1.0)
    matcher.validate()
    assert len(matcher) == 200


def test_results_survive_other_threads(matcher: Matcher[Any]) -> None:
    def churn() -> None:
        id = matcher.add("a = 1", id=("churn", threading.get_ident()))
        matches = matcher.match_batch([EVENT] * 3)
        matcher.remove(id)
        assert all(id in found for found in matches)
        assert len(matches[0]) == len(set(matches[0]))

    with running(churn, times=4):
        time.sleep(0.7)
    matcher.validate()


# ---- signals -------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
@pytest.mark.parametrize("form", ["lines", "mappings"])
def test_a_long_batch_can_be_interrupted(matcher: Matcher[Any], form: str) -> None:
    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted

    events: Any = [EVENT] * 400_000
    if form == "lines":
        events = f"{TEXT}\n".encode() * 400_000
    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    started = time.monotonic()
    try:
        with pytest.raises(Interrupted):
            matcher.match_batch(events)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.monotonic() - started < 20
    assert len(matcher.match(EVENT)) == 194
    matcher.add("a = 1")  # nobody holds the lock
    matcher.validate()


# ---- processes -----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_has_a_matcher_of_its_own(matcher: Matcher[Any]) -> None:
    matches = matcher.match_batch([EVENT])
    child = os.fork()
    if child == 0:
        try:
            assert len(matcher.match(EVENT)) == len(matches[0]) == 194
            matcher.add_many((("child", n), "a = 1") for n in range(100))
            assert len(matcher.match_json(TEXT)) == 294
            matcher.clear()
            matcher.validate()
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert len(matcher.match(EVENT)) == 194
    matcher.validate()


SHUTDOWN = """
import gc, threading
from matchengine import Matcher, parse
class Id: pass
matcher = Matcher()
cycle = Id()
cycle.matcher, cycle.self = matcher, cycle
matcher.add_many((n, f"a = {n} OR s LIKE '%{n}%'") for n in range(1000))
matcher.add("a > 5", id=cycle)
cycle.matches = matches = matcher.match_batch([{"a": n} for n in range(100)])
matcher.remove(7)
class Last:
    def __init__(self, matcher): self.matcher = matcher
    def __del__(self):
        assert 8 in self.matcher.match({"a": 8})
last = Last(matcher)
last.self = last
def forever():
    while True:
        matcher.match_json('{"a": 5}')
        matcher.match({"a": 5})
if DAEMON:
    threading.Thread(target=forever, daemon=True).start()
print(len(matcher))
"""


@pytest.mark.parametrize("daemon", [False, True])
def test_the_interpreter_ends_with_a_live_matcher(daemon: bool, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SHUTDOWN.replace("DAEMON", str(daemon))],
        cwd=tmp_path,  # not the source tree, which would be imported instead of the package
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "1000\n", "")
