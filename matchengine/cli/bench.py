"""``matchengine bench``: this engine beside what plain Python can do."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from matchengine.cli import plot
from matchengine.cli.command import Commands, add_json, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain, counted
from matchengine.cli.workload import Workload, make_workload
from matchengine.matcher import Matcher
from matchengine.reference import CountingMatcher, ReferenceMatcher, parse

__all__ = ["add_command"]

#: Events that are matched before anything is timed, to compare all answers.
CHECKED = 20
#: A baseline gets so many seconds, and at least FEWEST events.
PATIENCE = 2.0
FEWEST = 3
#: With --growth, the baselines end at the size where loading them would take longer than this.
LOADING_PATIENCE = 20.0

BATCH, JSON, MAPPINGS = "match_batch (JSON lines)", "match_json", "match (mappings)"
COUNTING, COMPREHENSION = "counting (plain Python)", "comprehension (plain Python)"
PLAIN = (COUNTING, COMPREHENSION)
ALL = (BATCH, JSON, MAPPINGS, *PLAIN)
#: Seconds below which a timing of the engine says little.
SHORTEST = 0.005

SUBSCRIPTIONS = 10_000
SMALLEST, LARGEST = 1_000, 1_000_000
#: Rules, and events, are all made before anything is timed: some hundred bytes each.
MOST = 10_000_000


class Disagreement(Exception):
    """Two matchers answer differently: a bug."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one way of matching took."""

    matcher: str
    subscriptions: int
    events: int
    matches: int
    seconds: float

    def row(self, baseline: Timing | None) -> dict[str, Any]:
        """The numbers that are shown."""
        times = None
        if baseline is not None:
            times = self.events / self.seconds * baseline.seconds / baseline.events
        return asdict(self) | {
            "events_per_second": self.events / self.seconds,
            "matches_per_second": self.matches / self.seconds,
            "us_per_event": self.seconds / self.events * 1e6,
            "times_the_comprehension": times,
        }


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the parser."""
    parser = new_command(
        commands,
        "bench",
        _run,
        "measure matching on this machine, beside plain Python",
        "Match made-up trades, each used once, with rules of three conditions, and "
        "compare the speed with two matchers in plain Python: a comprehension over all rules, and "
        "the counting algorithm. All answers are compared before anything is timed.",
    )
    parser.add_argument(
        "--subscriptions",
        type=_count,
        metavar="N",
        help=f"how many rules ({SUBSCRIPTIONS:,}; with --growth {LARGEST:,})",
    )
    parser.add_argument(
        "--events", type=_count, default=20_000, metavar="N", help="how many events (20,000)"
    )
    parser.add_argument(
        "--growth",
        action="store_true",
        help=f"measure at {SMALLEST:,} rules, ten times as many, and so on up to --subscriptions; "
        f"plain Python as long as loading takes no more than {LOADING_PATIENCE:.0f} s",
    )
    add_json(parser)
    parser.add_argument("--plot", metavar="FILE", help="draw it, too (needs matplotlib)")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"a whole number, 1 to {MOST:,}, is wanted, got {text!r}")
    return number


def _run(arguments: argparse.Namespace) -> int:
    output = Output()
    if arguments.plot:  # minutes of measuring should not end in a complaint
        if not plot.is_possible():
            complain("matchengine: --plot needs matplotlib: pip install matplotlib")
            return BAD_INPUT
        if fault := plot.fault_of(arguments.plot):
            arguments.wrong_usage(f"--plot: {fault}")
    sizes = _sizes(arguments)
    rows: list[dict[str, Any]] = []
    try:
        with Progress("", len(sizes), answers_come_later=True) as progress:
            for done, row in _measure(sizes, arguments.events, progress.stage):
                rows += row
                progress.update(done)
    except Disagreement:
        complain("matchengine: the matchers disagree: this is a bug")
        return BAD_INPUT
    if min(row["seconds"] for row in rows if row["matcher"] not in PLAIN) < SHORTEST:
        complain(f"some ways took less than {SHORTEST * 1000:.0f} ms: noise, take more --events")
    if arguments.json:
        output.write(map(json.dumps, rows))
    else:
        output.write(_growth_table(rows) if arguments.growth else _table(rows, sizes[0]))
    if arguments.plot:
        plot.draw(rows, arguments.plot)
        complain(f"drawn in {arguments.plot}")
    return OK


def _sizes(arguments: argparse.Namespace) -> list[int]:
    if not arguments.growth:
        return [arguments.subscriptions or SUBSCRIPTIONS]
    largest = arguments.subscriptions or LARGEST
    sizes = [min(SMALLEST, largest)]
    while sizes[-1] < largest:
        sizes.append(min(10 * sizes[-1], largest))
    return sizes


def _measure(
    sizes: Sequence[int], events: int, say: Callable[[str], None]
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Per size how many sizes are done, and the rows of all ways. Raises `Disagreement`.

    `say` is told what begins.
    """
    seconds = 0.0  # that the baselines have taken, per rule
    for done, size in enumerate(sizes, 1):
        say(f"making {counted(size, 'rule')} and {counted(events, 'event')}")
        work = make_workload(size, CHECKED + events)
        matchers = _Matchers(work, done == 1 or seconds * size <= LOADING_PATIENCE, say)
        seconds = matchers.seconds / size or seconds
        say("comparing answers")
        matchers.check()
        say("timing")
        timings = matchers.time()
        baseline = timings[-1] if timings[-1].matcher == COMPREHENSION else None
        yield done, [timing.row(baseline) for timing in timings]


