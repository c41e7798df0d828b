"""The soak runs for minutes by hand; here a small round of each twin shows that it still can."""

from typing import Any

import pytest

import soak

TWINS = sorted(soak.EVENTS)
pytestmark = pytest.mark.filterwarnings("ignore::matchengine.ExpensiveFilterWarning")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "FILTERS", dict.fromkeys(TWINS, 300))
    monkeypatch.setattr(soak, "EVENTS", dict.fromkeys(TWINS, 40))


@pytest.mark.parametrize("twin", TWINS)
def test_a_round_finds_no_disagreement(twin: str) -> None:
    found = soak.run_round(twin, 5)
    assert found.disagreements == []
    assert 0 < found.true < found.pairs


@pytest.mark.parametrize("twin", TWINS)
def test_a_round_notices_one_wrong_pair(twin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = soak.found_by

    def wrong(*arguments: Any) -> soak.Flags:
        found = right(*arguments)
        found[7, 11] ^= True
        return found

    monkeypatch.setattr(soak, "found_by", wrong)
    monkeypatch.setattr(soak, "SAMPLED", 0)
    monkeypatch.setattr(soak, "check_other_ways", lambda *_: [])
    assert soak.run_round(twin, 5).disagreements
