"""Many seeds, on all cores; and the failing ones again, to tell the story of what went wrong."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from time import process_time

from brokers.simulation.process import MakeNode
from brokers.simulation.run import CheckTables, Options, Result, run

__all__ = ["run_many", "run_one"]


def run_one(
    seed: int, options: Options, make: MakeNode, check_tables: CheckTables | None = None
) -> Result:
    """Run one seed, and once more if an event shows what is wrong with it."""
    options = replace(options, seed=seed)
    start = process_time()
    result = run(options, make, check_tables=check_tables)
    cpu = process_time() - start
    if result.event is not None:
        result = run(options, make, watched=result.event, check_tables=check_tables)
    result.cpu = cpu
    return result


def run_many(
    options: Options,
    seeds: Iterable[int],
    make: MakeNode,
    check_tables: CheckTables | None = None,
    jobs: int = 1,
) -> Iterator[Result]:
    """Run all seeds, and give the results in their order. `make` must be found by its name."""
    one = partial(run_one, options=options, make=make, check_tables=check_tables)
    if jobs == 1:
        yield from map(one, seeds)
        return
    ignore = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    with multiprocessing.Pool(jobs, signal.signal, ignore) as pool:
        yield from pool.imap(one, seeds)