class _Matchers:
    """The engine and, perhaps, the baselines, with the same subscriptions."""

    def __init__(self, work: Workload, with_baselines: bool, say: Callable[[str], None]) -> None:
        self._size = len(work.rules)
        self._checked = work.events[:CHECKED]
        self._events = work.events[CHECKED:]
        start = perf_counter()
        self._engine: Matcher[int] = Matcher()
        self._engine.add_many(work.rules)
        complain(f"{counted(self._size, 'rule')} added in {perf_counter() - start:.2f} s")
        self._counting = CountingMatcher()
        self._reference = ReferenceMatcher()
        #: How long loading the baselines took; 0 without them.
        self.seconds = 0.0
        if with_baselines:
            say("adding them to the matchers in plain Python")
            start = perf_counter()
            for id, filter in work.rules.items():
                node = parse(filter)
                self._counting.add(node, id)
                self._reference.add(node, id)
            self.seconds = perf_counter() - start

    def check(self) -> None:
        """Compare the answers to some events. Raises `Disagreement`."""
        texts = [json.dumps(event) for event in self._checked]
        batch = self._engine.match_batch("\n".join(texts))
        found = done = 0
        start = perf_counter()
        for number, (event, text) in enumerate(zip(self._checked, texts, strict=True)):
            if done >= FEWEST and perf_counter() - start > PATIENCE:
                break
            answers = [batch[number], self._engine.match(event), self._engine.match_json(text)]
            if self.seconds:
                answers += [self._counting.match(event), self._reference.match(event)]
            if any(sorted(map(int, answer)) != sorted(answers[-1]) for answer in answers):
                raise Disagreement
            found += len(answers[-1])
            done += 1
        who = "all matchers agree" if self.seconds else "the three ways agree"
        complain(f"{counted(found, 'match', 'matches')} of {counted(done, 'event')} checked: {who}")

    def time(self) -> list[Timing]:
        """Time every way; the last one is the comprehension if there are baselines."""
        texts = [json.dumps(event).encode() for event in self._events]
        lines = b"\n".join(texts)
        gc.collect()
        gc.freeze()  # what is here by now is not looked through again and again
        try:
            start = perf_counter()
            batch = self._engine.match_batch(lines)
            seconds = perf_counter() - start
            timings = [Timing(BATCH, self._size, len(texts), len(batch.handles), seconds)]
            timings.append(self._time(JSON, self._engine.match_json, texts))
            timings.append(self._time(MAPPINGS, self._engine.match, self._events))
            if self.seconds:
                timings.append(self._time(COUNTING, self._counting.match, self._events, PATIENCE))
                timings.append(
                    self._time(COMPREHENSION, self._reference.match, self._events, PATIENCE)
                )
            return timings
        finally:
            gc.unfreeze()

    def _time(
        self,
        name: str,
        match: Callable[[Any], Sequence[object]],
        events: Iterable[object],
        patience: float = float("inf"),
    ) -> Timing:
        """Match events one by one until patience ends."""
        done = matches = 0
        start = perf_counter()
        seconds = 0.0
        for event in events:
            matches += len(match(event))
            done += 1
            seconds = perf_counter() - start
            if seconds > patience and done >= FEWEST:
                break
        return Timing(name, self._size, done, matches, seconds)


def _table(rows: Sequence[dict[str, Any]], subscriptions: int) -> list[str]:
    head = f"{'':30}{'events':>9}{'events/s':>13}{'matches/s':>14}{'us/event':>15}{'speed-up':>11}"
    lines = [counted(subscriptions, "subscription"), head]
    lines += [
        f"{row['matcher']:30}{row['events']:>9,}{row['events_per_second']:>13,.0f}"
        f"{row['matches_per_second']:>14,.0f}{row['us_per_event']:>15,.2f}"
        f"{row['times_the_comprehension']:>11,.0f}"
        for row in rows
    ]
    return lines


def _growth_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    cells = {(row["subscriptions"], row["matcher"]): f"{row['us_per_event']:,.2f}" for row in rows}
    heads = [name.split(" ")[0] for name in ALL]
    lines = ["microseconds an event", f"{'subscriptions':>13}" + "".join(f"{h:>15}" for h in heads)]
    lines += [
        f"{size:>13,}" + "".join(f"{cells.get((size, name), '-'):>15}" for name in ALL)
        for size in dict.fromkeys(row["subscriptions"] for row in rows)
    ]
    return lines
