"""Memory is given back: the acceptance script on a smaller scale."""

from __future__ import annotations

import sys

import pytest

from acceptance.churn import run


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_given_back() -> None:
    assert run(live=20_000, pairs=60_000)
