"""Reducers: many filters in, few filters out that say the same.

A broker tells its neighbours what its clients want. What it tells is kept small by a reducer:

    none       every member is an output            none.py
    identity   equal members share an output        identity.py
    covering   what another covers needs no output  covering.py, forest.py
    merging    and what can be united exactly, is   merging.py, blocks.py, group.py

All of them keep to `Reducer` (reducer.py). They are lossless, and make before they break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brokers.reduce.covering import Covering
from brokers.reduce.identity import Identity
from brokers.reduce.merging import Merging
from brokers.reduce.none import Unreduced
from brokers.reduce.reducer import Change, Counters, Reducer

__all__ = [
    "REDUCERS",
    "Change",
    "Counters",
    "Covering",
    "Identity",
    "Reducer",
    "Unreduced",
    "reducer",
]

REDUCERS: dict[str, type[Reducer[Any]]] = {
    "none": Unreduced,
    "identity": Identity,
    "covering": Covering,
    "merging": Merging,
}


def reducer(name: str, numbers: Iterator[int]) -> Reducer[Any]:
    """Make the reducer of a name, which takes the numbers of its outputs from `numbers`.

    Raises ValueError for a name that is none.
    """
    if name not in REDUCERS:
        raise ValueError(f"a reducer is one of {', '.join(REDUCERS)}, got {name!r}")
    return REDUCERS[name](numbers)
