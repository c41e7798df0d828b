"""The simulator itself: the same seed is the same history, and faults do what they say."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brokers.messages import Change, ClientUp, Event, Events, Frame, Key, LinkUp, Publish
from brokers.sim import FAULTS, SHAPES, Options, run
from brokers.simulation.agenda import Agenda
from brokers.simulation.chance import Chance
from brokers.simulation.clock import Clock
from brokers.simulation.conditions import (
    DOMAINS,
    Index,
    draw_conjunction,
    draw_values,
    matches,
    text_of,
)
from brokers.simulation.graph import diameter, draw_graph, is_connected
from brokers.simulation.subject import Subject, check_tables
from brokers.simulation.trace import Trace
from brokers.simulation.windows import UNDER_WAY, Windows
from matchengine import parse
from matchengine.reference import matches as reference_matches
from matchengine.reference import parse as reference_parse
from tiny_node import TinyNode

HISTORY = """
import sys
from brokers.sim import FAULTS, Options, run
from brokers.simulation.subject import Subject
from tiny_node import TinyNode
for preset, make in (("flooding", TinyNode), ("default", Subject)):
    options = Options(
        preset=preset, seed=5, brokers=6, messages=3_000, faults=tuple(FAULTS), swarm=True
    )
    result = run(options, make)
    print(result.messages, result.deliveries, result.trace)
