"""Constants that come between others: labels run out and are made anew, and no interval is lost.

Every shape in which an interval of labels is kept is there before the labels move: as an anchor in
the wide cluster and in cells, among the residual tests, in a program, under NOT, for strings, and
in subscriptions with several rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from matchengine import Matcher
from matchengine.reference import evaluate, flatten, parse

SHAPES = [
    "{p} BETWEEN {low} AND {high}",
    "tag = 't' AND {p} > {low} AND {p} <= {high}",
    "tag = 't' AND EXISTS({p}) AND {p} >= {low}",
    "tag = 't' AND NOT {p} < {low}",
    "tag = 't' AND NOT {p} BETWEEN {low} AND {high} AND {p} < {high}",
    "tag = 't' AND (other = 1 OR {p} > {low} AND {p} < {high})",
    "(tag = 't' OR {p} = {low}) AND (other = 1 OR NOT ({p} > {high} OR {p} < {low}))",
    "{p} BETWEEN {low} AND {high} OR other BETWEEN 3 AND 5",
    "{p} < {low} OR {p} > {high}",
]


def number(position: float) -> float:
    return position


def text(position: float) -> str:
    """A string whose order is that of the position, 0 to 200."""
    return f"{position:024.18f}"


def literal(value: Any) -> str:
    return repr(value)


@pytest.mark.parametrize("make", [number, text])
@pytest.mark.parametrize("base", [50.0, 0.0, 100.0])
def test_intervals_survive_new_labels(make: Callable[[float], Any], base: float) -> None:
    """Constants that halve the distance to `base`, from both sides in turn."""
    matcher: Matcher[int] = Matcher()
    nodes = []

    def add(filter: str) -> None:
        matcher.add(filter, id=len(nodes))
        nodes.append(parse(filter))

    for i in range(90):
        low, high = literal(make(float(i))), literal(make(i + 1.5))
        for shape in SHAPES if i % 9 == 0 else SHAPES[i % 3 : i % 3 + 1]:
            add(shape.format(p="p", low=low, high=high))
    positions = [n + 0.25 for n in range(-1, 102, 2)] + [base]
    distance = 1.0
    for turn in range(80):
        distance /= 2
        position = max(base - distance if turn % 2 else base + distance, 0.0)
        near = literal(make(position))
        shape = SHAPES[turn % len(SHAPES)]
        add(shape.format(p="p", low=near, high=literal(make(base + 1))))
        positions.append(position)
        if turn % 20 == 19:
            matcher.validate()
            check(matcher, nodes, [make(abs(position)) for position in positions])


def check(matcher: Matcher[int], nodes: list[Any], values: list[Any]) -> None:
    events: list[dict[str, Any]] = []
    for at, value in enumerate(values):
        events.append({"p": value, "tag": "t"})
        events.append({"p": [value, values[at // 2]], "other": at % 7, "tag": "tu"[at % 2]})
    for event, found in zip(events, matcher.match_batch(events), strict=True):
        flat = flatten(event)
        wanted = {id for id, node in enumerate(nodes) if evaluate(node, flat) is True}
        assert set(found) == wanted, event


def test_rising_and_falling_constants() -> None:
    """What a clock or a price does: every new constant lies beyond all others."""
    matcher: Matcher[int] = Matcher()
    for i in range(3000):
        matcher.add(f"tag = 't' AND up > {i} AND down > {-i}", id=i)
        if i >= 500:
            matcher.remove(i - 500)
    matcher.validate()
    assert sorted(matcher.match({"tag": "t", "up": 2700, "down": 0})) == list(range(2500, 2700))
    assert sorted(matcher.match({"tag": "t", "up": 9e9, "down": -2600})) == list(range(2601, 3000))
