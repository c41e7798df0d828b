"""Reducers: how much of a table is left, and what it costs to keep it so.

    python benchmarks/bench_reduce.py [--members N ...] [--reducers NAME ...] [--json FILE]

Four populations, from many conditions that seldom cover each other to one that mostly does:
four ranges, two ranges, a symbol and a range, a symbol alone; ends of ranges are integers from 0 to
100, and the 1,000 symbols have the popularity 1 / rank. All members are added one by one; then, at
full size, random ones leave and new ones come in turn; the slowest of those is printed, too.
Table is outputs by members; retracts are outputs that were dropped by additions, by members; sent
is the text of all outputs added, by change at full size.
Times are processor time of the process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brokers.reduce import Change, reducer
from matchengine import Filter, parse

CHANGES = 1_000
SYMBOLS = 1_000


def populations(count: int) -> dict[str, list[Filter]]:
    rng = random.Random(4)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, SYMBOLS + 1)))

    def span(path: str) -> str:
        low, high = sorted((rng.randint(0, 100), rng.randint(0, 100)))
        return f"{path} BETWEEN {low} AND {high}"

    def symbol() -> str:
        return f"symbol = 'S{bisect_left(weights, rng.random() * weights[-1])}'"

    made: dict[str, Callable[[], str]] = {
        "four ranges": lambda: " AND ".join(map(span, "abcd")),
        "two ranges": lambda: " AND ".join(map(span, "ab")),
        "symbol and range": lambda: f"{symbol()} AND {span('price')}",
        "symbol": symbol,
    }
    return {name: [parse(make()) for _ in range(count)] for name, make in made.items()}


def timed(call: Callable[..., Change], *arguments: object) -> tuple[float, Change]:
    """Microseconds, and the change."""
    start = time.process_time()
    change = call(*arguments)
    return (time.process_time() - start) * 1e6, change


def measure(name: str, population: str, filters: list[Filter], members: int) -> dict[str, Any]:
    made = reducer(name, itertools.count())
    rng = random.Random(5)
    start = time.process_time()
    retracts = sum(len(made.add(n, filters[n]).dropped) for n in range(members))
    filling = (time.process_time() - start) / members * 1e6
    table = len(made.outputs()) / members
    present = list(range(members))
    adds, removes, sent = [], [], 0
    for n in range(members, members + CHANGES):
        at = rng.randrange(len(present))
        spent, change = timed(made.remove, present[at])
        removes.append(spent)
        sent += sum(len(str(filter)) for _, filter in change.added)
        present[at] = n
        spent, change = timed(made.add, n, filters[n])
        adds.append(spent)
        sent += sum(len(str(filter)) for _, filter in change.added)
    return {
        "reducer": name, "population": population, "members": members, "table": table,
        "filling_us": filling, "retracts": retracts / members,
        "add_us": sum(adds) / CHANGES, "add_most_us": max(adds),
        "remove_us": sum(removes) / CHANGES, "remove_most_us": max(removes),
        "sent_bytes": sent / CHANGES / 2, "counters": made.counters._asdict(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument(
        "--reducers", nargs="+", default=["none", "identity", "covering", "merging"]
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    print(
        "| members | population | reducer | table | retracts | filling | add, most | "
        "remove, most | sent |\n|--:|---|---|--:|--:|--:|--:|--:|--:|"
    )
    for members in arguments.members:
        for population, filters in populations(members + CHANGES).items():
            for name in arguments.reducers:
                row = measure(name, population, filters, members)
                rows.append(row)
                print(
                    f"| {members:,} | {population} | {name} | {row['table']:.2%} "
                    f"| {row['retracts']:.3f} | {row['filling_us']:,.1f} us "
                    f"| {row['add_us']:,.0f}, {row['add_most_us']:,.0f} us "
                    f"| {row['remove_us']:,.0f}, {row['remove_most_us']:,.0f} us "
                    f"| {row['sent_bytes']:,.0f} B |"
                )
                sys.stdout.flush()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
