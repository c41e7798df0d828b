"""Seeds that have shown a mistake of ours, and would show it again.

What a seed draws changes with the simulator; these do so as of the simulator that found them.
"""

import pytest

from brokers.sim import FAULTS, Options, run
from brokers.simulation.subject import Subject, check_tables


@pytest.mark.parametrize(
    ("preset", "seed", "messages"),
    [
        # A filter that waited to be settled went under an output that had settled long before.
        ("default", 313, 8_000),
        # A broker that had stood still, and read its backlog before its clock, took the dead for
        # living too long.
        ("default", 209, 20_000),
    ],
)
def test_a_seed_that_failed_once(preset: str, seed: int, messages: int) -> None:
    options = Options(preset=preset, seed=seed, messages=messages, faults=tuple(FAULTS), swarm=True)
    assert run(options, Subject, check_tables=check_tables).failure is None
