"""Other engines, as the benchmarks build them, give the answers that the definition gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from baselines import expected
from workloads import Workload, json_small, keys, w1_dense, w1_sparse

PEERS = Path(__file__).resolve().parent.parent / "benchmarks" / "peers"
MAKE = {
    "w1_dense": lambda: w1_dense(10_000, events=5),
    "w1_sparse": lambda: w1_sparse(10_000, events=5),
    "keys": lambda: keys(events=5),
    "json_small": lambda: json_small(300, events=5),
}
CASES = [
    ("matchengine", "w1_sparse"),
    ("matchengine", "json_small"),
    ("lambdas", "json_small"),
    ("CEL", "json_small"),
    ("rule-engine", "json_small"),
    ("mokaccino", "keys"),
    ("mokaccino", "w1_dense"),
    ("mokaccino (ranges)", "w1_sparse"),
]


@pytest.fixture(scope="module")
def engines() -> Any:
    spec = importlib.util.spec_from_file_location("engines", PEERS / "engines.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "workload"), CASES)
def test_it_answers_right(engines: Any, name: str, workload: str) -> None:
    package, module = engines.PACKAGES.get(name, ("", "json"))
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{package} is not installed: dependency group peers")
    work: Workload = MAKE[workload]()
    engine = engines.ENGINES[name](work)
    for event in work.events:
        assert sorted(engine.match(engine.prepare(event))) == expected(work, event)
