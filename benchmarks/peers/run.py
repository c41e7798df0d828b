"""Beside other engines that Python programs use: the median ratio of interleaved runs.

    python benchmarks/peers/run.py [--quick] [--wall] [--only keys ...] [--json FILE]

Wants the dependency group `peers`. Each engine lives in a process of its own, and answers for some
events before anything is timed. In each round every engine matches events that it has not seen, in
an order that changes; the ratio of a round is that of the times per event in it. Times are
processor time, or with --wall elapsed time. An engine that is not installed is named and left out.

* w1_dense, w1_sparse, 10,000 subscriptions: conjunctions of five integer ranges and equalities.
* keys, 10,000 subscriptions: conjunctions of two equalities of strings, a percolator's own field.
* json_small, 1,000 subscriptions: conjunctions on nested attributes, beside engines that evaluate
  one rule after the other.
"""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import metadata
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import calibrate
import workloads
from baselines import expected
from engines import ENGINES, PACKAGES  # beside this file
from ratios import Result, arguments, interleaved, microseconds, note, ratios, report
from workloads import Workload

#: At least so many times faster than a percolator.
FASTER = 20
#: Events per round, for engines of about one, a hundred and ten thousand microseconds an event.
QUICK_ENGINE, ENGINE, SLOW_ENGINE = 200, 20, 2
EVENTS_PER_ROUND = {"matchengine": QUICK_ENGINE, "rule-engine": SLOW_ENGINE}
#: The first events are only compared.
CHECKED = 100


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "w1_dense": lambda: workloads.w1_dense(10_000),
    "w1_sparse": lambda: workloads.w1_sparse(10_000),
    "keys": workloads.keys,
    "json_small": lambda: workloads.json_small(300),
}
COMPARED = {
    "w1_dense": ["mokaccino"],
    "w1_sparse": ["mokaccino (ranges)"],
    "keys": ["mokaccino"],
    "json_small": ["lambdas", "CEL", "rule-engine"],
}


# ---- in a process of its own --------------------------------------------------------------------


def serve(pipe: Connection, engine_name: str, workload_name: str, wall: bool) -> None:
    """Load, then answer and time what is asked for until None comes."""
    workload = WORKLOADS[workload_name]()
    engine = ENGINES[engine_name](workload)
    now = perf_counter_ns if wall else process_time_ns
    gc.collect()
    gc.freeze()
    gc.disable()
    pipe.send(engine.prepares)
    while (asked := pipe.recv()) is not None:
        first, count, prepared, answer = asked
        events: list[Any] = workload.events[first : first + count]
        if answer:
            pipe.send([sorted(engine.match(engine.prepare(event))) for event in events])
            continue
        if prepared:
            events = [engine.prepare(event) for event in events]
        start = now()
        if prepared:
            for event in events:
                engine.match(event)
        else:
            for event in events:
                engine.match(engine.prepare(event))
        pipe.send((now() - start) / count)


class Worker:
    """An engine in its process, loaded."""

    def __init__(self, engine: str, workload: str, wall: bool) -> None:
        self.engine = engine
        self.count = EVENTS_PER_ROUND.get(engine, ENGINE)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, engine, workload, wall), daemon=True
        )
        self._process.start()
        theirs.close()
        self.prepares: bool = self._pipe.recv()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *what: object) -> None:
        self._pipe.send(None)
        self._process.join()

    def answers(self, count: int) -> list[list[int]]:
        """The matches of the first events."""
        return self._ask(0, count, False, True)

    def side(self, prepared: bool) -> Callable[[int], float]:
        """A side of a comparison: nanoseconds an event, in round n."""
        turns = 2 if self.prepares else 1
        turn = int(prepared) if self.prepares else 0

        def run(n: int) -> float:
            first = CHECKED + (turns * n + turn) * self.count
            return self._ask(first, self.count, prepared, False)

        return run

    def _ask(self, *what: Any) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


# ---- comparing ----------------------------------------------------------------------------------


def is_installed(engine: str) -> bool:
    """Is it there? Says so if not."""
    package, module = PACKAGES.get(engine, ("", ""))
    if not module or importlib.util.find_spec(module):
        return True
    note(f"{engine} is left out: {package} is not installed (dependency group peers)")
    return False


def check(worker: Worker, workload: Workload) -> None:
    """Compare answers with the definition. Raises AssertionError."""
    count = min(CHECKED, 5 * worker.count)
    right = [expected(workload, event) for event in workload.events[:count]]
    if worker.answers(count) != right:
        raise AssertionError(f"{workload.name}: {worker.engine} answers wrongly")


def compare(name: str, rounds: int, wall: bool) -> Iterator[Result]:
    """One workload, all engines that can express it."""
    workload = WORKLOADS[name]()
    others = [engine for engine in COMPARED[name] if is_installed(engine)]
    note(f"{name}: {len(workload.filters):,} subscriptions, beside {', '.join(others) or 'none'}")
    with ExitStack() as stack:
        ours, *theirs = [
            stack.enter_context(Worker(engine, name, wall)) for engine in ["matchengine", *others]
        ]
        for worker in (ours, *theirs):
            check(worker, workload)
        sides = {"matchengine": ours.side(False)}
        for worker in theirs:
            sides[worker.engine] = worker.side(False)
            if worker.prepares:
                sides[f"{worker.engine}, events prepared"] = worker.side(True)
        times = interleaved(sides, rounds)
    for side in list(sides)[1:]:
        yield Result(
            claim=f"faster than {side}",
            workload=f"{name} {len(workload.filters):,}",
            unit="x",
            target=FASTER if side.startswith("mokaccino") else None,
            at_least=True,
            samples=ratios(times[side], times["matchengine"]),
            call="match",
            detail=f"{microseconds(times['matchengine'])} vs {microseconds(times[side])}",
        )


def main() -> None:
    asked = arguments(__doc__.splitlines()[0], "peers", COMPARED)
    machine = calibrate.calibration()
    machine["versions"] = {
        package: metadata.version(package)
        for package, module in PACKAGES.values()
        if importlib.util.find_spec(module)
    }
    rounds = 5 if asked.quick else 16
    found = chain.from_iterable(compare(name, rounds, asked.wall) for name in asked.only)
    report(found, asked.json, machine)


if __name__ == "__main__":
    main()
