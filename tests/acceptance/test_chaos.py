"""The acceptance script on a smaller scale: three brokers, gentle faults."""

from __future__ import annotations

import sys

import pytest

from acceptance.chaos import main


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_promises_are_kept_through_faults(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--minutes", "0.02", "--brokers", "3", "--rate", "30"], gentle=True)
    out = capsys.readouterr().out
    assert code == 0, out
    assert "every table is empty" in out
    assert "faults: 1" in out
