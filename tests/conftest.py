"""What every test shares: the Hypothesis profiles, and the check that we test the right package.

HYPOTHESIS_PROFILE chooses a profile ("dev", or "ci" where CI is set); a failure prints the blob
that repeats it.
"""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

COMMON = settings(
    deadline=None,  # a busy machine is not a failure
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("dev", COMMON, max_examples=100)
settings.register_profile("ci", COMMON, max_examples=150)
settings.register_profile("sanitize", COMMON, max_examples=30, stateful_step_count=30)
settings.register_profile("soak", COMMON, max_examples=20_000, stateful_step_count=100)
DEFAULT = "ci" if os.environ.get("CI") else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or DEFAULT)


def pytest_sessionstart() -> None:
    """Refuse to test anything but the installed package: the source tree lacks the C core."""
    spec = importlib.util.find_spec("matchengine")
    if spec is None or spec.origin is None:
        pytest.exit("matchengine is not installed in this environment: run `make test`", 3)
    if Path(spec.origin).is_relative_to(ROOT / "matchengine"):
        pytest.exit(f"{spec.origin} is the source tree: run the `pytest` script, not a module", 3)


def pytest_report_header() -> str:
    spec = importlib.util.find_spec("matchengine")
    return f"matchengine: {spec.origin if spec else None}"
