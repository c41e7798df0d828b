"""Fixtures of the benchmarks: the cases, and events that are used once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import calibrate
from loaded import CASES, matcher_of, workload_of
from matchengine import Matcher
from workloads import Workload


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[str, int]:
    name, size = request.param
    return name, size


@pytest.fixture(scope="module")
def workload(case: tuple[str, int]) -> Workload:
    return workload_of(*case)


@pytest.fixture(scope="module")
def matcher(case: tuple[str, int]) -> Matcher[int]:
    return matcher_of(*case)


@pytest.fixture
def chunks(workload: Workload) -> Callable[[list[Any], int], Callable[[], Any]]:
    """A set-up for pytest-benchmark that hands out events, so that no round sees one again."""

    def hand_out(events: list[Any], size: int) -> Callable[[], Any]:
        parts: Iterator[list[Any]] = (
            events[start : start + size] for start in range(0, len(events), size)
        )
        return lambda: ((next(parts),), {})

    return hand_out


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: Any) -> None:
    machine_info["matchengine"] = {**calibrate.machine(), "load": calibrate.load()}
