"""What this machine can do, before anything is measured on it. Run as a script, it prints it.

The processor, its caches, how fast one core reads arrays that fit each of them, how long a load
takes that the next one waits for, and how busy the machine is.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import native

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
WORD = 8
MIB = 1 << 20


def machine() -> dict[str, Any]:
    """Facts that a result depends on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "caches": caches(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def caches() -> dict[str, int]:
    """Bytes of the data caches of one core, by name; empty where the system does not tell."""
    sizes = {}
    for folder in sorted(CACHES.glob("index*")):
        if (folder / "type").read_text().strip() != "Instruction":
            level = (folder / "level").read_text().strip()
            size = (folder / "size").read_text().strip()
            sizes[f"L{level}"] = int(size.rstrip("K")) * 1024
    return sizes


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def bandwidth(size: int, *, seconds: float = 0.1) -> float:
    """GB/s at which one core reads an array of about `size` bytes again and again, best of 5."""
    read_words = native.library("calibrate.c").read_words
    read_words.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
    read_words.restype = ctypes.c_uint64
    words = np.ones(max(64, size // WORD // 64 * 64), dtype=np.uint64)
    times = max(1, int(seconds / 5 * 20e9 / words.nbytes))
    read_words(words.ctypes.data, len(words), 1)
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        read_words(words.ctypes.data, len(words), times)
        best = min(best, perf_counter() - start)
    return float(words.nbytes * times / best / 1e9)


def latency(size: int) -> float:
    """Nanoseconds of a load at a random place of `size` bytes that the next one waits for."""
    follow = native.library("calibrate.c").follow
    follow.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    follow.restype = ctypes.c_uint64
    line = 64 // WORD
    order = np.random.default_rng(1).permutation(size // 64)
    following = np.zeros(len(order) * line, dtype=np.uint64)
    following[order * line] = np.roll(order, -1) * line  # one cycle through every line
    steps, best = 200_000, float("inf")
    follow(following.ctypes.data, len(order))
    for _ in range(5):
        start = perf_counter()
        follow(following.ctypes.data, steps)
        best = min(best, perf_counter() - start)
    return best / steps * 1e9


def calibration() -> dict[str, Any]:
    """The facts and the measurements."""
    sizes = caches()
    levels = {"L1": sizes.get("L1", 32 << 10) // 2, "L2": sizes.get("L2", MIB) // 2}
    levels["L3"] = max(sizes.get("L3", 8 * MIB) // 4, 2 * levels["L2"])
    levels["memory"] = max(256 * MIB, 8 * sizes.get("L3", 0))
    return {
        **machine(),
        "load": load(),
        "bandwidth_gb_s": {name: round(bandwidth(size), 1) for name, size in levels.items()},
        "latency_ns": {name: round(latency(size), 1) for name, size in levels.items()},
        "measured_at_bytes": levels,
    }


def main() -> None:
    found = calibration()
    if "--json" in sys.argv[1:]:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['processor']}, {found['cores']} cores, load {found['load']}")
    print(f"{found['system']}, Python {found['python']}, NumPy {found['numpy']}")
    for name, size in found["measured_at_bytes"].items():
        cache = found["caches"].get(name)
        print(
            f"{name:7}{f'{cache / 1024:,.0f} KiB' if cache else '':>12}"
            f"{found['bandwidth_gb_s'][name]:8.1f} GB/s {found['latency_ns'][name]:7.1f} ns"
            f"   (at {size / 1024:,.0f} KiB)"
        )


if __name__ == "__main__":
    main()
