"""What is simulated: the node, all it counts in one place, and what must hold of its tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from brokers import status
from brokers.interest.entries import HERE
from brokers.node import Node
from brokers.presets import PRESETS
from brokers.simulation.chance import Chance
from brokers.simulation.conditions import draw_values
from brokers.simulation.failure import Failure
from brokers.simulation.run import Question
from matchengine import Matcher

__all__ = ["Subject", "check_tables"]

#: Events with which interest is compared at a quiet moment.
_TRIED: Final = 200
#: Added to the number of an entry, it is that of none.
_PHANTOM: Final = 1 << 40


class Subject(Node):
    """A node that the simulator can ask."""

    def status(self) -> dict[str, Any]:
        """What it holds ("entries"), and what it has counted, its reducer included."""
        state = status.status(self)
        exports = self.neighbours.entries.exports.values()
        reducers = [self.subscriptions.reducer, *(export.reducer for export in exports)]
        reduced = [one.counters for one in reducers if one is not None]
        state["counters"] |= {
            "uncoverings": sum(one.uncoverings for one in reduced),
            "merges_undone": sum(one.merges_undone for one in reduced),
        }
        return state

    def corrupt(self, chance: Chance, share: float) -> None:
        """Forget entries of neighbours, and believe in others that nobody has told."""
        entries = self.neighbours.entries
        for neighbour, table in entries.imports.items():
            known = list(table.entries.items())
            for key, text in chance.shuffled(known)[: math.ceil(share * len(known))]:
                table.take(key)
                entries._give_up(neighbour, key)
                if chance.happens(0.5):
                    other = key._replace(number=key.number + _PHANTOM)
                    entries._take(neighbour, table, other, text, self.now)


def check_tables(
    nodes: Mapping[str, Subject],
    settled: Sequence[tuple[str, str]],
    pairs: Sequence[tuple[str, str]],
    questions: Sequence[Question],
) -> None:
    """At a quiet moment tables are as good as can be. Raises `Failure`.

    * What one end of a link exports is what the other end has imported.
    * What a broker wants of others is what its clients have been promised: no less, and no more.
    * Nobody holds what its origin does not want.
    * From every broker where an event may be published, tables lead to all that want it.
    """
    tables = {name: status.audit(node)["links"] for name, node in nodes.items()}
    for a, b in [*pairs, *((b, a) for a, b in pairs)]:
        if b not in tables[a] or a not in tables[b]:
            raise Failure("tables", f"{a} and {b} are connected, and one does not know it")
        if tables[a][b]["exported"] != tables[b][a]["imported"]:
            text = f"{a} exports {tables[a][b]}, {b} has imported {tables[b][a]}"
            raise Failure("tables", text)
    _check_interest(nodes, settled)
    _check_origins(nodes)
    for body, source, promised in questions:
        missed = set(promised) - _reached(nodes, body, source)
        if missed and PRESETS[nodes[source].preset].plane == "filtered":
            text = f"no table leads {body.decode()} from {source} to {', '.join(sorted(missed))}"
            raise Failure("tables", text)


def _reached(nodes: Mapping[str, Subject], body: bytes, source: str) -> set[str]:
    """The brokers with subscriptions that an event of this source would get to, by all tables."""
    seen, waiting, reached = {source}, [source], set()
    while waiting:
        name = waiting.pop()
        way = status.route(nodes[name], body, source)
        if way["here"]:
            reached.add(name)
        for neighbour, link in way["links"].items():
            if link["taken"] and neighbour not in seen:
                seen.add(neighbour)
                waiting.append(neighbour)
    return reached


def _check_interest(nodes: Mapping[str, Subject], settled: Sequence[tuple[str, str]]) -> None:
    """Reduced or not, entries say what the filters say; tried with some events."""
    promised: Matcher[int] = Matcher()
    wanted: Matcher[int] = Matcher()
    numbers = {name: number for number, name in enumerate(nodes)}
    for id, (broker, text) in enumerate(settled):
        promised.add(text, id=id, to=numbers[broker])
    for name, node in nodes.items():
        for entry in node.neighbours.entries:
            if entry.key.origin == name and HERE in entry.holders:
                wanted.add(entry.filter, id=len(wanted), to=numbers[name])
    chance = Chance(len(settled), "interest")
    for _ in range(_TRIED):
        event = draw_values(chance)
        there, here = (set(one.destinations(json.dumps(event))) for one in (promised, wanted))
        for name, number in numbers.items():
            if number in there and number not in here:
                raise Failure("interest", f"{name} does not want {event}, and a client does")
            if number in here and number not in there:
                raise Failure("interest", f"{name} wants {event}, and no client does")


def _check_origins(nodes: Mapping[str, Subject]) -> None:
    for name, node in nodes.items():
        if PRESETS[node.preset].link is not None:  # keys are those of neighbours
            continue
        for entry in node.neighbours.entries:
            origin = nodes.get(entry.key.origin)
            known = None if origin is None else origin.neighbours.entries.get(entry.key)
            if known is None or known.text != entry.text:
                text = f"{name} holds {entry.key} ({entry.text}), which is no more"
                raise Failure("tables", text)
