"""The oracle notices every lie, and believes an honest node whatever the network does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from brokers.sim import FAULTS, Options, run
from brokers.simulation.subject import Subject, check_tables
from lying_nodes import LIARS
from tiny_node import TinyNode

#: Every lie must be found within so many seeds.
SEEDS = 12
MESSAGES = 4_000


def options(seed: int, faults: str, messages: int = MESSAGES) -> Options:
    names = () if faults == "none" else tuple(faults.split(","))
    return Options(preset="flooding", seed=seed, brokers=6, messages=messages, faults=names)


@pytest.mark.parametrize("seed", range(6))
def test_an_honest_node_is_believed(seed: int) -> None:
    result = run(options(seed, "none"), TinyNode)
    assert result.failure is None
    assert result.deliveries > 500
    assert set(result.excused) <= {"changed or left"}


#: Who joins without asking what is wanted may miss something, and a node that floods never asks.
FAULTS_OF_ALL = [fault for fault in FAULTS if fault != "join"]


@pytest.mark.parametrize("fault", FAULTS_OF_ALL)
def test_an_honest_node_is_believed_whatever_goes_wrong(fault: str) -> None:
    for seed in range(3):
        result = run(options(seed, fault), TinyNode)
        assert result.failure is None
        assert result.counters[f"fault {fault}"]


def test_an_honest_node_is_believed_when_everything_goes_wrong() -> None:
    for seed in range(6):
        assert run(options(seed, ",".join(FAULTS_OF_ALL)), TinyNode).failure is None


@pytest.mark.parametrize(
    ("liar", "faults", "promises"), LIARS, ids=[liar.__name__ for liar, _, _ in LIARS]
)
def test_lies_are_found(liar: Callable[..., TinyNode], faults: str, promises: set[str]) -> None:
    for seed in range(SEEDS):
        result = run(options(seed, faults), liar)
        if result.failure is not None:
            assert result.promise in promises, result.failure
            return
    pytest.fail(f"{liar.__name__} was believed")


def test_tables_are_asked_whether_they_lead_to_all_that_is_settled() -> None:
    """Copies agree and interest is promised as it should; what finds it is missing."""
    asked: list[Any] = []

    def forget(nodes: dict[str, Subject], settled: Any, pairs: Any, questions: Any) -> None:
        check_tables(nodes, settled, pairs, questions)
        asked.extend(questions)
        for node in nodes.values():
            for id in [id for id in node._matcher if isinstance(id, tuple)]:
                node._matcher.remove(id)
        check_tables(nodes, settled, pairs, questions)

    for seed in range(SEEDS):
        result = run(Options(preset="default", seed=seed, messages=3_000), Subject, None, forget)
        if result.promise == "tables":
            assert "no table leads {" in str(result.failure)
            return
    pytest.fail(f"found nothing by {len(asked)} questions")
