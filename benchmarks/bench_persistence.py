"""Saving and loading: to the disk and back, and the same in memory as a pickle."""

import pickle
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loaded import matcher_of, workload_of
from matchengine import Matcher
from workloads import SIZES

W1 = ("w1_dense", "w1_sparse")


def is_copy(copy: Matcher[int], name: str, size: int) -> bool:
    """Does it have as many subscriptions as the original, and the same answer to an event?"""
    original, event = matcher_of(name, size), workload_of(name, size).warmup[0]
    return len(copy) == size and sorted(copy.match(event)) == sorted(original.match(event))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_save(benchmark: BenchmarkFixture, name: str, size: int, tmp_path: Path) -> None:
    """Over a file that is there, with both fsyncs."""
    benchmark.group = f"{name}: {size:,} subscriptions as a file"
    path = tmp_path / "rules.me"
    benchmark.pedantic(matcher_of(name, size).save, args=(path,), rounds=5)
    assert is_copy(Matcher.load(path), name, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_load(benchmark: BenchmarkFixture, name: str, size: int, tmp_path: Path) -> None:
    """From a file that the system has in memory to a matcher that is ready."""
    benchmark.group = f"{name}: {size:,} subscriptions as a file"
    path = tmp_path / "rules.me"
    matcher_of(name, size).save(path)
    rounds = 2 if size == max(SIZES) else 5
    assert is_copy(benchmark.pedantic(Matcher.load, args=(path,), rounds=rounds), name, size)
    benchmark.extra_info["bytes"] = path.stat().st_size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_pickle(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    benchmark.group = f"{name}: {size:,} subscriptions as a pickle"
    data = benchmark.pedantic(pickle.dumps, args=(matcher_of(name, size),), rounds=5)
    assert is_copy(pickle.loads(data), name, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_unpickle(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    benchmark.group = f"{name}: {size:,} subscriptions as a pickle"
    data = pickle.dumps(matcher_of(name, size))
    rounds = 2 if size == max(SIZES) else 5
    assert is_copy(benchmark.pedantic(pickle.loads, args=(data,), rounds=rounds), name, size)
