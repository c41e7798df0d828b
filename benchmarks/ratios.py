"""How many times faster: the median ratio of interleaved runs, for each thing that is claimed.

    python benchmarks/ratios.py [--quick] [--wall] [--only baselines|million|json ...] [--json FILE]

In each round every side runs on events that it has not seen, in an order that changes from round
to round; the ratio of a round is that of the times per event in it. Reported are the median and
the quartiles of those ratios, and the load of the machine. Answers are compared before anything
is timed. The results go to benchmarks/results as JSON, samples included.

Ratios are of processor time, that of all threads of the process, so that a busy machine disturbs
them less; with --wall they are of elapsed time. Seconds are always elapsed.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns, process_time_ns
from typing import Any

import orjson

import calibrate
import workloads
from baselines import SCANS, Counting, Lambdas, Plain, Scan, expected, has_scan
from matchengine import Matcher
from workloads import JSON_BYTES, Conjunctions, Workload

RESULTS = Path(__file__).resolve().parent / "results"
W1 = {"w1_dense": workloads.w1_dense, "w1_sparse": workloads.w1_sparse}
#: At least so many times faster at 100,000 subscriptions: comprehension, counting, scan.
FASTER = {"w1_dense": (8_000, 200, 5), "w1_sparse": (15_000, 50, 50)}
#: At most so many times the time from 10,000 to 1,000,000.
GROWTH = {"w1_dense": 15, "w1_sparse": 5}
LOAD_SECONDS = 5
MATCHING_BYTES = 80
SOURCE_BYTES = 60
SCAN_BANDWIDTH = 60

Side = Callable[[int], float]
Answers = Callable[[int], list[int]]


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    rounds: int = 16
    #: Events per round: for one call of ours, for a side in C, and for a side in Python.
    ours: int = 400
    scan: int = 200
    python: int = 20
    loads: int = 3


QUICK = Plan(rounds=5, python=5, loads=2)


@dataclass
class Result:
    """One claim, what was found, and what it was found from."""

    claim: str
    workload: str
    unit: str
    target: float | None
    at_least: bool
    samples: list[float]
    #: Which call of ours was timed, and the median times of both sides.
    call: str = ""
    detail: str = ""
    load: float = field(default_factory=calibrate.load)

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = quantiles(self.samples, n=4, method="inclusive")
        return low, high

    @property
    def met(self) -> bool | None:
        """Is the target met? None where there is none."""
        if self.target is None:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target


# ---- timing -------------------------------------------------------------------------------------


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection in here, and what is alive is left out of later ones."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class Clock:
    """What tells the time of ratios."""

    now = staticmethod(process_time_ns)


def each(call: Callable[[Any], Any], events: list[Any]) -> float:
    """Nanoseconds per event of a call for each."""
    start = Clock.now()
    for event in events:
        call(event)
    return (Clock.now() - start) / len(events)


def whole(call: Callable[[Any], Any], events: Any, count: int) -> float:
    """Nanoseconds per event of one call for all."""
    start = Clock.now()
    call(events)
    return (Clock.now() - start) / count


def one_by_one(call: Callable[[Any], Any], events: list[Any], step: int, part: slice) -> Side:
    """A side that calls for each event of a part of the `step` events of a round."""
    return lambda n: each(call, events[n * step : (n + 1) * step][part])


def in_batches(call: Callable[[Any], Any], events: list[Any], step: int, part: slice) -> Side:
    """A side that makes one call for a part of the `step` events of a round."""

    def run(n: int) -> float:
        batch = events[n * step : (n + 1) * step][part]
        return whole(call, batch, len(batch))

    return run


def scanning(scan: Scan, step: int, count: int) -> Side:
    """A side that scans for `count` of the `step` events of a round."""
    return lambda n: whole(lambda start: scan.run(start, start + count), n * step, count)


def answers_of(match: Callable[[Any], list[int]], events: list[Any]) -> Answers:
    """By number of the event, the subscriptions that match it."""
    return lambda number: match(events[number])


def interleaved(sides: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """Each side once per round; who begins changes."""
    names = list(sides)
    times: dict[str, list[float]] = {name: [] for name in names}
    with undisturbed():
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                times[name].append(sides[name](number))
    return times


def ratios(theirs: list[float], ours: list[float]) -> list[float]:
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def microseconds(samples: Iterable[float]) -> str:
    return f"{median(samples) / 1_000:,.2f} us"


def note(text: str) -> None:
    """Say what is being done, where nothing else is written."""
    print(text, file=sys.stderr, flush=True)


# ---- 100,000 subscriptions against the baselines ------------------------------------------------


def matcher_of(workload: Workload) -> Matcher[int]:
    """Ours, loaded, and warm."""
    matcher: Matcher[int] = Matcher()
    matcher.add_many(list(enumerate(workload.filters)))
    matcher.match_batch(workload.warmup)
    return matcher


def check(workload: Workload, answers: dict[str, Answers], sample: int) -> None:
    """Do all answer right for the first events? Raises AssertionError that names who does not."""
    for number, event in enumerate(workload.events[:sample]):
        right = expected(workload, event)
        for name, answer in answers.items():
            if sorted(answer(number)) != right:
                raise AssertionError(f"{workload.name}: {name} is wrong about event {number}")


def kernels(attributes: int) -> list[str]:
    """The scans worth comparing with on this machine: the fastest, and that for any attributes."""
    able = [name for name in SCANS if has_scan(name, attributes)]
    fastest = [name for name in able if attributes > 128 or name != "filter"][:1]
    return fastest + [name for name in able if name == "gather" and name not in fastest]


def baseline_sides(
    matcher: Matcher[int], workload: Conjunctions, scans: list[Scan], plan: Plan
) -> dict[str, Side]:
    """Everything that is timed on one workload, checked and warm."""
    events = workload.events
    python = {
        "lambdas": Lambdas(workload).match,
        "all()": Plain(workload).match,
        "counting": Counting(workload).match,
    }
    ours = {"match": matcher.match, "match_batch": lambda event: matcher.match_batch([event])[0]}
    answers = {name: answers_of(match, events) for name, match in {**ours, **python}.items()}
    check(workload, {**answers, **{scan.kernel: scan.match for scan in scans}}, 3)
    n, step = plan.ours, 3 * plan.ours
    return {
        "match_batch": in_batches(matcher.match_batch, events, step, slice(n)),
        "match": one_by_one(matcher.match, events, step, slice(n, 2 * n)),
        "reading": in_batches(Matcher().match_batch, events, step, slice(2 * n, None)),
        **{
            name: one_by_one(match, events, step, slice(plan.python))
            for name, match in python.items()
        },
        **{scan.kernel: scanning(scan, step, plan.scan) for scan in scans},
        **{f"bandwidth {scan.kernel}": streaming(scan, step, plan.scan) for scan in scans},
    }


def against_baselines(plan: Plan) -> Iterator[Result]:
    """W1 at 100,000 against comprehensions, counting and the scan."""
    for name, make in W1.items():
        note(f"{name}: 100,000 subscriptions against the baselines")
        workload = make(100_000)
        matcher = matcher_of(workload)
        scans = [Scan(workload, kernel) for kernel in kernels(workload.attributes)]
        sides = baseline_sides(matcher, workload, scans, plan)
        times = interleaved(sides, plan.rounds)
        comprehension, counting, scan_target = FASTER[name]
        targets: dict[str, float] = {
            "lambdas": comprehension,
            "all()": comprehension,
            "counting": counting,
            **{scan.kernel: scan_target for scan in scans},
        }
        yield from compared(name, times, targets)
        yield Result(
            claim="reading the events, into a matcher without subscriptions",
            workload=f"{name} 100,000",
            unit="us",
            target=None,
            at_least=False,
            samples=[nanoseconds / 1_000 for nanoseconds in times["reading"]],
            call="match_batch",
        )
        for scan in scans:
            yield reached(name, scan, times[f"bandwidth {scan.kernel}"])


def compared(
    name: str, times: dict[str, list[float]], targets: dict[str, float]
) -> Iterator[Result]:
    """Our two calls against each baseline."""
    what = {"lambdas": "comprehension (lambdas)", "all()": "comprehension (all)"}
    for call in ("match_batch", "match"):
        for baseline, target in targets.items():
            claim = what.get(baseline, baseline if baseline == "counting" else f"scan ({baseline})")
            yield Result(
                claim=f"faster than {claim}",
                workload=f"{name} 100,000",
                unit="x",
                target=target,
                at_least=True,
                samples=ratios(times[baseline], times[call]),
                call=call,
                detail=f"{microseconds(times[call])} vs {microseconds(times[baseline])}",
            )


def streaming(scan: Scan, step: int, count: int) -> Side:
    """The share, in percent, of the bandwidth of arrays of its size that the scan reaches."""
    run = scanning(scan, step, count)

    def share(n: int) -> float:
        scan.read_bytes()
        nanoseconds = run(n)
        scan.gb_s = scan.read_bytes() / count / nanoseconds
        return 100 * scan.gb_s / calibrate.bandwidth(scan.bytes, seconds=0.02)

    return share


def reached(name: str, scan: Scan, shares: list[float]) -> Result:
    """What `streaming` has measured. Lookups by gather or filter are bound by instructions."""
    return Result(
        claim=f"scan ({scan.kernel}): of the bandwidth at {scan.bytes / 1e6:.0f} MB",
        workload=f"{name} 100,000",
        unit="%",
        target=SCAN_BANDWIDTH if scan.kernel in ("bytes", "permute") else None,
        at_least=True,
        samples=shares,
        detail=f"{scan.gb_s:.0f} GB/s; memory {calibrate.bandwidth(256 << 20):.0f} GB/s",
    )


# ---- a million subscriptions --------------------------------------------------------------------


def million(plan: Plan) -> Iterator[Result]:
    """From text to searchable, bytes per subscription, and growth from 10,000."""
    for name, make in W1.items():
        note(f"{name}: 1,000,000 subscriptions")
        small, large = make(10_000), make(1_000_000)
        pairs = list(enumerate(large.filters))
        seconds = []
        for _ in range(plan.loads):
            matcher: Matcher[int] = Matcher()  # the last one is gone by now
            start = perf_counter_ns()
            matcher.add_many(pairs)
            matcher.match(large.warmup[0])
            seconds.append((perf_counter_ns() - start) / 1e9)
        where = f"{name} 1,000,000"
        yield Result(
            "from text to searchable", where, "s", LOAD_SECONDS, False, seconds, "add_many"
        )
        matcher.match_batch(large.warmup)
        stats = matcher.stats()
        for claim, target, used in (
            ("bytes for matching", MATCHING_BYTES, stats["bytes"] - stats["source_bytes"]),
            ("bytes for the source", SOURCE_BYTES, stats["source_bytes"]),
        ):
            per = [used / len(matcher)]
            yield Result(f"{claim}, a subscription", where, "B", target, False, per, "stats")
        check(large, {"match": answers_of(matcher.match, large.events)}, 3)
        yield grown(name, matcher_of(small), small, matcher, large, plan)


def grown(
    name: str,
    small: Matcher[int],
    small_workload: Workload,
    large: Matcher[int],
    large_workload: Workload,
    plan: Plan,
) -> Result:
    """Time per event with 1,000,000 subscriptions over that with 10,000."""
    step = 2 * plan.ours

    sides = {
        "small": in_batches(small.match_batch, small_workload.events, step, slice(None)),
        "large": in_batches(large.match_batch, large_workload.events, step, slice(None)),
    }
    times = interleaved(sides, plan.rounds)
    return Result(
        claim="time, 1,000,000 over 10,000",
        workload=name,
        unit="x",
        target=GROWTH[name],
        at_least=False,
        samples=ratios(times["large"], times["small"]),
        call="match_batch",
        detail=f"{microseconds(times['large'])} vs {microseconds(times['small'])}",
    )


# ---- JSON ---------------------------------------------------------------------------------------


def against_orjson(plan: Plan) -> Iterator[Result]:
    """1,000 subscriptions on JSON texts, against only parsing them."""
    for size in JSON_BYTES:
        workload = workloads.json_small(size)
        note(f"{workload.name}: against orjson.loads")
        matcher = matcher_of(workload)
        lines, step = workload.lines, 1_000
        check(workload, {"match_json": answers_of(matcher.match_json, lines)}, 200)
        batches = [
            b"\n".join(lines[start + 800 : start + step]) for start in range(0, len(lines), step)
        ]
        sides = {
            "match_json": one_by_one(matcher.match_json, lines, step, slice(400)),
            "orjson.loads": one_by_one(orjson.loads, lines, step, slice(400, 800)),
            "match_batch": joined(matcher, batches, 200),
        }
        times = interleaved(sides, min(plan.rounds, len(batches)))
        for call in ("match_json", "match_batch"):
            yield Result(
                claim="time over orjson.loads alone",
                workload=workload.name,
                unit="x",
                target=1.0 if size >= 300 else 1.5,
                at_least=False,
                samples=ratios(times[call], times["orjson.loads"]),
                call=call,
                detail=f"{microseconds(times[call])} vs {microseconds(times['orjson.loads'])}",
            )


def joined(matcher: Matcher[int], batches: list[bytes], count: int) -> Side:
    """A side that matches `count` JSON lines in one call."""
    return lambda n: whole(matcher.match_batch, batches[n], count)


# ---- the report ---------------------------------------------------------------------------------

SECTIONS = {"baselines": against_baselines, "million": million, "json": against_orjson}


def line(result: Result) -> str:
    """A result as a row of the table."""
    sign = ">=" if result.at_least else "<="
    digits = 0 if result.median >= 100 else 2
    target = f"{sign} {result.target:,g} {result.unit}" if result.target is not None else ""
    low, high = result.spread
    found = f"{result.median:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"
    verdict = {True: "met", False: "MISSED", None: ""}[result.met]
    return (
        f"{result.workload:19} {result.claim:46} {result.call:12} {target:>11} {found:>28}"
        f" {verdict:7} {result.detail}  load {result.load:.1f}"
    )


def write(results: list[Result], path: Path, machine: dict[str, Any]) -> None:
    rows = [
        {**asdict(r), "median": r.median, "p25": r.spread[0], "p75": r.spread[1], "met": r.met}
        for r in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "results": rows}, indent=1) + "\n")


def arguments(description: str, stem: str, parts: Iterable[str]) -> argparse.Namespace:
    """What is asked for: `parts` are what can be run alone, `stem` names the file of results."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a first look")
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    parser.add_argument("--wall", action="store_true", help="ratios of elapsed time")
    asked = parser.parse_args()
    asked.json = asked.json or RESULTS / (f"{stem}-quick.json" if asked.quick else f"{stem}.json")
    return asked


def report(found: Iterable[Result], path: Path, machine: dict[str, Any]) -> None:
    """Print each result as soon as it is there, and write all of them."""
    results = []
    for result in found:
        results.append(result)
        print(line(result), flush=True)
    write(results, path, machine)
    missed = sum(result.met is False for result in results)
    print(f"{len(results)} claims, {missed} missed; written to {path.name}")


def main() -> None:
    asked = arguments(__doc__.splitlines()[0], "ratios", SECTIONS)
    if asked.wall:
        Clock.now = staticmethod(perf_counter_ns)
    machine = calibrate.calibration()
    plan = QUICK if asked.quick else Plan()
    report(chain.from_iterable(SECTIONS[name](plan) for name in asked.only), asked.json, machine)


if __name__ == "__main__":
    main()
