"""Covering, overlap and merging beside what the twin finds by trying every event of a small domain.

The domain has, for each of two attributes, no value, every value of a set that has one on either
side of every constant that the filters use, and pairs of values (arrays). What is true of all these
events is true of all events as far as the filters can tell: so on the class for which `covers` and
`overlaps` promise to be exact, they have to agree with it, and beyond it they must not be wrong.

    python tests/coverings.py --pairs 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from dataclasses import dataclass, field
from functools import cache, reduce
from typing import Literal

import numpy as np
import numpy.typing as npt

from matchengine import covers, merge, overlaps, parse, reference

PATHS = ("a", "b")
NUMBERS = (1, 2, 2.5, 1152921504606846976)
STRINGS = ("x", "xy", "y")
#: Every constant, something between any two of them, and something beyond.
VALUES: tuple[object, ...] = (
    None, True, False, float("nan"),
    float("-inf"), 0, 1, 1.5, 2, 2.25, 2.5, 3, 1152921504606846976, 1152921504606846977,
    float("inf"), "", "w", "x", "xa", "xy", "xyz", "y", "yy", "z", "a x", "X",
)  # fmt: skip


@cache
def contents() -> list[list[object]]:
    """What an attribute may hold: nothing, one value, or two."""
    pairs = [list(pair) for pair in itertools.combinations(VALUES, 2)]
    return [[], *([value] for value in VALUES), *pairs]


#: The first contents, those without arrays of several values; and all.
FIRST, ALL = slice(1 + len(VALUES)), slice(None)

Arrays = bool | Literal["unshared"]
ARRAYS: tuple[Arrays, ...] = (True, False, "unshared")

Truth = npt.NDArray[np.int8]


@cache
def leaf_truth(text: str, path: str) -> Truth:
    """What the twin says of a leaf, by the contents of its attribute: 1, 0 or -1 (unknown)."""
    node = reference.parse(text)
    outcomes = [reference.evaluate(node, {path: some} if some else {}) for some in contents()]
    return np.array([-1 if outcome is None else outcome for outcome in outcomes], dtype=np.int8)


@cache
def computed_truth(text: str) -> Truth:
    """The same for a predicate of both attributes."""
    node = reference.parse(text)
    truth = np.empty((len(contents()), len(contents())), dtype=np.int8)
    for i, some in enumerate(contents()):
        for k, others in enumerate(contents()):
            event = {path: held for path, held in zip(PATHS, (some, others), strict=True) if held}
            outcome = reference.evaluate(node, event)
            truth[i, k] = -1 if outcome is None else outcome
    return truth


def kleene(node: reference.Node) -> Truth:
    """What a filter comes to, by the contents of both attributes."""
    shape = (len(contents()), len(contents()))
    match node:
        case reference.Constant():
            return np.full(shape, node.value, dtype=np.int8)
        case reference.Leaf() | reference.Computed():
            paths = parse(str(node)).paths
            if len(paths) > 1:
                return computed_truth(str(node))
            (path,) = paths
            line = leaf_truth(str(node), path)
            return np.broadcast_to(line[:, None] if path == PATHS[0] else line, shape)
        case reference.Not():
            inner = kleene(node.operand)
            return np.where(inner < 0, inner, 1 - inner)
        case reference.And() | reference.Or():
            parts = [kleene(operand) for operand in node.operands]
            # In the order false, unknown, true AND is the least and OR the greatest.
            ranks = [np.where(part < 0, 1, 2 * part) for part in parts]
            join = np.minimum if isinstance(node, reference.And) else np.maximum
            rank = reduce(join, ranks)
            return np.where(rank == 1, -1, rank // 2).astype(np.int8)
    raise AssertionError(node)


def matched(text: str) -> npt.NDArray[np.bool_]:
    """Which events of the domain a filter matches."""
    return kleene(reference.parse(text)) == 1


# ---- random filters ------------------------------------------------------------------------------


def literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).upper()


def exact_leaf(rng: random.Random, path: str) -> str:
    """A condition of the class on which covering is exact."""
    kind = rng.choice(["=", "IN", "range", "range", "BETWEEN", "PREFIX", "EXISTS"])
    some = rng.choice([NUMBERS, STRINGS])
    one, other = rng.choice(some), rng.choice(some)
    match kind:
        case "=":
            return f"{path} = {literal(rng.choice([one, True, False]))}"
        case "IN":
            members = rng.choices([*NUMBERS, *STRINGS, True, False], k=rng.randint(1, 4))
            return f"{path} IN ({', '.join(map(literal, members))})"
        case "range":
            return f"{path} {rng.choice(['<', '<=', '>', '>='])} {literal(one)}"
        case "BETWEEN":
            return f"{path} BETWEEN {literal(one)} AND {literal(other)}"
        case "PREFIX":
            return f"STARTS_WITH({path}, '{rng.choice(['', *STRINGS])}')"
    return f"EXISTS({path})"


def exact_leaf_or_span(rng: random.Random, path: str) -> str:
    """The same, or two comparisons, which an array may meet with two values."""
    if rng.random() < 0.6:
        return exact_leaf(rng, path)
    some = rng.choice([NUMBERS, STRINGS])
    low, high = sorted(rng.choices(some, k=2), reverse=rng.random() < 0.1)
    above, below = rng.choice([">", ">="]), rng.choice(["<", "<="])
    return f"{path} {above} {literal(low)} AND {path} {below} {literal(high)}"


def exact_filter(rng: random.Random) -> str:
    paths = rng.sample(PATHS, rng.randint(1, 2))
    return " AND ".join(exact_leaf(rng, path) for path in paths)


def any_leaf(rng: random.Random) -> str:
    path = rng.choice(PATHS)
    text = rng.choice(STRINGS)
    return rng.choice([
        exact_leaf(rng, path),
        exact_leaf(rng, path),
        f"{path} <> {literal(rng.choice([*NUMBERS, *STRINGS, True]))}",
        f"{path} IS NULL",
        f"{path} LIKE '{rng.choice([text, text + '%', '%' + text, '%' + text + '%', 'x_', '%'])}'",
        f"{path} ILIKE '{text}%'",
        rng.choice(["a < b", "b + 1 BETWEEN 2 AND 3", "a > 2 - 1", "2 * 1 = b"]),
        f"ENDS_WITH({path}, '{text}')",
        f"CONTAINS({path}, '{rng.choice([text, ''])}')",
        f"MATCHES({path}, '{rng.choice([text, 'x.*', '(x|y)+'])}')",
        rng.choice(["TRUE", "FALSE"]),
    ])  # fmt: skip


def any_filter(rng: random.Random, depth: int = 2) -> str:
    if depth == 0 or rng.random() < 0.3:
        return any_leaf(rng)
    parts = [any_filter(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    match rng.choice(["AND", "AND", "OR", "NOT"]):
        case "NOT":
            return f"NOT ({parts[0]})"
        case op:
            return "(" + f" {op} ".join(parts) + ")"


# ---- the comparison ------------------------------------------------------------------------------


@dataclass
class Tally:
    """What has been compared."""

    pairs: int = 0
    exact: int = 0
    covering: int = 0
    missed: int = 0
    merged: int = 0
    wrong: list[str] = field(default_factory=list)


class Judged:
    """A filter, and what it matches."""

    def __init__(self, text: str, exact: bool = False) -> None:
        self.filter = parse(text)
        self.exact = exact
        self.events = matched(text)
        self.packed = np.packbits(self.events)
        #: The same for events that have one value at most at some of the paths.
        self.single = {
            singles: np.packbits(self.events[tuple(FIRST if p in singles else ALL for p in PATHS)])
            for singles in map(frozenset, ((), ("a",), ("b",), PATHS))
        }

    def covers(self, other: Judged) -> bool:
        return not (other.packed & ~self.packed).any()

    def meets(self, other: Judged, arrays: Arrays) -> bool:
        shared = self.filter.paths & other.filter.paths
        singles = {True: frozenset[str](), False: frozenset(PATHS), "unshared": shared}[arrays]
        return bool((self.single[singles] & other.single[singles]).any())


def compare(f: Judged, g: Judged, tally: Tally) -> None:
    """Ask about one ordered pair."""
    tally.pairs += 1
    exact = f.exact and g.exact
    tally.exact += exact
    covering, found = f.covers(g), covers(f.filter, g.filter)
    tally.covering += covering
    tally.missed += covering and not found
    if found > covering or (exact and found != covering):
        tally.wrong.append(f"covers({f.filter}, {g.filter}) is {found}")
    for arrays in ARRAYS:
        meeting, seen = f.meets(g, arrays), overlaps(f.filter, g.filter, arrays=arrays)
        if meeting > seen or (exact and meeting != seen):
            tally.wrong.append(f"overlaps({f.filter}, {g.filter}, {arrays=}) is {seen}")


def check_merge(f: Judged, g: Judged, tally: Tally) -> None:
    merged = merge(f.filter, g.filter)
    if merged is not None:
        tally.merged += 1
        if (matched(str(merged)) != (f.events | g.events)).any():
            tally.wrong.append(f"merge({f.filter}, {g.filter}) is {merged}")


def run(count: int, seed: int, merges: int, tally: Tally) -> Tally:
    """Compare all pairs of `count` filters, half of them of the exact class."""
    rng = random.Random(seed)
    filters = [Judged(exact_filter(rng), exact=True) for _ in range(count // 2)]
    filters += [Judged(any_filter(rng)) for _ in range(count - count // 2)]
    for f in filters:
        for g in filters:
            compare(f, g, tally)
    for _ in range(merges):
        check_merge(rng.choice(filters), rng.choice(filters), tally)
        rest = rng.choice(["", " AND b = 1", " AND b > 2 AND NOT b = 3"])
        one, other = (Judged(exact_leaf_or_span(rng, "a") + rest) for _ in range(2))
        check_merge(one, other, tally)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tally, start, seed = Tally(), time.monotonic(), arguments.seed
    while tally.pairs < arguments.pairs and not tally.wrong:
        run(300, seed, 200, tally)
        seed += 1
        print(f"{tally.pairs:,} pairs, {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(
        f"{tally.pairs:,} ordered pairs, {tally.exact:,} of them of the exact class; "
        f"{tally.covering:,} coverings, of which {tally.missed:,} were not found; "
        f"{tally.merged:,} merges; {len(tally.wrong)} wrong"
    )
    print("\n".join(tally.wrong[:10]))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
