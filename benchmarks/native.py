"""C files of the benchmarks, compiled with the system's compiler when they are first wanted."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import tempfile
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@cache
def library(source: str) -> ctypes.CDLL:
    """The shared library made of a C file of this folder, in a folder that is gone afterwards.

    Nothing is tuned to this machine: kernels for its instructions are chosen at run time.
    """
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder, "library.so"))
        options = ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([*compiler, *options, "-o", made, str(FOLDER / source)], check=True)
        return ctypes.CDLL(made)
