"""The SIMD kernels are chosen at run time, and MATCHENGINE_SIMD forces one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matchengine import Matcher, _core

KERNELS = ["portable", "avx2", "avx512", "neon"]

CHILD = """
from matchengine import Matcher, _core
m = Matcher()
m.add_many((n, f"a = {n % 3} AND b > {n}") for n in range(100))
print(_core.simd(), sorted(m.match({"a": 1, "b": 10})))
"""


@pytest.fixture(autouse=True)
def best_kernels() -> Iterator[None]:
    yield
    assert _core.force_simd("")


def test_portable_is_always_there() -> None:
    assert _core.force_simd("portable")
    assert _core.simd() == "portable"


def test_an_unknown_name_changes_nothing() -> None:
    before = _core.simd()
    assert not _core.force_simd("mmx")
    assert _core.simd() == before


@pytest.mark.parametrize("name", KERNELS)
def test_the_environment_forces_kernels(name: str, tmp_path: Path) -> None:
    """One that this machine lacks is warned of and ignored. The answers are the same with any."""
    _core.force_simd("")
    expected = name if _core.force_simd(name) else _core.simd()
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=tmp_path,  # not the source tree
        env={**os.environ, "MATCHENGINE_SIMD": name},
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.split(maxsplit=1) == [expected, "[1, 4, 7]\n"]
    warning = f"RuntimeWarning: MATCHENGINE_SIMD={name} is not available here: {expected} is used"
    assert (warning in child.stderr) == (name != expected)


@pytest.mark.parametrize("name", KERNELS)
def test_clusters_of_every_length(name: str) -> None:
    """Tails of columns: every number of rows up to a few vectors, ranges and needs."""
    if not _core.force_simd(name):
        pytest.skip(f"this machine has no {name}")
    m = Matcher()
    for n in range(70):
        m.add(f"a = 1 AND p{n % 5} = 1", id=("equal", n))
        m.add(f"r BETWEEN {n} AND {n + 10} AND p{n % 7} = 1", id=("range", n))
        found = set(m.match({"a": 1, "r": 30, "p1": 1, "p3": 1}))
        assert found == {("equal", k) for k in range(n + 1) if k % 5 in (1, 3)} | {
            ("range", k) for k in range(n + 1) if k % 7 in (1, 3) and k <= 30 <= k + 10
        }
