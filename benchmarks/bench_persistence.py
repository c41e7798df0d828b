"""Saving and loading: to the disk and back, and the same in memory as a pickle."""

import pickle
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loaded import matcher_of
from matchengine import Matcher
from workloads import SIZES

W1 = ("w1_dense", "w1_sparse")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_save(benchmark: BenchmarkFixture, name: str, size: int, tmp_path: Path) -> None:
    """Over a file that is there, with both fsyncs."""
    benchmark.group = f"{name}: {size:,} subscriptions as a file"
    benchmark.pedantic(matcher_of(name, size).save, args=(tmp_path / "rules.me",), rounds=5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_load(benchmark: BenchmarkFixture, name: str, size: int, tmp_path: Path) -> None:
    """From a file that the system has in memory to a matcher that is ready."""
    benchmark.group = f"{name}: {size:,} subscriptions as a file"
    path = tmp_path / "rules.me"
    matcher_of(name, size).save(path)
    benchmark.pedantic(Matcher.load, args=(path,), rounds=2 if size == max(SIZES) else 5)
    benchmark.extra_info["bytes"] = path.stat().st_size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_pickle(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    benchmark.group = f"{name}: {size:,} subscriptions as a pickle"
    benchmark.pedantic(pickle.dumps, args=(matcher_of(name, size),), rounds=5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", W1)
def test_unpickle(benchmark: BenchmarkFixture, name: str, size: int) -> None:
    benchmark.group = f"{name}: {size:,} subscriptions as a pickle"
    data = pickle.dumps(matcher_of(name, size))
    benchmark.pedantic(pickle.loads, args=(data,), rounds=2 if size == max(SIZES) else 5)
