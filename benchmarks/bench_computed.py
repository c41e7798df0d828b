"""Computed predicates, which no index knows, beside the comprehension that anybody would write.

A few thousand filters such as ``price * volume > 250000 AND symbol = 'S7'``: with a condition that
can be indexed beside the computed one, and without.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from matchengine import Matcher
from matchengine.reference import evaluate, flatten, parse

FILTERS = 3_000
EVENTS = 200


def filters(indexed: bool) -> list[str]:
    draw = random.Random(1)
    made = []
    for _ in range(FILTERS):
        computed = draw.choice(
            [
                f"price * volume > {draw.randrange(10_000, 1_000_000)}",
                f"(high - low) / low > 0.{draw.randrange(10, 99)}",
                f"price > open + {draw.randrange(1, 50)}",
                f"price BETWEEN low + {draw.randrange(5)} AND high - {draw.randrange(5)}",
            ]
        )
        made.append(f"symbol = 'S{draw.randrange(500)}' AND {computed}" if indexed else computed)
    return made


def events() -> list[dict[str, Any]]:
    draw = random.Random(2)
    made = []
    for _ in range(EVENTS):
        low = draw.randrange(50, 100)
        price = low + draw.randrange(40)
        made.append(
            {
                "symbol": f"S{draw.randrange(500)}",
                "price": price + 0.5,
                "open": low + draw.randrange(40),
                "low": low,
                "high": low + 40,
                "volume": draw.randrange(100, 10_000),
            }
        )
    return made


@pytest.mark.parametrize("indexed", [True, False], ids=["beside a symbol", "alone"])
def test_matchengine(benchmark: Callable[..., Any], indexed: bool) -> None:
    matcher: Matcher[int] = Matcher()
    matcher.add_many(enumerate(filters(indexed)))
    made = events()
    found = benchmark(lambda: [matcher.count(event) for event in made])
    assert sum(found) > 0


@pytest.mark.parametrize("indexed", [True, False], ids=["beside a symbol", "alone"])
def test_twin(benchmark: Any, indexed: bool) -> None:
    nodes = [parse(text) for text in filters(indexed)]
    made = events()[:5]

    def match() -> list[int]:
        flat = map(flatten, made)
        return [sum(evaluate(node, values) is True for node in nodes) for values in flat]

    found = benchmark.pedantic(match, rounds=1)
    matcher: Matcher[int] = Matcher()
    matcher.add_many(enumerate(filters(indexed)))
    assert found == [matcher.count(event) for event in made]
