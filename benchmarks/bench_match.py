"""Matching: mappings and JSON, one by one and in batches, for each workload and size.

The unit of a round is `CHUNK` events, each of which is used once.
"""

from collections.abc import Callable
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from baselines import expected
from matchengine import Matcher
from workloads import Workload

CHUNK = 500
ROUNDS = 30
HandOut = Callable[[list[Any], int], Callable[[], Any]]


def is_right(workload: Workload, answer: list[int]) -> bool:
    """Is it that for the last event, which no round has? Nothing is timed that answers wrongly."""
    return sorted(answer) == expected(workload, workload.events[-1])


def describe(benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload) -> None:
    benchmark.group = f"{workload.name}, {len(matcher):,} subscriptions"
    benchmark.extra_info.update(events=CHUNK, story=workload.story)


def test_match(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    assert is_right(workload, matcher.match(workload.events[-1]))

    def match(events: list[dict[str, Any]]) -> None:
        for event in events:
            matcher.match(event)

    benchmark.pedantic(match, setup=chunks(workload.events, CHUNK), rounds=ROUNDS)


def test_match_batch(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    assert is_right(workload, matcher.match_batch(workload.events[-2:])[1])
    benchmark.pedantic(matcher.match_batch, setup=chunks(workload.events, CHUNK), rounds=ROUNDS)


def test_match_json(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    assert is_right(workload, matcher.match_json(workload.lines[-1]))

    def match_json(lines: list[bytes]) -> None:
        for line in lines:
            matcher.match_json(line)

    benchmark.pedantic(match_json, setup=chunks(workload.lines, CHUNK), rounds=ROUNDS)


def test_match_batch_json_lines(
    benchmark: BenchmarkFixture, matcher: Matcher[int], workload: Workload, chunks: HandOut
) -> None:
    describe(benchmark, matcher, workload)
    lines = workload.lines
    assert is_right(workload, matcher.match_batch(b"\n".join(lines[-2:]))[1])
    joined = [b"\n".join(lines[start : start + CHUNK]) for start in range(0, len(lines), CHUNK)]
    one = chunks(joined, 1)

    def setup() -> tuple[tuple[bytes], dict[str, Any]]:
        (batch,), nothing = one()
        return (batch[0],), nothing

    benchmark.pedantic(matcher.match_batch, setup=setup, rounds=ROUNDS)
