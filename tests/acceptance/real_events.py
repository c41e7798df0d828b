"""Does ``matchengine match`` give what the twin gives, on real events?

    python tests/acceptance/real_events.py > docs/real-events.md

For each file of events, rules are made from the events themselves (rules_from_events.py), the real
command matches all events, and its answers are compared:

* every event: with `Matcher.match` of the event as a mapping;
* some events: with the twin, for all rules;
* every rule: with the twin, for the event that it was made around;
* some (rule, event) pairs that the command says match, and some at random: with the twin.

The first difference ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

from matchengine import Matcher
from matchengine.reference import Node, evaluate, load_event, parse

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":  # what pytest does by its option `pythonpath`
    sys.path.insert(0, str(ROOT / "tests"))
from acceptance.rules_from_events import MadeRule, RuleMaker  # noqa: E402

DATA = Path(os.environ.get("MATCHENGINE_SHARED") or ROOT.parent / "shared") / "data"
FILES = ["birdstrikes", "earthquakes", "flights", "github_events", "movies"]
SIZES = [1_000, 10_000, 100_000]

#: (rule, event) pairs that the twin evaluates of the events it sees whole, and of each sample.
WHOLE_PAIRS = 400_000
SAMPLED_PAIRS = 50_000

INTRODUCTION = """\
# Real events

What `matchengine match` answers on public data sets, compared with the plain Python twin
(`matchengine.reference`). The rules are made from the events: equality, ranges, IN, LIKE, ILIKE,
STARTS_WITH, ENDS_WITH, CONTAINS, IS NULL, EXISTS, AND, OR and NOT over nested paths, arrays, nulls
and names with spaces and `$`. Every answer of the command is also compared with
`Matcher.match` of the same event as a mapping. *Pairs* counts the (rule, event) pairs that the
twin has evaluated, and *true* how many of them matched; there was no difference.

*Command* is events per second of the whole command: starting Python, reading the rules from text,
matching, printing every match. *match_batch* is the same events as one buffer of JSON lines, in a
process that has the rules already. Both are seconds of processor time, on one core.

    python tests/acceptance/real_events.py > docs/real-events.md

