"""Does the simulator notice a bug of the brokers? Each one here is planted in a copy of them.

    python tests/planted_brokers.py                    all of them: minutes
    python tests/planted_brokers.py ack record         those whose names hold a word
    python tests/planted_brokers.py --most 100         give up after so many seeds, not 1,000
    python tests/planted_brokers.py --table            print the table of docs/testing.md

A bug is caught when a seed fails with it that passes without it; with the bug in place
`matchengine sim PRESET --messages 8000 --faults FAULTS --seed N` shows the same. Each seed is tried
with all settings of the bug before the next one, so "12 seeds" is twelve of each.

Exit status 1: a bug was missed, or the unchanged brokers fail.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import matchengine
from planted import ROOT, plant
from planted_brokers_bugs import BUGS, Bug, Setting

MOST = 1_000  # seeds
MESSAGES = 8_000
JOBS = 2
SECONDS = 60  # for one seed; it takes one
#: What many seeds together should have met, and have not.
COVERAGE = "coverage"


class Found(NamedTuple):
    """The seed that shows a bug."""

    seed: int
    setting: Setting
    promise: str


# ---- in a process that sees the changed brokers --------------------------------------------------


def search(settings: list[Setting], first: int, last: int) -> Found | None:
    """The first seed that fails."""
    from brokers.simulation.coverage import missing
    from brokers.simulation.faults import FAULTS
    from brokers.simulation.run import Options, run
    from brokers.simulation.subject import Subject, check_tables

    def too_long(*_: object) -> None:
        raise TimeoutError(f"one seed takes more than {SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    named: dict[str, tuple[str, ...]] = {"none": (), "all": tuple(FAULTS)}
    met: dict[Setting, Counter[str]] = {setting: Counter() for setting in settings}
    for seed in range(first, last):
        for preset, faults in settings:
            options = Options(
                preset=preset,
                seed=seed,
                messages=MESSAGES,
                faults=named.get(faults, tuple(faults.split(","))),
                swarm=faults == "all",
            )
            signal.alarm(SECONDS)
            result = run(options, Subject, check_tables=check_tables)
            signal.alarm(0)
            if result.failure is not None:
                return Found(seed, (preset, faults), str(result.promise))
            counters = met[preset, faults]
            counters.update(result.counters)
            counters["messages"] += result.messages
            if missing(preset, options.faults, counters["messages"], counters):
                return Found(seed, (preset, faults), COVERAGE)
    return None


# ---- all of them ---------------------------------------------------------------------------------


def search_in(tree: Path, settings: list[Setting], first: int, last: int) -> Found | None:
    """`search`, in a process of its own whose brokers are those of `tree`."""
    engine = Path(matchengine.__file__).parent.parent
    path = os.pathsep.join(map(str, (tree, engine, Path(__file__).parent)))
    code = "import planted_brokers; planted_brokers.answer()"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([settings, first, last])],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    answer = json.loads(done.stdout)
    return answer and Found(answer[0], tuple(answer[1]), answer[2])


def answer() -> None:
    """The other end of `search_in`."""
    settings, first, last = json.loads(sys.argv[1])
    print(json.dumps(search(list(map(tuple, settings)), first, last)))


def caught_by(bug: Bug, most: int) -> Found | None:
    """The seed that shows the bug, and passes without it."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        shutil.copytree(ROOT / "brokers", tree / "brokers")
        before = plant(tree, bug.file, bug.old, bug.new)
        found = search_in(tree, list(bug.settings), 0, most)
        (tree / bug.file).write_text(before, encoding="utf-8")
        if found is not None:
            first = 0 if found.promise == COVERAGE else found.seed
            if search_in(tree, [found.setting], first, found.seed + 1):
                raise RuntimeError(f"unchanged brokers fail seed {found.seed} of {found.setting}")
    return found


def caught(bugs: list[Bug], most: int) -> Iterator[tuple[Bug, Found | None, float]]:
    """What catches each, as it is found, and the seconds that it took."""

    def one(bug: Bug) -> tuple[Bug, Found | None, float]:
        started = time.monotonic()
        found = caught_by(bug, most)
        return bug, found, time.monotonic() - started

    threads = ThreadPoolExecutor(JOBS)
    try:
        for done in as_completed([threads.submit(one, bug) for bug in bugs]):
            yield done.result()
    finally:
        threads.shutdown(cancel_futures=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="of names; without, all bugs are planted")
    parser.add_argument("--most", type=int, default=MOST, help="seeds to try for each")
    parser.add_argument("--table", action="store_true", help="print a table for docs/testing.md")
    arguments = parser.parse_args()
    words = arguments.words
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    missed = 0
    for bug, found, seconds in caught(bugs, arguments.most):
        missed += found is None
        print(row(bug, found) if arguments.table else line(bug, found, seconds), flush=True)
    print(f"{len(bugs) - missed} of {len(bugs)} caught")
    return 1 if missed else 0


def line(bug: Bug, found: Found | None, seconds: float) -> str:
    """For who watches."""
    if found is None:
        return f"{bug.name:64} MISSED  [{seconds:.0f} s]"
    (preset, faults), promise = found.setting, found.promise
    return f"{bug.name:64} {found.seed + 1:4} {promise} ({preset}, {faults})  [{seconds:.0f} s]"


def row(bug: Bug, found: Found | None) -> str:
    """For docs/testing.md."""
    if found is None:
        return f"| {bug.name} | missed | | |"
    preset, faults = found.setting
    return f"| {bug.name} | {found.seed + 1} | {found.promise} | {preset}, {faults} |"


if __name__ == "__main__":
    sys.exit(main())
