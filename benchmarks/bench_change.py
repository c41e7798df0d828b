"""Adding from text, and adding and removing one subscription while many are there."""

from itertools import cycle
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loaded import matcher_of, workload_of
from matchengine import Matcher, parse
from workloads import SIZES

W1 = ("w1_dense", "w1_sparse")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_add_many(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """From text to searchable: the first match is part of it."""
    benchmark.group = f"{name}: {size:,} filters from text to searchable"
    workload = workload_of(name, size)
    pairs = list(enumerate(workload.filters))
    event = workload.warmup[0]

    def load() -> list[int]:
        matcher: Matcher[int] = Matcher()
        matcher.add_many(pairs)
        return matcher.match(event)

    found = benchmark.pedantic(load, rounds=2 if size == max(SIZES) else 5)
    assert sorted(found) == sorted(matcher_of(name, size).match(event))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_add(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """One more subscription, and away with it between the rounds."""
    benchmark.group = f"{name}: one change at {size:,}"
    matcher = matcher_of(name, size)
    texts = cycle(workload_of(name, min(SIZES)).filters)
    number = size

    def setup() -> tuple[tuple[str], dict[str, int]]:
        nonlocal number
        matcher.discard(number)
        number += 1
        return (next(texts),), {"id": number}

    assert benchmark.pedantic(matcher.add, setup=setup, rounds=2_000) == number
    assert len(matcher) == size + 1
    matcher.discard(number)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_remove(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """Subscriptions that have been there from the start; they come back afterwards."""
    benchmark.group = f"{name}: one change at {size:,}"
    matcher = matcher_of(name, size)
    numbers = iter(range(0, size, size // 2_000))
    gone = []

    def setup() -> tuple[tuple[int], dict[str, int]]:
        gone.append(next(numbers))
        return (gone[-1],), {}

    benchmark.pedantic(matcher.remove, setup=setup, rounds=2_000)
    assert len(matcher) == size - len(gone)
    assert not any(number in matcher for number in gone)
    filters = workload_of(name, size).filters
    matcher.add_many((number, filters[number]) for number in gone)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_replace(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """Another filter for a subscription that stays."""
    benchmark.group = f"{name}: one change at {size:,}"
    matcher = matcher_of(name, size)
    original = matcher[0].filter
    texts = cycle(workload_of(name, min(SIZES)).filters[1:])
    text = ""

    def setup() -> tuple[tuple[int, str], dict[str, Any]]:
        nonlocal text
        text = next(texts)
        return (0, text), {}

    benchmark.pedantic(matcher.replace, setup=setup, rounds=2_000)
    assert matcher[0].filter == parse(text) != original
    assert len(matcher) == size
    matcher.replace(0, original)
