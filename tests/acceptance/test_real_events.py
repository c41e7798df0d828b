"""A small part of real_events.py, which says what is compared with what."""

import pytest

from acceptance.real_events import FILES, compare, read_lines
from shared_data import SHARED, needs_shared

EVENTS = 300
RULES = 400


@needs_shared("data")
@pytest.mark.parametrize("file", FILES)
def test_the_command_answers_as_the_twin(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acceptance.real_events.WHOLE_PAIRS", 20_000)
    monkeypatch.setattr("acceptance.real_events.SAMPLED_PAIRS", 2_000)
    row = compare(file, read_lines(file, SHARED / "data")[:EVENTS], RULES)
    assert row.pairs >= 10_000
    assert 0.05 <= row.true / row.pairs <= 0.6
