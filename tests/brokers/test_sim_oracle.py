"""The oracle notices every lie, and believes an honest node whatever the network does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from brokers.sim import FAULTS, Options, run
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


@pytest.mark.parametrize("fault", FAULTS)
def test_an_honest_node_is_believed_whatever_goes_wrong(fault: str) -> None:
    for seed in range(3):
        result = run(options(seed, fault), TinyNode)
        assert result.failure is None
        assert result.counters[f"fault {fault}"]


def test_an_honest_node_is_believed_when_everything_goes_wrong() -> None:
    for seed in range(6):
        assert run(options(seed, ",".join(FAULTS)), TinyNode).failure is None


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
