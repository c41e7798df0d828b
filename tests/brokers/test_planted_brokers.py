"""`planted_brokers.py` is run by hand; here, whether its bugs can be planted, and a few of them."""

from __future__ import annotations

import pytest

from brokers.presets import PRESETS
from brokers.sim import FAULTS
from planted_brokers import BUGS, ROOT, Bug, simulate


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_has_one_place_to_be_planted(bug: Bug) -> None:
    assert (ROOT / "brokers" / bug.file).read_text(encoding="utf-8").count(bug.old) == 1
    assert bug.new != bug.old
    assert bug.preset in PRESETS
    assert not bug.faults or set(bug.faults.split(",")) <= set(FAULTS)


def test_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("word", ["acknowledged before others", "not stored"])
def test_a_planted_bug_is_found(word: str) -> None:
    (bug,) = [bug for bug in BUGS if word in bug.name]
    found = simulate(bug, bug.preset, bug.faults, 20)
    assert found is not None
    assert found["failure"].split(":")[0] in ("completeness", "store")


def test_without_a_bug_nothing_is_found() -> None:
    assert simulate(None, "default", "", 1) is None
