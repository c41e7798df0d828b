"""Real events and conformance suites that live beside the repository, not in it.

MATCHENGINE_SHARED says where; the default is a folder `shared` next to the repository. A test
that needs them is skipped, with the reason, where they are absent:

    @needs_shared("suites/json_test_suite")
    def test_every_text_is_decided(): ...
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MATCHENGINE_SHARED") or ROOT.parent / "shared")


def needs_shared(*names: str) -> pytest.MarkDecorator:
    """Mark a test that reads `SHARED / name` for each of the names."""
    missing = [name for name in names if not (SHARED / name).exists()]
    reason = f"no {', '.join(missing)} in MATCHENGINE_SHARED"
    return pytest.mark.skipif(bool(missing), reason=reason)
