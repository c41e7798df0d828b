"""Planting bugs takes long and is done by hand; here, whether they can be planted at all."""

import pytest

import planted_brokers_bugs as brokers
from brokers.presets import PRESETS
from brokers.simulation.faults import FAULTS
from planted import BUGS, ROOT, Bug
from planted_brokers import caught_by


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_has_one_place_to_be_planted(bug: Bug) -> None:
    times = (ROOT / bug.file).read_text(encoding="utf-8").count(bug.old)
    assert times == 1
    assert bug.new != bug.old
    assert bug.c or bug.python
    folders = [ROOT / "tests" / "c", ROOT / "tests" / "fuzz"]
    assert all(any((folder / f"{name}.c").exists() for folder in folders) for name in bug.c)
    assert all((ROOT / argument.split("::")[0]).exists() for argument in bug.python)


def test_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert len({bug.name for bug in brokers.BUGS}) == len(brokers.BUGS)


@pytest.mark.parametrize("bug", brokers.BUGS, ids=lambda bug: bug.name)
def test_a_bug_of_the_brokers_has_one_place_to_be_planted(bug: brokers.Bug) -> None:
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.old) == 1
    assert bug.new != bug.old
    for preset, faults in bug.settings:
        assert preset in PRESETS
        assert faults in ("all", "none") or set(faults.split(",")) <= set(FAULTS)


def test_a_bug_of_the_brokers_is_found_by_the_simulator() -> None:
    (bug,) = [bug for bug in brokers.BUGS if "acknowledged before it is in place" in bug.name]
    found = caught_by(bug, 10)
    assert found is not None
    assert found.promise == "completeness"
