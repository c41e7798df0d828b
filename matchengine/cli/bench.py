"""``matchengine bench``: this engine beside what plain Python can do."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from matchengine.cli.output import BAD_INPUT, OK, Output, complain
from matchengine.cli.workload import Workload, make_workload
from matchengine.matcher import Matcher
from matchengine.reference import CountingMatcher, ReferenceMatcher

__all__ = ["add_command"]

#: Events that are matched before anything is timed, to compare all answers.
CHECKED = 20
#: A baseline gets so many seconds, and at least FEWEST events.
PATIENCE = 2.0
FEWEST = 3

COMPREHENSION = "comprehension (plain Python)"
COUNTING = "counting (plain Python)"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one way of matching took."""

    matcher: str
    events: int
    matches: int
    seconds: float

    def row(self, baseline: Timing) -> dict[str, Any]:
        """The numbers that are shown."""
        return asdict(self) | {
            "events_per_second": self.events / self.seconds,
            "matches_per_second": self.matches / self.seconds,
            "us_per_event": self.seconds / self.events * 1e6,
            "times_the_comprehension": self.events / self.seconds * baseline.seconds
            / baseline.events,
        }  # fmt: skip


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure matching on this machine, beside plain Python",
        description="Match made-up trades, each used once, with rules of three conditions, and "
        "compare the speed with two matchers in plain Python: a comprehension over all rules, and "
        "the counting algorithm. All answers are compared before anything is timed.",
    )
    parser.add_argument("--subscriptions", type=_count, default=10_000, metavar="N")
    parser.add_argument("--events", type=_count, default=20_000, metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--plot", metavar="FILE", help="draw a bar chart (needs matplotlib)")
    parser.set_defaults(run=_run)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _run(arguments: argparse.Namespace) -> int:
    output = Output()
    work = make_workload(arguments.subscriptions, CHECKED + arguments.events)
    matchers = _Matchers(work)
    if not matchers.agree():
        complain("matchengine: the matchers disagree: this is a bug")
        return BAD_INPUT
    timings = matchers.time()
    rows = [timing.row(timings[-1]) for timing in timings]
    if arguments.json:
        output.write(json.dumps(row | {"subscriptions": arguments.subscriptions}) for row in rows)
    else:
        output.write(_table(rows, arguments.subscriptions))
    return _plot(rows, arguments.plot) if arguments.plot else OK


class _Matchers:
    """The engine and the baselines, with the same subscriptions."""

    def __init__(self, work: Workload) -> None:
        self._checked = work.events[:CHECKED]
        self._events = work.events[CHECKED:]
        start = perf_counter()
        self._engine: Matcher[int] = Matcher()
        self._engine.add_many(work.rules)
        complain(f"{len(work.rules):,} rules added in {perf_counter() - start:.2f} s")
        self._counting = CountingMatcher()
        self._reference = ReferenceMatcher()
        for id, filter in work.rules.items():
            self._counting.add(filter, id)
            self._reference.add(filter, id)

    def agree(self) -> bool:
        """Do all give the same answers?"""
        texts = [json.dumps(event) for event in self._checked]
        batch = self._engine.match_batch("\n".join(texts))
        found = 0
        for number, (event, text) in enumerate(zip(self._checked, texts, strict=True)):
            expected = sorted(map(str, self._reference.match(event)))
            found += len(expected)
            answers = (
                batch[number],
                self._engine.match(event),
                self._engine.match_json(text),
                self._counting.match(event),
            )
            if any(sorted(map(str, answer)) != expected for answer in answers):
                return False
        complain(f"{found:,} matches of {len(texts)} events checked: all matchers agree")
        return True

    def time(self) -> list[Timing]:
        """Time every way; the last one is the comprehension."""
        texts = [json.dumps(event).encode() for event in self._events]
        lines = b"\n".join(texts)
        start = perf_counter()
        batch = self._engine.match_batch(lines)
        seconds = perf_counter() - start
        return [
            Timing("match_batch (JSON lines)", len(texts), len(batch.handles), seconds),
            _time("match_json", self._engine.match_json, texts),
            _time("match (mappings)", self._engine.match, self._events),
            _time(COUNTING, self._counting.match, self._events, PATIENCE),
            _time(COMPREHENSION, self._reference.match, self._events, PATIENCE),
        ]


def _time(
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
    return Timing(name, done, matches, seconds)


def _table(rows: Sequence[dict[str, Any]], subscriptions: int) -> list[str]:
    head = f"{'':30}{'events':>9}{'events/s':>13}{'matches/s':>14}{'us/event':>15}{'speed-up':>11}"
    lines = [f"{subscriptions:,} subscriptions", head]
    lines += [
        f"{row['matcher']:30}{row['events']:>9,}{row['events_per_second']:>13,.0f}"
        f"{row['matches_per_second']:>14,.0f}{row['us_per_event']:>15,.2f}"
        f"{row['times_the_comprehension']:>11,.0f}"
        for row in rows
    ]
    return lines


def _plot(rows: Sequence[dict[str, Any]], path: str) -> int:
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError:
        complain("matchengine: --plot needs matplotlib: pip install 'matchengine[plot]'")
        return BAD_INPUT
    figure = figures.Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([row["matcher"] for row in rows], [row["events_per_second"] for row in rows])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(xscale="log", xlabel="events per second")
    axes.margins(x=0.2)
    axes.invert_yaxis()
    figure.savefig(path)
    complain(f"drawn in {path}")
    return OK
