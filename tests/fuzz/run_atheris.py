"""libFuzzer over the Python of the package, by atheris: pip install atheris.

python tests/fuzz/run_atheris.py fuzz_load -max_total_time=60 CORPUS_DIRECTORY
"""

from __future__ import annotations

import importlib
import sys

import atheris  # type: ignore[import-not-found]  # installed by hand: not for every Python

if __name__ == "__main__":
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["matchengine", "brokers"]):
        one_input = importlib.import_module(name).one_input
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