"""


# ---- one seed, one history ----------------------------------------------------------------------


def test_the_same_seed_is_the_same_history_in_every_process() -> None:
    histories = set()
    for hash_seed in ("0", "1", "random"):
        path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        done = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", HISTORY],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        histories.add(done.stdout)
    assert len(histories) == 1
    assert len(histories.pop().splitlines()) == 2


def test_every_machine_and_every_python_draws_and_hashes_the_same() -> None:
    chance = Chance(7, "workload")
    assert [chance.whole(0, 999) for _ in range(5)] == [969, 57, 481, 962, 696]
    assert Chance(7, "faults").shuffled("abcdef") == list("fdebac")
    trace = Trace()
    event = Event("b1", 1, 7, "#1.1", b'{"a": 1}')
    trace.note(0.25, "b2", "b1", Frame(3, 4, Events((event, event))))
    trace.note(0.5, "b2", "b1", Frame(3, 5, Change(((Key("b1", 1, 2), "a = 1"),), ())))
    trace.note(0.75, "b2", "#2.1", ClientUp(None))
    trace.note(1.0, "b2", "", None)
    assert trace.digest() == "a8c16a8b580f65e9a3324265eda109dd"


def test_other_seeds_are_other_histories() -> None:
    options = [Options(preset="flooding", seed=seed, messages=1_000) for seed in range(5)]
    assert len({run(one, TinyNode).trace for one in options}) == 5


def test_watching_an_event_changes_nothing() -> None:
    options = Options(preset="flooding", seed=3, messages=1_000)
    body = b'{"a": 1, "n": 0}'
    assert run(options, TinyNode, watched=body).trace == run(options, TinyNode).trace


def test_a_fault_does_not_shift_what_the_crowd_publishes() -> None:
    """Until it begins, and beyond: how many come first depends on nothing else."""
    published = []
    for faults in ((), ("delay",), ("duplication", "add-link")):
        events: list[bytes] = []

        class Listening(TinyNode):
            def publish(self, message: Publish, *others: Any) -> None:
                events.extend(message.bodies)  # noqa: B023
                super().publish(message, *others)

        run(Options(preset="flooding", seed=3, messages=3_000, faults=faults), Listening)
        published.append(events[:100])
    assert published[0] == published[1] == published[2]


# ---- faults -------------------------------------------------------------------------------------

#: What a kind of fault must have brought about, by counters of the simulator and of the node.
EFFECTS = {
    "loss": "frames lost",
    "duplication": "frames duplicated",
    "reorder": "frames reordered",
    "clog": "closed: silence",
    "swizzle": "closed: silence",
    "asymmetric": "frames lost",
    "partition": "frames lost",
    "slow": "dropped: slow",
    "storm": "added",
}


@pytest.mark.parametrize("fault", EFFECTS)
def test_faults_do_what_they_say(fault: str) -> None:
    for seed in range(12):
        faulty = Options(preset="flooding", seed=seed, brokers=5, messages=3_000, faults=(fault,))
        with_fault = run(faulty, TinyNode).counters[EFFECTS[fault]]
        if with_fault:
            without = run(replace(faulty, faults=()), TinyNode).counters[EFFECTS[fault]]
            assert without == 0 or (fault == "storm" and without < with_fault)
            return
    pytest.fail(f"nothing of it in 12 runs: {EFFECTS[fault]}")


class Diary(TinyNode):
    """Writes down when nodes begin, what links do, and when each is heard."""

    entries: list[tuple[float, str, str]] = []  # noqa: RUF012  shared on purpose

    def receive(self, message: object, *, sender: str, now: float):  # type: ignore[no-untyped-def]
        what = type(message).__name__
        if isinstance(message, LinkUp):
            what += f" {self.incarnation}"
        if not isinstance(message, Frame):
            self.entries.append((now, self.name, f"{what} {sender}"))
        else:
            self.entries.append((now, self.name, "heard"))
        return super().receive(message, sender=sender, now=now)  # type: ignore[arg-type]


Page = list[tuple[float, str, str]]


def diary(fault: str, seeds: int = 4, brokers: int = 5) -> list[Page]:
    """What was written in runs in which the fault happened."""
    pages: list[Page] = []
    for seed in range(seeds):
        Diary.entries = []
        options = Options(
            preset="flooding", seed=seed, brokers=brokers, messages=4_000, faults=(fault,)
        )
        result = run(options, Diary)
        assert result.failure is None
        if result.counters[f"fault {fault}"]:
            pages.append(Diary.entries)
    assert pages
    return pages


@pytest.mark.parametrize("fault", ["amnesia", "restart"])
def test_crashed_brokers_begin_again(fault: str) -> None:
    assert any("LinkUp 2" in what for page in diary(fault) for _, _, what in page)


def test_stopped_brokers_are_silent_for_ever() -> None:
    for page in diary("stop"):
        last = {name: now for now, name, _ in page}
        silent = [now for now in last.values() if now < max(last.values()) - 5.0]
        assert len(silent) == 1


def test_paused_brokers_go_on_with_what_has_come_in() -> None:
    """A zombie hears nothing for a while, and then many things in one moment."""
    longest = 0.0
    for page in diary("pause"):
        for broker in {name for _, name, _ in page}:
            times = [now for now, name, _ in page if name == broker]
            gaps = [(b - a, sum(one == b for one in times)) for a, b in pairwise(times)]
            longest = max([longest, *(gap for gap, at_once in gaps if at_once > 2)])
    assert longest > 2.0


def test_links_come_and_go() -> None:
    added = removed = 0
    for page in diary("add-link"):
        added += len({(name, what) for _, name, what in page if what.startswith("LinkUp")})
    for page in diary("remove-link"):
        removed += sum(what.startswith("LinkDown") for _, _, what in page)
    without = sum(
        len({(name, what) for _, name, what in page if what.startswith("LinkUp")})
        for page in diary("storm")
    )
    assert added > without
    assert removed >= 2


class Beginnings(Subject):
    """Notes when each broker is told something for the first time."""

    first: dict[str, float] = {}  # noqa: RUF012  shared on purpose

    def receive(self, message: Any, *, sender: str, now: float) -> Any:
        self.first.setdefault(self.name, now)
        return super().receive(message, sender=sender, now=now)


def test_brokers_join_when_the_others_have_long_begun() -> None:
    late = 0
    for seed in range(4):
        Beginnings.first = {}
        options = Options(preset="default", seed=seed, messages=4_000, faults=("join",))
        assert run(options, Beginnings, check_tables=check_tables).failure is None
        late += sum(first > 10.0 for first in Beginnings.first.values())
    assert late


def test_clocks_go_fast_and_slow_and_never_back() -> None:
    agenda = Agenda()
    clock = Clock(agenda)
    for at, rate, jump, shown in (
        (1.0, 1.0, 0.0, 1.0), (2.0, 1.5, 0.5, 2.5), (4.0, 0.5, 0.0, 5.5), (6.0, 1.0, 0.0, 6.5),
    ):  # fmt: skip
        agenda.run_until(at)
        clock.set(rate, jump)
        assert clock.now == shown
        assert clock.when(clock.now + 3.0) == at + 3.0 / rate
    for page in diary("skew"):
        for broker in {name for _, name, _ in page}:
            times = [now for now, name, _ in page if name == broker]
            assert times == sorted(times)


def test_corrupted_tables_are_mended_by_the_next_audit() -> None:
    found = 0
    for seed in range(4):
        options = Options(preset="default", seed=seed, messages=4_000, faults=("corruption",))
        result = run(options, Subject, check_tables=check_tables)
        assert result.failure is None
        if result.counters["fault corruption"]:
            found += result.counters["resynchronisations"]
    assert found


def test_half_of_the_time_is_free_of_faults() -> None:
    """What is lost in a run of partitions is a part of all, and everything is excused."""
    result = run(Options(preset="flooding", seed=1, faults=("partition",)), TinyNode)
    assert result.failure is None
    assert 0 < result.excused["fault"] < result.deliveries / 2


def test_swarms_differ() -> None:
    drawn = set()
    for seed in range(6):
        options = Options(
            preset="flooding", seed=seed, messages=100, faults=tuple(FAULTS), swarm=True
        )
        drawn.add(run(options, TinyNode).drawn)
    assert len(drawn) == 6


# ---- the parts ----------------------------------------------------------------------------------


def test_an_agenda_keeps_the_order_of_one_moment() -> None:
    agenda, done = Agenda(), list[tuple[float, int]]()

    def note(number: int, _: object) -> None:
        done.append((agenda.now, number))

    agenda.at(2.0, note, 3)
    agenda.at(1.0, note, 1)
    agenda.at(1.0, note, 2)
    agenda.at(9.0, note, 4)
    agenda.run_until(5.0)
    assert done == [(1.0, 1), (1.0, 2), (2.0, 3)]
    assert agenda.now == 5.0


@pytest.mark.parametrize("shape", SHAPES)
def test_graphs_are_connected(shape: str) -> None:
    for seed in range(30):
        brokers = 1 + seed % 9
        edges = draw_graph(shape, brokers, seed % 3, Chance(seed, "graph"))
        assert is_connected(range(brokers), edges)
        assert len(set(edges)) == len(edges)
        assert all(0 <= a < b < brokers for a, b in edges)
        assert diameter(range(brokers), edges) <= brokers - 1


def test_graphs_that_are_not_connected() -> None:
    assert not is_connected(range(3), [(0, 1)])
    assert diameter(range(4), [(0, 1), (1, 2), (2, 3)]) == 3
    assert diameter(range(4), [(0, 1), (1, 2), (2, 3), (0, 3)]) == 2


def test_the_evaluator_agrees_with_the_twin() -> None:
    chance, index, filters = Chance(0, "test"), Index(), []
    for number in range(120):
        filters.append(draw_conjunction(chance))
        index.add(number, filters[-1])
    texts = [reference_parse(text_of(one)) for one in filters]
    matching = 0
    for _ in range(200):
        values = draw_values(chance)
        wanted = [number for number, text in enumerate(texts) if reference_matches(text, values)]
        assert [number for number, one in enumerate(filters) if matches(one, values)] == wanted
        assert index.find(values) == sum(1 << number for number in wanted)
        matching += len(wanted)
    assert 0.01 < matching / (200 * 120) < 0.30
    index.remove(3)
    assert not any(index.find(draw_values(chance)) & 8 for _ in range(100))


def test_filters_are_said_in_canonical_words() -> None:
    chance = Chance(1, "test")
    for _ in range(300):
        text = text_of(draw_conjunction(chance))
        assert str(parse(text)) == text


def test_events_meet_the_advert_they_are_drawn_for() -> None:
    chance = Chance(2, "test")
    for _ in range(300):
        advert = draw_conjunction(chance)
        values = draw_values(chance, advert)
        assert matches(advert, values)
        assert all(value in DOMAINS[name] for name, value in values.items())


def test_windows_excuse_what_is_under_way() -> None:
    windows = Windows()
    late = windows.open(10.0, loses=False)
    assert not windows.calm(11.0)
    windows.close(late, 20.0)
    windows.close(windows.open(22.0, loses=True), 30.0)
    assert windows.calm(21.0)
    assert not windows.excuse_loss(9.0 - UNDER_WAY)  # over before anything went wrong
    assert windows.excuse_loss(12.0)  # held up until something was lost
    assert windows.excuse_loss(29.0)
    assert not windows.excuse_loss(31.0)
    assert windows.excuse_wait(15.0, 22.0)
    assert not windows.excuse_wait(31.0, 31.1 + UNDER_WAY)


def test_chance_uses_nothing_that_may_change() -> None:
    chance, twin = Chance(3, "test"), random.Random("3 test")
    assert chance.whole(0, 9) == int(twin.random() * 10)
    assert chance.pick("abc") == "abc"[int(twin.random() * 3)]
    assert sorted(chance.shuffled(range(5))) == list(range(5))


def test_a_broker_may_be_alone() -> None:
    result = run(Options(preset="flooding", brokers=1, messages=500), TinyNode)
    assert result.failure is None
    assert result.deliveries > 50
