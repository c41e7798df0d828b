"""The command line: ``matchengine match | check | explain | bench``.

Data goes to stdout, one line at a time; everything else to stderr. Exit codes: 0 all went well,
1 bad input (also when --skip-bad has skipped some), 2 wrong usage.
"""

from matchengine.cli.app import main

__all__ = ["main"]
