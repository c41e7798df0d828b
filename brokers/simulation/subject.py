"""What is simulated: the node, all it counts in one place, and what must hold of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brokers import status
from brokers.node import Node
from brokers.simulation.failure import Failure

__all__ = ["Subject", "check_tables"]


class Subject(Node):
    """A node that the simulator can ask."""

    def status(self) -> dict[str, Any]:
        """What it holds ("entries"), and what it has counted, its reducer included."""
        state = status.status(self)
        reduced = self.subscriptions.reducer.counters
        state["counters"] |= {
            "uncoverings": reduced.uncoverings,
            "merges_undone": reduced.merges_undone,
        }
        return state


def check_tables(
    nodes: Mapping[str, Subject],
    settled: Sequence[tuple[str, str]],
    pairs: Sequence[tuple[str, str]],
) -> None:
    """At a quiet moment, what one end of a link exports is what the other end has imported.

    Raises `Failure`.
    """
    tables = {name: status.audit(node)["links"] for name, node in nodes.items()}
    for a, b in pairs:
        if b not in tables[a] or a not in tables[b]:
            raise Failure("tables", f"{a} and {b} are connected, and one does not know it")
        if tables[a][b]["exported"] != tables[b][a]["imported"]:
            text = f"{a} exports {tables[a][b]}, {b} has imported {tables[b][a]}"
            raise Failure("tables", text)
