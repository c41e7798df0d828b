"""Questions about filters at 100,000 subscriptions, beside a linear scan.

    python benchmarks/bench_covering.py [--subscriptions N] [--json FILE]

Three populations: the conjunctions of W1, dense and sparse, and quotes, where all filters use the
same few attributes, so that many cover each other. Asked are filters that are not among those
stored. The scan asks `covers` (or `overlaps`) of every pair in turn; its answers are compared with
ours first.
Times are processor time of the process, medians of rounds that take turns.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matchengine import Filter, Matcher, covers, overlaps, parse
from workloads import w1_dense, w1_sparse

ASKED = 600
SCANNED = 4
ROUNDS = 5


def quotes(count: int) -> list[str]:
    """A symbol (or none), a range of prices, sometimes a volume or a venue."""
    rng = random.Random(5)
    filters = []
    for _ in range(count):
        parts = [f"symbol = 'S{rng.randrange(2000)}'"] if rng.random() < 0.9 else []
        low = rng.randrange(1000)
        parts.append(
            rng.choice(
                [
                    f"price < {low}",
                    f"price >= {low}",
                    f"price BETWEEN {low} AND {low + rng.randrange(200)}",
                ]
            )
        )
        if rng.random() < 0.4:
            parts.append(f"volume > {rng.randrange(10_000)}")
        if rng.random() < 0.3:
            parts.append(f"venue IN ('V{rng.randrange(9)}', 'V{rng.randrange(9)}')")
        filters.append(" AND ".join(parts))
    return filters


def populations(count: int) -> dict[str, list[str]]:
    total = count + ASKED
    return {
        "w1_dense": w1_dense(total, events=1).filters,
        "w1_sparse": w1_sparse(total, events=1).filters,
        "quotes": quotes(total),
    }


def clock(call: Callable[[Any], Any], asked: list[Any]) -> float:
    """Microseconds a call."""
    start = time.process_time()
    for one in asked:
        call(one)
    return (time.process_time() - start) / len(asked) * 1e6


class Population:
    """A matcher, and filters to ask about."""

    def __init__(self, name: str, texts: list[str], count: int) -> None:
        self.name, self.count = name, count
        self.asked = texts[count:]
        self.matcher: Matcher[Any] = Matcher()
        self.matcher.add_many(list(enumerate(texts[:count])))
        self.stored: list[tuple[int, Filter]] = [
            (i, parse(text)) for i, text in enumerate(texts[:count])
        ]
        self.matcher.covered_by(self.asked[0])  # takes its notes

    def scans(self) -> dict[str, Callable[[str], list[int]]]:
        def covering(text: str) -> list[int]:
            f = parse(text)
            return [i for i, g in self.stored if covers(g, f)]

        def covered_by(text: str) -> list[int]:
            f = parse(text)
            return [i for i, g in self.stored if covers(f, g)]

        def overlapping(text: str) -> list[int]:
            f = parse(text)
            return [i for i, g in self.stored if overlaps(f, g)]

        return {"covering": covering, "covered_by": covered_by, "overlapping": overlapping}

    def insert(self, text: str) -> None:
        """What a broker does with a subscription: is it covered? Then store it."""
        self.matcher.covering(text, limit=1)
        self.matcher.add(text, id=text)

    def rows(self) -> list[dict[str, Any]]:
        found = []
        part = len(self.asked) // ROUNDS
        for name, scan in self.scans().items():
            ask = getattr(self.matcher, name)
            sizes = []
            for text in self.asked[:SCANNED]:
                answer = ask(text)
                sizes.append(len(answer))
                assert sorted(answer) == scan(text), text
            ours, theirs = [], []
            for i in range(ROUNDS):
                few = part if name != "overlapping" else SCANNED
                ours.append(clock(ask, self.asked[i * part : i * part + few]))
                theirs.append(clock(scan, self.asked[i : i + 1]))
            found.append(self.row(name, ours, theirs, statistics.mean(sizes)))
        inserts = []
        for i in range(ROUNDS):
            some = list(dict.fromkeys(self.asked[i * part : (i + 1) * part]))
            inserts.append(clock(self.insert, some))
            for text in some:
                self.matcher.remove(text)
        found.append(self.row("covering + add", inserts, None, None))
        return found

    def row(
        self, name: str, ours: list[float], theirs: list[float] | None, size: float | None
    ) -> dict[str, Any]:
        faster = [t / o for t, o in zip(theirs or [], ours, strict=False)]
        return {
            "population": self.name, "subscriptions": self.count, "question": name,
            "us": statistics.median(ours), "scan_us": statistics.median(theirs) if theirs else None,
            "times_faster": statistics.median(faster) if faster else None,
            "answers": size, "samples": ours,
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    print("| population | question | ours | linear scan | ratio | answers |")
    print("|---|---|--:|--:|--:|--:|")
    for name, texts in populations(arguments.subscriptions).items():
        for row in Population(name, texts, arguments.subscriptions).rows():
            rows.append(row)
            scan = f"{row['scan_us']:,.0f} us" if row["scan_us"] else ""
            ratio = f"{row['times_faster']:,.0f} x" if row["times_faster"] else ""
            size = "" if row["answers"] is None else f"{row['answers']:,.1f}"
            print(
                f"| {name} | {row['question']} | {row['us']:,.1f} us | {scan} | {ratio} | {size} |"
            )
            sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
