"""Thousands of rows under one anchor, which are sieved in several spans and rounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from matchengine import Matcher, _core

FILTERS = 5_000
PATHS = 40


@pytest.fixture(params=["avx512", "avx2", "neon", "portable"])
def kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    if not _core.force_simd(request.param):
        pytest.skip(f"this machine has no {request.param}")
    yield
    _core.force_simd("")


def event_of(rng: random.Random) -> dict[str, Any]:
    """Few or many of the paths that filters need, and one or two values of y."""
    values = [rng.randrange(3000) for _ in range(rng.choice([1, 2]))]
    event: dict[str, Any] = {"y": values}
    for path in rng.sample(range(PATHS), rng.choice([1, 4, 30, 40])):
        event[f"p{path}"] = 1
    return event


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_ranges(bounded: bool, seed: int) -> None:
    rng = random.Random(seed)
    matcher: Matcher[int] = Matcher()
    rules = {}
    for id in range(FILTERS):
        low, path = rng.randrange(2000), rng.randrange(PATHS) if id % 5 else None
        high = low + rng.choice([400, 900]) if bounded else 10_000
        text = f"y BETWEEN {low} AND {high}" if bounded else f"y >= {low}"
        matcher.add(text + (f" AND EXISTS(p{path})" if path is not None else ""), id=id, to=id % 97)
        rules[id] = low, high, path
    for _ in range(150):
        event = event_of(rng)
        wanted = sorted(
            id
            for id, (low, high, path) in rules.items()
            if (path is None or f"p{path}" in event) and any(low <= y <= high for y in event["y"])
        )
        assert sorted(matcher.match(event)) == wanted
        assert matcher.matches_any(event) == bool(wanted)
        assert sorted(matcher.destinations(event)) == sorted({id % 97 for id in wanted})
    matcher.validate()


@pytest.mark.usefixtures("kernels")
def test_one_value() -> None:
    matcher: Matcher[int] = Matcher()
    for id in range(FILTERS):
        matcher.add(f"a = 1 AND EXISTS(p{id % PATHS}) AND b > {id}", id=id, to=id % 97)
    event = {"a": 1, "p3": 1, "p8": 1, "b": 4_000}
    wanted = [id for id in range(4_000) if id % PATHS in (3, 8)]
    assert sorted(matcher.match(event)) == wanted
    assert sorted(matcher.destinations(event)) == sorted({id % 97 for id in wanted})
    assert matcher.matches_any({"a": 1, "p39": 1, "b": FILTERS})
    assert not matcher.matches_any({"a": 1, "b": FILTERS})