| file | rules | events | matches | pairs | true | command, events/s | match_batch, events/s |
|---|--:|--:|--:|--:|--:|--:|--:|"""


class Difference(AssertionError):
    """The command and the twin disagree."""


@dataclass(slots=True)
class Row:
    """One line of the table."""

    file: str
    rules: int
    events: int
    matches: int = 0
    pairs: int = 0
    true: int = 0
    command_seconds: float = 0.0
    batch_seconds: float = 0.0

    def __str__(self) -> str:
        cells = (
            f"{self.rules:,}",
            f"{self.events:,}",
            f"{self.matches:,}",
            f"{self.pairs:,}",
            f"{self.true / max(1, self.pairs):.0%}",
            f"{self.events / self.command_seconds:,.0f}",
            f"{self.events / self.batch_seconds:,.0f}",
        )
        return f"| {self.file} | {' | '.join(cells)} |"


@dataclass(slots=True)
class Case:
    """A file of events, rules, and what the command says."""

    lines: list[bytes]
    maker: RuleMaker
    rules: list[MadeRule]
    row: Row
    rng: random.Random
    answers: list[set[int]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def pair(self, rule: int, event: int) -> None:
        """Compare one pair with the twin."""
        expected = evaluate(self.nodes[rule], self.maker.flat[event]) is True
        self.row.pairs += 1
        self.row.true += expected
        if expected != (rule in self.answers[event]):
            raise Difference(
                f"{self.row.file}: the twin says {expected}, the command {not expected}:\n"
                f"{self.rules[rule].filter}\n{self.lines[event].decode()}"
            )


def read_lines(file: str, data: Path = DATA) -> list[bytes]:
    """The events of a file, one line each."""
    with gzip.open(data / f"{file}.jsonl.gz") as stream:
        return [line.rstrip(b"\n") for line in stream]


def compare(file: str, lines: list[bytes], rules: int, seed: int = 2) -> Row:
    """Make rules, run the command and compare. Raises `Difference`."""
    maker = RuleMaker([load_event(line) for line in lines], seed)
    row = Row(file, rules, len(lines))
    case = Case(lines, maker, maker.make(rules), row, random.Random(seed))
    run_command(case)
    compare_with_mappings(case)
    case.nodes = [parse(rule.filter) for rule in case.rules]
    compare_with_twin(case)
    return row


def run_command(case: Case) -> None:
    """Let the real command match all events."""
    with tempfile.TemporaryDirectory() as folder:
        rules, events = Path(folder, "rules.jsonl"), Path(folder, "events.jsonl.gz")
        with rules.open("w", encoding="utf-8") as stream:
            for number, rule in enumerate(case.rules):
                stream.write(json.dumps({"id": number, "filter": rule.filter}) + "\n")
        with gzip.open(events, "wb", compresslevel=1) as compressed:
            compressed.write(b"\n".join(case.lines))
        start = processor_time_of_children()
        command = [*the_command(), "match", "--all", str(rules), str(events)]
        done = subprocess.run(command, capture_output=True, check=False)
        case.row.command_seconds = processor_time_of_children() - start
    if done.returncode != 0 or done.stderr:
        raise Difference(f"exit code {done.returncode}: {done.stderr.decode()}")
    for number, line in enumerate(done.stdout.splitlines()):
        answer: dict[str, Any] = json.loads(line)
        ids = answer["matches"]
        if answer["event"] != number or len(set(ids)) != len(ids):
            raise Difference(f"{case.row.file}: a strange answer to event {number}: {line!r}")
        case.answers.append(set(ids))
        case.row.matches += len(ids)
    if len(case.answers) != len(case.lines):
        raise Difference(f"{case.row.file}: {len(case.answers)} answers")


def processor_time_of_children() -> float:
    """Seconds that processes which have ended were running."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def the_command() -> list[str]:
    """``matchengine`` of the environment that we run in."""
    script = shutil.which("matchengine", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-P", "-m", "matchengine.cli"]


def compare_with_mappings(case: Case) -> None:
    """Compare every event's answer with that of `Matcher.match`, and time `match_batch`."""
    matcher: Matcher[int] = Matcher()
    matcher.add_many((number, rule.filter) for number, rule in enumerate(case.rules))
    for number, line in enumerate(case.lines):
        found = matcher.match(json.loads(line))
        if len(found) != len(case.answers[number]) or set(found) != case.answers[number]:
            raise Difference(f"{case.row.file}: match() differs at event {number}")
    text = b"\n".join(case.lines)
    start = process_time()
    batch = matcher.match_batch(text)
    case.row.batch_seconds = process_time() - start
    if len(batch.handles) != case.row.matches:
        raise Difference(f"{case.row.file}: match_batch differs")


def compare_with_twin(case: Case) -> None:
    """Compare with the twin wherever the time allows. See above."""
    events, rules = len(case.lines), len(case.rules)
    for event in case.rng.sample(range(events), min(events, max(1, WHOLE_PAIRS // rules))):
        for rule in range(rules):
            case.pair(rule, event)
    for rule, made in enumerate(case.rules):
        case.pair(rule, made.origin)
    matched = [event for event in range(events) if case.answers[event]]
    for _ in range(SAMPLED_PAIRS if matched else 0):
        event = case.rng.choice(matched)
        case.pair(case.rng.choice(list(case.answers[event])[:100]), event)
        case.pair(case.rng.randrange(rules), case.rng.randrange(events))


def main() -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])  # type: ignore[union-attr]
    parser.add_argument("--files", nargs="+", default=FILES)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    print(INTRODUCTION, flush=True)
    for file in arguments.files:
        lines = read_lines(file)
        for size in arguments.sizes:
            try:
                print(compare(file, lines, size, arguments.seed), flush=True)
            except Difference as difference:
                print(difference, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
