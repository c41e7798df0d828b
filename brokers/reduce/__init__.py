"""Reducers: many filters in, few filters out that say the same.

A broker tells its neighbours what its clients want. What it tells is kept small by a reducer:

    none       every member is an output            none.py
    identity   equal members share an output        identity.py

All of them keep to `Reducer` (reducer.py). They are lossless, and make before they break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brokers.reduce.identity import Identity
from brokers.reduce.none import Unreduced
from brokers.reduce.reducer import Change, Counters, Reducer

__all__ = ["REDUCERS", "Change", "Counters", "Identity", "Reducer", "Unreduced", "reducer"]

REDUCERS: dict[str, type[Reducer[Any]]] = {"none": Unreduced, "identity": Identity}


def reducer(name: str, numbers: Iterator[int]) -> Reducer[Any]:
    """Make the reducer of a name, which takes the numbers of its outputs from `numbers`.

    Raises ValueError for a name that is none.
    """
    if name not in REDUCERS:
        raise ValueError(f"a reducer is one of {', '.join(REDUCERS)}, got {name!r}")
    return REDUCERS[name](numbers)
