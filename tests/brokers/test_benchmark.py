"""The benchmark of brokers still runs, and what it prints has every row. Nothing is timed here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "benchmarks" / "brokers" / "run.py"
SMALL = "--events 640 --rounds 1 --rate 400 --seconds 0.25 --subscriptions 1 50 --chain 20"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.skipif(shutil.which("cc") is None, reason="it compiles its load generator")
def test_the_benchmark_runs(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, "-W", "ignore", str(RUN), *SMALL.split(), "--json", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    systems = json.loads(results.read_text(encoding="utf-8"))["systems"]
    names = ["matchengine, 1", "matchengine, 50", "matchengine, 20, chain of three"]
    assert list(systems)[:3] == names
    for name, result in systems.items():
        assert f"| {name} | " in done.stdout
        (turn,), (latency,) = result["turns"], result["latencies"]
        assert len(turn["cpu"]) == (3 if "chain" in name else 1)
        assert turn["per_second"] > 0
        assert 0 < latency["p50"] <= latency["p99"]
