"""Does the simulator notice a bug in the brokers? Each one here is planted in a copy of them.

    python tests/planted_brokers.py                 all of them, each until a seed fails
    python tests/planted_brokers.py resync order    those whose names hold a word

Run it with the Python of an environment in which matchengine is installed. Each bug gets at most a
thousand seeds. Exit status 1: a bug was missed, or the brokers as they are fail.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SEEDS = 1_000
MESSAGES = 8_000
HEALTHY = 10  #: seeds that the brokers must pass as they are, with each choice of faults

#: Runs in a process of its own, where `brokers` is the copy.
RUNNER = """
import json, sys
from brokers.sim import Options, run
from brokers.simulation.subject import Subject, check_tables

preset, faults, messages, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for seed in range(seeds):
    options = Options(
        preset=preset, seed=seed, messages=messages, faults=tuple(filter(None, faults.split(",")))
    )
    result = run(options, Subject, check_tables=check_tables)
    if result.failure is not None:
        print(json.dumps({"seed": seed, "failure": result.failure.splitlines()[0]}))
        break
"""


class Bug(NamedTuple):
    """One change of a file of `brokers`, and what it takes to see it."""

    name: str
    file: str
    old: str
    new: str
    faults: str = ""
    preset: str = "default"


BUGS = [
    Bug(
        "a subscription is acknowledged before others have it",
        "interest/entries.py",
        "if export.up and neighbour in children and not export.settled(entry.key):",
        "if False:",
    ),
    Bug(
        "what a covering subscription covered is not exposed when it ends",
        "reduce/forest.py",
        "return Shift(self._uncover(list(node.below.values())), [node])",
        "return Shift(self._uncover(list(node.below.values()))[1:], [node])",
        preset="siena",
    ),
    Bug(
        "a subscription that seems to cover another one does not",
        "reduce/forest.py",
        "above = self._index.covering(node.filter)\n",
        "above = self._index.covering(node.filter) or list(self._index.covered_by(node.filter))\n",
    ),
    Bug(
        "an output that is merged again keeps its number and gets another filter",
        "reduce/merging.py",
        "number = before.pop(block.filter, None)",
        "number = before.popitem()[1] if before else None",
    ),
    Bug(
        "the old filter is given up before the next one has settled",
        "subscriptions.py",
        "        subscription.next = (member, filter)\n",
        "        subscription.next = (member, filter)\n"
        "        self._entries.settled_here.append(self._key(member))\n",
    ),
    Bug(
        "a link that comes back is not resynchronised",
        "neighbours.py",
        "if self.entries.imports[link.neighbour].digest() == message:",
        "if True:",
        faults="partition,restart",
    ),
    Bug(
        "a gap in the numbers of frames is not noticed",
        "neighbours.py",
        "        if gap > 0:\n",
        "        if False:\n",
        faults="loss,reorder",
    ),
    Bug(
        "silence on a link is not noticed",
        "neighbours.py",
        "if link.heard_at + self._settings.dead_after <= now:",
        "if False:",
        faults="asymmetric",
    ),
    Bug(
        "old ways are not kept while brokers learn of new ones",
        "neighbours.py",
        'shared=preset.trees == "shared", retain=settings.retain)',
        'shared=preset.trees == "shared", retain=0.0)',
        faults="add-link",
    ),
    Bug(
        "a duplicate is not recognised",
        "events/duplicates.py",
        "if source.seen >> -ahead & 1:",
        "if False:",
        faults="add-link,remove-link",
    ),
    Bug(
        "the memory of duplicates is too small",
        "node.py",
        "Duplicates(settings.duplicates, self.counters)",
        "Duplicates(1, self.counters)",
        faults="add-link",
    ),
    Bug(
        "an event is delivered after a later one of its publisher",
        "clients.py",
        "late = self._last.get(stream, place) > place",
        "late = False",
        faults="add-link",
    ),
    Bug(
        "publications do not wait until everybody knows of them",
        "publications.py",
        "                if client.publisher.generation <= settled:\n",
        "                if True:\n",
    ),
    Bug(
        "brokers do not wait for those behind them before they say that adverts are settled",
        "interest/settling.py",
        "generation = min(generation, reported)",
        "pass",
    ),
    Bug(
        "what is not advertised is taken",
        "publications.py",
        "return None if refusal is None else NotAdvertised(refusal)",
        "return None",
    ),
    Bug(
        "an entry that nobody holds stays",
        "interest/entries.py",
        "        if not entry.holders:\n            del self._entries[key]\n",
        "        if not entry.holders and key.number % 5:\n            del self._entries[key]\n",
    ),
    Bug(
        "the table of a neighbour that does not come back stays",
        "neighbours.py",
        "                self.entries.forget(neighbour)\n",
        "                pass\n",
        faults="remove-link,stop",
    ),
    Bug(
        "a subscription is acknowledged and not stored",
        "clients.py",
        "                self.effects.append(Save(client.name, subscription.number, text))\n",
        "",
        faults="restart",
    ),
    Bug(
        "an ended subscription stays in the store",
        "clients.py",
        "            self.effects.append(Save(client.name, message.subscription, None))\n",
        "",
        faults="restart",
    ),
    Bug(
        "publishers wait for brokers that have left",
        "node.py",
        "routes.names(self._plane.publish(event) & routes.present)",
        "routes.names(self._plane.publish(event))",
        faults="stop",
    ),
    Bug(
        "a window that was full does not open again",
        "events/flow.py",
        "            self._full.pop(credit.taker, None)\n",
        "            pass\n",
    ),
    Bug(
        "drops of a full queue are not told",
        "clients.py",
        "Lost(reason, subscriber.dropped[reason])",
        "Lost(reason, 0)",
        faults="slow",
    ),
    Bug(
        "an event goes where nobody wants it",
        "events/planes.py",
        "            if below & mask and neighbour != sender:\n",
        "            if neighbour != sender:\n",
    ),
    Bug(
        "a record of an earlier incarnation is believed",
        "overlay/database.py",
        "if known is not None and record[1:3] <= known[1:3]:",
        "if known is not None and record[2] <= known[2]:",
        faults="amnesia",
    ),
]


def main(words: list[str]) -> int:
    """Plant each bug, run seeds, and say what came of it."""
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    failed = False
    for preset, faults in dict.fromkeys((bug.preset, bug.faults) for bug in bugs):
        found = simulate(None, preset, faults, HEALTHY)
        if found is not None:
            print(f"WITHOUT A BUG: {preset}, {faults or 'no faults'}: {found}", flush=True)
            failed = True
    for bug in bugs:
        start = time.monotonic()
        found = simulate(bug, bug.preset, bug.faults, SEEDS)
        seconds = time.monotonic() - start
        if found is None:
            print(f"MISSED in {SEEDS:,} seeds, {seconds:.0f} s: {bug.name}", flush=True)
            failed = True
        else:
            print(f"seed {found['seed']:>3}, {seconds:>3.0f} s  {bug.name}", flush=True)
            print(f"                {found['failure'][:120]}", flush=True)
    return int(failed)


def simulate(bug: Bug | None, preset: str, faults: str, seeds: int) -> dict[str, Any] | None:
    """What the first seed that fails says of it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "brokers")
        shutil.copytree(ROOT / "brokers", copy, ignore=shutil.ignore_patterns("__pycache__"))
        if bug is not None:
            plant(bug, copy)
        path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                RUNNER,
                preset,
                faults,
                str(MESSAGES),
                str(seeds),
            ],
            env=os.environ | {"PYTHONPATH": path},
            cwd=folder,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout) if done.stdout else None


def plant(bug: Bug, brokers: Path) -> None:
    """Change the copy."""
    file = brokers / bug.file
    text = file.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, bug.name
    file.write_text(text.replace(bug.old, bug.new), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
