"""Random filters against random events by the hundred million: the core beside its twin.

    python tests/soak.py                                     10^8 pairs on all cores
    python tests/soak.py --twin counting --pairs 1e9         the twin's counting matcher
    python tests/soak.py --twin evaluator --pairs 1e8        the plain evaluator, pair by pair
    python tests/soak.py --seed 7 --jobs 1                   other filters and events, one process

A pair is a filter and an event that has some path of the filter; all others are compared too, and
not counted. Events go through `match_batch`. What they must match says one of three twins:

    leaves     `reference.evaluate` for every leaf and event; leaves are then combined for all
               events at once with NumPy, F, U and T being 0, 1 and 2, so that AND is the minimum,
               OR the maximum and NOT `2 - x`
    evaluator  `reference.evaluate` for every filter and event
    counting   `reference.CountingMatcher`, over filters most of which it can count

A sample of the pairs is checked against the evaluator in any case. Exit status 1: a disagreement,
or so few (so many) true filters that little was tested.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matchengine import Matcher, _core, parse, reference
from matchengine.reference import (
    And,
    Computed,
    Constant,
    CountingMatcher,
    Leaf,
    Node,
    Not,
    flatten,
    load_event,
)
from strategies import Rolled, any_filter_text, conjunction_text, event_of, json_line, leaf_text

FILTERS = {"leaves": 12_000, "evaluator": 4_000, "counting": 30_000}
EVENTS = {"leaves": 400, "evaluator": 100, "counting": 2_000}  # of one phase; each is used once
SAMPLED = 300  # pairs of a phase that the twin decides alone
SHARE = (0.05, 0.60)  # of true filters among the pairs

Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


class Round(NamedTuple):
    """What one round found."""

    pairs: int
    true: int
    disagreements: list[str]


# ---- the twin, in bulk ---------------------------------------------------------------------------


def leaves_of(node: Node) -> Iterator[Leaf | Computed]:
    if isinstance(node, Leaf | Computed):
        yield node
    elif isinstance(node, Not):
        yield from leaves_of(node.operand)
    elif not isinstance(node, Constant):
        for operand in node.operands:
            yield from leaves_of(operand)


def paths_of(leaf: Leaf | Computed) -> frozenset[str]:
    """The attributes that a leaf mentions."""
    return frozenset([leaf.path]) if isinstance(leaf, Leaf) else parse(str(leaf)).paths


def code_of(outcome: bool | None) -> int:
    return 1 if outcome is None else 2 * outcome


class Truths:
    """The outcome of each leaf for each event."""

    def __init__(self, nodes: list[Node], events: list[dict[str, list[Any]]]) -> None:
        self._codes: dict[str, Codes] = {}
        for leaf in {str(leaf): leaf for node in nodes for leaf in leaves_of(node)}.values():
            paths = paths_of(leaf)
            missing = code_of(reference.evaluate(leaf, {}))
            self._codes[str(leaf)] = np.array(
                [
                    missing
                    if paths.isdisjoint(event)
                    else code_of(
                        reference.evaluate(leaf, {p: event[p] for p in paths & set(event)})
                    )
                    for event in events
                ],
                dtype=np.int8,
            )
        self._events = len(events)

    def evaluate(self, node: Node) -> Codes:
        if isinstance(node, Leaf | Computed):
            return self._codes[str(node)]
        if isinstance(node, Constant):
            return np.full(self._events, 2 * node.value, dtype=np.int8)
        if isinstance(node, Not):
            return (2 - self.evaluate(node.operand)).astype(np.int8)
        combine = np.minimum if isinstance(node, And) else np.maximum
        outcome = self.evaluate(node.operands[0])
        for operand in node.operands[1:]:
            outcome = combine(outcome, self.evaluate(operand))
        return outcome


def wanted_by(twin: str, nodes: dict[int, Node], plain: list[Any]) -> Iterator[tuple[int, Flags]]:
    """For every filter in turn: which events match it?"""
    values = [flatten(event) for event in plain]
    if twin == "counting":
        yield from _counted(nodes, plain)
        return
    truths = Truths(list(nodes.values()), values) if twin == "leaves" else None
    for number, node in nodes.items():
        if truths is not None:
            yield number, truths.evaluate(node) == 2
        else:
            yield number, np.array([reference.evaluate(node, one) is True for one in values])


def _counted(nodes: dict[int, Node], plain: list[Any]) -> Iterator[tuple[int, Flags]]:
    counting = CountingMatcher()
    for number, node in nodes.items():
        counting.add(node, number)
    matched = np.zeros((len(plain), max(nodes) + 1), dtype=np.bool_)
    for row, event in zip(matched, plain, strict=True):
        row[np.array(counting.match(event), dtype=np.intp)] = True
    columns = np.ascontiguousarray(matched.T)
    for number in nodes:
        yield number, columns[number]


class Presence:
    """Which events have some path of a filter?"""

    def __init__(self, plain: list[Any]) -> None:
        self._values = [flatten(event) for event in plain]
        self._of: dict[frozenset[str], Flags] = {}

    def of(self, node: Node) -> Flags:
        paths = frozenset().union(*(paths_of(leaf) for leaf in leaves_of(node)))
        if paths not in self._of:
            self._of[paths] = np.array([not paths.isdisjoint(one) for one in self._values])
        return self._of[paths]


# ---- a phase: one state of the matcher, one batch of events --------------------------------------


def found_by(matcher: Matcher[int], events: list[Any], filters: int) -> Flags:
    """found[filter, event]: does the core say that it matches? By the batch, in either form."""
    batch: Any = "\n".join(events) if isinstance(events[0], str) else events
    matches = matcher.match_batch(batch)
    numbers = np.array(matcher.ids(matches.handles), dtype=np.intp)
    rows = np.repeat(np.arange(len(events)), np.diff(matches.offsets))
    found = np.zeros((filters, len(events)), dtype=np.bool_)
    found[numbers, rows] = True
    if len(numbers) != int(found.sum()):
        raise AssertionError("an id twice in one result")
    return found


def check_other_ways(
    matcher: Matcher[int], events: list[Any], found: Flags, rolled: random.Random
) -> Iterator[str]:
    """One event at a time, and the other questions."""
    for at in rolled.sample(range(len(events)), 20):
        event = events[at]
        ask = matcher.match_json if isinstance(event, str) else matcher.match
        wanted = np.flatnonzero(found[:, at]).tolist()
        if sorted(ask(event)) != wanted or matcher.count(event) != len(wanted):
            yield f"one by one and as a batch differ: {event!r}"
        if matcher.matches_any(event) != bool(wanted):
            yield f"matches_any and match differ: {event!r}"


def run_phase(
    twin: str,
    matcher: Matcher[int],
    nodes: dict[int, Node],
    events: list[Any],
    rolled: random.Random,
) -> Round:
    plain = [load_event(event) if isinstance(event, str) else event for event in events]
    presence = Presence(plain)
    found = found_by(matcher, events, FILTERS[twin])
    pairs = true = 0
    wrong = list(check_other_ways(matcher, events, found, rolled))
    for number, wanted in wanted_by(twin, nodes, plain):
        counted = presence.of(nodes[number])
        pairs += int(np.count_nonzero(counted))
        true += int(np.count_nonzero(wanted & counted))
        if not np.array_equal(wanted, found[number]):
            wrong += [
                f"core says {found[number, at]}: {nodes[number]} for {events[at]!r}"
                for at in np.flatnonzero(wanted != found[number])[:3]
            ]
    gone = sorted(set(range(FILTERS[twin])) - nodes.keys())
    wrong += [f"a removed filter matched: {n}" for n in gone if found[n].any()]
    for _ in range(SAMPLED):
        number, at = rolled.choice(list(nodes)), rolled.randrange(len(events))
        if reference.matches(nodes[number], plain[at]) != found[number, at]:
            wrong.append(f"core says {found[number, at]}: {nodes[number]} for {events[at]!r}")
    return Round(pairs, true, wrong)


# ---- a round: one matcher and its changes --------------------------------------------------------


def kernels() -> list[str]:
    return [name for name in ("portable", "avx2", "avx512", "neon") if _core.force_simd(name)]


def counted_leaf(source: Rolled) -> str:
    while True:
        text = leaf_text(source)
        if reference._is_indexable(reference.parse(text)):
            return text


def countable_text(source: Rolled) -> str:
    """Nearly always a conjunction that the counting matcher counts as a whole.

    Some have a part that it evaluates once the rest holds, and a few it evaluates for every event.
    """
    kind = source.choose(["counted"] * 187 + ["partly"] * 12 + ["any"])
    if kind == "any":
        return any_filter_text(source)
    leaves = [counted_leaf(source) for _ in range(source.choose([1, 1, 1, 2, 2, 3]))]
    return " AND ".join([*leaves, *([conjunction_text(source)] if kind == "partly" else [])])


def run_round(twin: str, seed: int) -> Round:
    source, rolled = Rolled(seed), random.Random(seed)
    matcher: Matcher[int] = Matcher()
    make_text = countable_text if twin == "counting" else any_filter_text
    texts = {number: make_text(source) for number in range(FILTERS[twin])}
    nodes = {number: reference.parse(text) for number, text in texts.items()}
    matcher.add_many(texts)
    total = Round(0, 0, [])
    for phase in range(4):
        if phase > 0:
            change(matcher, nodes, FILTERS[twin], lambda: make_text(source), rolled)
            matcher.validate()
        _core.force_simd(rolled.choice(kernels()))
        make: Any = event_of if phase % 2 == 0 else json_line
        events = [make(source) for _ in range(EVENTS[twin])]
        one = run_phase(twin, matcher, nodes, events, rolled)
        total = Round(*(a + b for a, b in zip(total, one, strict=True)))
    return total


def change(
    matcher: Matcher[int],
    nodes: dict[int, Node],
    filters: int,
    make_text: Callable[[], str],
    rolled: random.Random,
) -> None:
    """Replace a tenth, remove a tenth, put back half of what is missing."""
    gone = set(range(filters)) - nodes.keys()
    for number in rolled.sample(sorted(nodes), len(nodes) // 5):
        if rolled.random() < 0.5:
            matcher.remove(number)
            del nodes[number]
            gone.add(number)
        else:
            text = make_text()
            matcher.replace(number, text)
            nodes[number] = reference.parse(text)
    missing = sorted(gone)
    for number in rolled.sample(missing, len(missing) // 2):
        text = make_text()
        matcher.add(text, id=number)
        nodes[number] = reference.parse(text)


# ---- the command ---------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=float, default=1e8, help="how many to compare at least")
    parser.add_argument("--twin", choices=sorted(EVENTS), default="leaves")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    pairs = true = wrong = 0
    started = time.monotonic()
    print(f"against {options.twin}, seed {options.seed}, {options.jobs} processes", flush=True)
    seeds = (options.seed * 1_000_003 + number for number in range(10**9))
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        waiting = [
            pool.apply_async(run_round, [options.twin, next(seeds)])
            for _ in range(options.jobs + 1)
        ]
        while pairs < options.pairs and wrong == 0:
            one = waiting.pop(0).get()
            waiting.append(pool.apply_async(run_round, [options.twin, next(seeds)]))
            pairs, true, wrong = pairs + one.pairs, true + one.true, wrong + len(one.disagreements)
            seconds = time.monotonic() - started
            print(
                f"{pairs:>14,} pairs, {true / pairs:.1%} true, {wrong} disagreements, "
                f"{seconds:.0f} s, {pairs / seconds:,.0f} a second",
                flush=True,
            )
            for text in one.disagreements[:20]:
                print("   ", text)
        pool.terminate()
    low, high = SHARE
    if not low <= true / pairs <= high:
        print(f"{true / pairs:.1%} of the filters were true: expected {low:.0%} to {high:.0%}")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
