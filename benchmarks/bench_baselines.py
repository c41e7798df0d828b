"""What ours is to be compared with: parsing alone, comprehensions, counting, scans."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from baselines import SCANS, Counting, Lambdas, Plain, Scan, expected, has_scan
from loaded import workload_of
from workloads import JSON_BYTES, Conjunctions

SUBSCRIPTIONS = 100_000
#: Python baselines are slow: so few events a round.
FEW = 5
CHUNK = 500


@pytest.mark.parametrize("size", JSON_BYTES)
def test_orjson_loads(benchmark: BenchmarkFixture, size: int) -> None:
    workload = workload_of("json_small", size)
    benchmark.group = f"{workload.name}, {len(workload.filters):,} subscriptions"
    lines = workload.lines
    starts = iter(range(0, len(lines), CHUNK))

    def setup() -> tuple[tuple[list[bytes]], dict[str, Any]]:
        start = next(starts)
        return (lines[start : start + CHUNK],), {}

    def loads(lines: list[bytes]) -> None:
        for line in lines:
            orjson.loads(line)

    benchmark.pedantic(loads, setup=setup, rounds=30)
    assert orjson.loads(lines[-1]) == workload.events[-1]


@pytest.mark.parametrize("baseline", [Plain, Lambdas, Counting])
@pytest.mark.parametrize("name", ["w1_dense", "w1_sparse"])
def test_python_baseline(
    benchmark: BenchmarkFixture, name: str, baseline: Callable[[Conjunctions], Any]
) -> None:
    workload = workload_of(name, SUBSCRIPTIONS)
    assert isinstance(workload, Conjunctions)
    benchmark.group = f"{name}, {SUBSCRIPTIONS:,} subscriptions, {FEW} events"
    match = baseline(workload).match
    starts = iter(range(0, len(workload.events), FEW))

    def setup() -> tuple[tuple[list[dict[str, Any]]], dict[str, Any]]:
        start = next(starts)
        return (workload.events[start : start + FEW],), {}

    def run(events: list[dict[str, Any]]) -> None:
        for event in events:
            match(event)

    benchmark.pedantic(run, setup=setup, rounds=5)
    assert sorted(match(workload.events[-1])) == expected(workload, workload.events[-1])


@pytest.mark.parametrize("kernel", SCANS)
@pytest.mark.parametrize("name", ["w1_dense", "w1_sparse"])
def test_scan(benchmark: BenchmarkFixture, name: str, kernel: str) -> None:
    workload = workload_of(name, SUBSCRIPTIONS)
    assert isinstance(workload, Conjunctions)
    if not has_scan(kernel, workload.attributes):
        pytest.skip(f"no {kernel} scan for {workload.attributes:,} attributes on this machine")
    benchmark.group = f"{name}, {SUBSCRIPTIONS:,} subscriptions, {CHUNK} events"
    scan = Scan(workload, kernel)
    starts = iter(range(0, len(workload.events), CHUNK))

    def setup() -> tuple[tuple[int, int], dict[str, Any]]:
        start = next(starts)
        return (start, start + CHUNK), {}

    benchmark.pedantic(scan.run, setup=setup, rounds=20)
    last = len(workload.events) - 1
    assert sorted(scan.match(last)) == expected(workload, workload.events[last])
