"""What a long run should have met, so that a promise is not kept by never being put to the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from brokers.presets import PRESETS

__all__ = ["LONG", "expected", "missing"]

#: Messages after which every one of these should have happened.
LONG: Final = 1_000_000

#: Counters of nodes and of the simulator, and the faults (any of these) that raise them.
_BY_FAULTS: Final[dict[str, frozenset[str]]] = {
    "frames lost": frozenset({"loss", "asymmetric", "partition"}),
    "frames duplicated": frozenset({"duplication"}),
    "frames reordered": frozenset({"reorder"}),
    "failovers": frozenset(
        {"partition", "asymmetric", "stop", "amnesia", "restart", "remove-link", "pause"}
    ),
    "resynchronisations": frozenset(
        {"loss", "reorder", "partition", "asymmetric", "restart", "amnesia"}
    ),
    "duplicates": frozenset({"add-link", "remove-link", "restart", "partition"}),
}


def expected(preset: str, faults: Iterable[str]) -> list[str]:
    """The counters that a long run should have raised."""
    faults = set(faults)
    counters = ["refused", *(f"fault {name}" for name in sorted(faults))]
    blocks = PRESETS.get(preset)
    unmet = set()
    if blocks is not None and blocks.targets == "nowhere":
        unmet.add("resynchronisations")  # tables are empty, and always agree
    if blocks is not None and blocks.plane == "explicit":
        unmet.add("duplicates")  # each broker is sent to once
    counters += [n for n, causes in _BY_FAULTS.items() if causes & faults and n not in unmet]
    reducers = (blocks.edge, blocks.link) if blocks is not None else ()
    if "covering" in reducers or "merging" in reducers:
        counters.append("uncoverings")
    if "merging" in reducers:
        counters.append("merges_undone")
    return counters


def missing(preset: str, faults: Iterable[str], messages: int, counters: Counter[str]) -> list[str]:
    """The counters that should not be zero after so many messages, and are."""
    if messages < LONG:
        return []
    return [name for name in expected(preset, faults) if not counters[name]]
