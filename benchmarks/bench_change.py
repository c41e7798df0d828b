"""Adding from text, and adding and removing one subscription while many are there."""

from collections.abc import Iterator
from itertools import cycle

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loaded import matcher_of, workload_of
from matchengine import Matcher
from workloads import SIZES

W1 = ("w1_dense", "w1_sparse")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_add_many(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """From text to searchable: the first match is part of it."""
    benchmark.group = f"{name}: {size:,} filters from text to searchable"
    workload = workload_of(name, size)
    pairs = list(enumerate(workload.filters))

    def load() -> None:
        matcher: Matcher[int] = Matcher()
        matcher.add_many(pairs)
        matcher.match(workload.warmup[0])

    benchmark.pedantic(load, rounds=2 if size == max(SIZES) else 5)


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

    benchmark.pedantic(matcher.add, setup=setup, rounds=2_000)
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
    filters = workload_of(name, size).filters
    matcher.add_many((number, filters[number]) for number in gone)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_replace(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    """Another filter for a subscription that stays."""
    benchmark.group = f"{name}: one change at {size:,}"
    matcher = matcher_of(name, size)
    original = matcher[0].filter
    texts: Iterator[str] = cycle(workload_of(name, min(SIZES)).filters)
    benchmark.pedantic(matcher.replace, setup=lambda: ((0, next(texts)), {}), rounds=2_000)
    matcher.replace(0, original)
