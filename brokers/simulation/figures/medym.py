"""Explicit destinations against filters at every hop, as more and more brokers want an event.

After Cao and Singh, Middleware 2005: how many brokers want an event is given (the selectivity), and
which ones is drawn anew for each event. Every broker has one filter, a list of the events it wants,
so all presets hold the same interest, and what differs is the way of events:

    siena       filters at every hop, one tree for all sources
    default     filters at every hop, a shortest-path tree for each source
    medym       one match at the source; the destinations are named, each is sent to by its path
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from brokers.simulation.chance import Chance
from brokers.simulation.figures.overlay import Overlay, draw_overlay
from brokers.simulation.figures.quiet import Quiet

__all__ = ["PRESETS", "SELECTIVITIES", "measure"]

PRESETS = ("siena", "default", "medym")
SELECTIVITIES = (1, 2, 5, 10, 20, 35, 50, 75, 100)

Row = dict[str, Any]


def measure(*, brokers: int = 100, events: int = 100, seed: int = 1) -> Iterator[Row]:
    """Rows of one preset and selectivity each; means over so many events."""
    overlay = draw_overlay(brokers, seed)
    draws = _draw(overlay, events, seed)
    for preset in PRESETS:
        quiet = Quiet(overlay, preset, weigh=True)
        clients = {broker: quiet.client(broker) for broker in overlay.brokers}
        for broker, client in clients.items():
            wanted = [name for name, (_, takers) in draws.items() if broker in takers]
            quiet.subscribe(client, f"event IN ({', '.join(map(repr, wanted))})")
        publishers = {broker: quiet.client(broker) for broker in overlay.brokers}
        for publisher in publishers.values():  # everybody advertises everything by that
            quiet.publish(publisher, (b'{"event": "hello"}',))
        quiet.rest()
        for selectivity in SELECTIVITIES:
            quiet.reset()
            for n in range(events):
                source, _ = draws[f"{selectivity}/{n}"]
                body = json.dumps({"event": f"{selectivity}/{n}"}).encode()
                quiet.publish(publishers[source], (body,))
            takers = sum(len(draws[f"{selectivity}/{n}"][1]) for n in range(events))
            if len(quiet.deliveries) != takers:
                raise RuntimeError(f"{takers} takers get {len(quiet.deliveries)} events")
            yield {"preset": preset, "selectivity": selectivity, **_means(quiet, events)}


def _draw(overlay: Overlay, events: int, seed: int) -> dict[str, tuple[str, set[str]]]:
    """The source of each event, and who wants it."""
    chance = Chance(seed, "takers")
    brokers = overlay.brokers
    return {
        f"{selectivity}/{n}": (
            chance.pick(brokers),
            set(chance.shuffled(brokers)[: max(1, len(brokers) * selectivity // 100)]),
        )
        for selectivity in SELECTIVITIES
        for n in range(events)
    }


def _means(quiet: Quiet, events: int) -> Row:
    sums = {
        "crossings": quiet.crossings["events"],
        "length": quiet.length,
        "idle": quiet.idle_visits(),
        "matches": quiet.matches,
        "bytes": quiet.bytes,
    }
    return {name: round(value / events, 2) for name, value in sums.items()}
