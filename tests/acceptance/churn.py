"""Is memory given back? A million times a subscription goes and another comes, of 100,000.

    python tests/acceptance/churn.py [--live 100000] [--pairs 1000000]

Prints the bytes of the core and the resident memory of the process, beside those before the first
pair. Exit status 1: in the end either is larger by more than a tenth. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

from matchengine import Matcher

ROOM = 1.10


def resident() -> int:
    """Bytes of the process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def predicate(rng: random.Random, attribute: int) -> str:
    """One of every kind of index: constants, cuts that few share, patterns, groups, prefixes."""
    kind = rng.random()
    if kind < 0.3:
        return f"a{attribute} = {rng.randrange(1000)}"
    if kind < 0.5:
        return f"b{rng.randrange(100_000)} > {rng.random():.6f}"
    if kind < 0.6:
        return f"c{attribute} LIKE '%{rng.randrange(10**6)}%'"
    if kind < 0.7:
        numbers = ", ".join(str(rng.randrange(1000)) for _ in range(3))
        return f"(a{attribute} = 3 OR d{attribute} IN ({numbers}))"
    if kind < 0.75:
        return f"STARTS_WITH(e{attribute}, '{rng.randrange(10**5)}')"
    low = rng.randrange(1000)
    return f"a{attribute} BETWEEN {low} AND {low + rng.randrange(50)}"


def filter_text(rng: random.Random) -> str:
    return " AND ".join(predicate(rng, attribute) for attribute in rng.sample(range(100), 5))


def run(live: int, pairs: int) -> bool:
    """Is the memory after `pairs` pairs about what it was before?"""
    rng = random.Random(5)
    matcher: Matcher[int] = Matcher()
    ids = [matcher.add(filter_text(rng)) for _ in range(live)]
    core, process = matcher.stats()["bytes"], resident()
    print(f"{live:,} live: core {core / 1e6:.1f} MB, process {process / 1e6:.1f} MB")
    kept = True
    for step in range(1, 11):
        for _ in range(pairs // 10):
            at = rng.randrange(live)
            matcher.remove(ids[at])
            ids[at] = matcher.add(filter_text(rng))
        grown = matcher.stats()["bytes"] / core, resident() / process
        print(f"{step * pairs // 10:>9,} pairs: core {grown[0]:.3f}, process {grown[1]:.3f}")
        kept = max(grown) <= ROOM
    matcher.validate()
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--live", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    args = parser.parse_args()
    return 0 if run(args.live, args.pairs) else 1


if __name__ == "__main__":
    sys.exit(main())
