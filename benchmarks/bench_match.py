"""Matching: mappings and JSON, one by one and in batches, for each workload and size.

The unit of a round is `CHUNK` events, each of which is used once.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from baselines import expected
from matchengine import Matcher
from workloads import Workload

CHUNK = 500
ROUNDS = 30
HandOut = Callable[[list[Any], int], Callable[[], Any]]


@pytest.fixture(autouse=True, scope="module")
def checked(matcher: Matcher[int], workload: Workload) -> None:
    """Nothing is timed that answers wrongly."""
    for event in workload.warmup[:2]:
        assert sorted(matcher.match(event)) == expected(workload, event)


def describe(benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload) -> None:
    benchmark.group = f"{workload.name}, {len(matcher):,} subscriptions"
    benchmark.extra_info.update(events=CHUNK, story=workload.story)


def test_match(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)

    def match(events: list[dict[str, Any]]) -> None:
        for event in events:
            matcher.match(event)

    benchmark.pedantic(match, setup=chunks(workload.events, CHUNK), rounds=ROUNDS)


def test_match_batch(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    benchmark.pedantic(matcher.match_batch, setup=chunks(workload.events, CHUNK), rounds=ROUNDS)


def test_match_json(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)

    def match_json(lines: list[bytes]) -> None:
        for line in lines:
            matcher.match_json(line)

    benchmark.pedantic(match_json, setup=chunks(workload.lines, CHUNK), rounds=ROUNDS)


def test_match_batch_json_lines(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    lines = workload.lines
    joined = [b"\n".join(lines[start : start + CHUNK]) for start in range(0, len(lines), CHUNK)]
    one = chunks(joined, 1)

    def setup() -> tuple[tuple[bytes], dict[str, Any]]:
        (batch,), nothing = one()
        return (batch[0],), nothing

    benchmark.pedantic(matcher.match_batch, setup=setup, rounds=ROUNDS)
