"""What subscriptions, adverts and notifications cost together, as interested parties become more.

After Carzaniga, Rosenblum and Wolf, TOCS 2001, section 5: a hundred sites; each object of interest
is published at one of them and notifies ten times; each interested party lives at a random site and
wants one object. The overlay grows once, and is measured on the way: at each number of parties, the
cost of all that was subscribed so far and of ten more notifications of each object.

The centre of the literature knows every party, hears from each and sends to each on its own. Ours
hears once of each filter of a site, and sends one copy to sites that lie in the same direction. So
there are two lines for it: CENTRE, computed from shortest paths, and the preset, measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from brokers.simulation.chance import Chance
from brokers.simulation.figures.overlay import Overlay, draw_overlay
from brokers.simulation.figures.quiet import Quiet

__all__ = ["CENTRE", "LINES", "NOTIFICATIONS", "cost", "measure", "steps"]

CENTRE = "central, a copy for each party"
PRESETS = ("central", "siena-hierarchical", "siena", "siena-adv")
LINES = (CENTRE, *PRESETS)
NOTIFICATIONS = 10
OBJECTS = (1, 100)

Row = dict[str, Any]


def measure(*, brokers: int = 100, parties: int = 10_000, seed: int = 1) -> Iterator[Row]:
    """Rows of one preset, number of objects and number of parties each."""
    overlay = draw_overlay(brokers, seed)
    for objects in OBJECTS:
        for row in _centre(overlay, objects, parties, seed):
            yield _finished(CENTRE, row)
    for preset in PRESETS:
        quiet = Quiet(overlay, preset)
        for objects in OBJECTS:
            for row in _grow(quiet, objects, parties, seed):
                yield _finished(preset, row)


def _finished(preset: str, row: Row) -> Row:
    row = {"preset": preset, **row}
    return {**row, "cost": cost(row)}


def steps(most: int) -> list[int]:
    """1, 2, 5, 10, 20, ... and the last one."""
    sizes = [n * 10**power for power in range(len(str(most))) for n in (1, 2, 5)]
    return [size for size in sizes if size < most] + [most]


def cost(row: Row, notifications: int = NOTIFICATIONS) -> int:
    """Messages over links as the literature counts them: no answers, and adverts if they guide."""
    adverts = row["adverts"] if row["preset"] == "siena-adv" else 0
    events: int = row["events"] * notifications // NOTIFICATIONS
    return int(row["interest"]) + adverts + events


class _World:
    """Where objects and parties are; the same for every preset."""

    def __init__(self, overlay: Overlay, objects: int, seed: int) -> None:
        self._sites = overlay.brokers
        self._chance = Chance(seed, f"{objects} objects")
        self.objects = [self._chance.pick(self._sites) for _ in range(objects)]

    def party(self) -> tuple[str, int]:
        """Another one's site, and the object that it wants."""
        return self._chance.pick(self._sites), self._chance.whole(0, len(self.objects) - 1)


def _centre(overlay: Overlay, objects: int, parties: int, seed: int) -> Iterator[Row]:
    world = _World(overlay, objects, seed)
    hops = overlay.hops(overlay.brokers[0])
    to_centre = NOTIFICATIONS * sum(hops[site] for site in world.objects)
    to_parties = 0
    done = 0
    for size in steps(parties):
        to_parties += sum(hops[world.party()[0]] for _ in range(size - done))
        done = size
        yield {
            "objects": objects, "parties": size, "interest": to_parties, "adverts": 0,
            "answers": 0, "events": to_centre + NOTIFICATIONS * to_parties,
        }  # fmt: skip


def _grow(quiet: Quiet, objects: int, parties: int, seed: int) -> Iterator[Row]:
    world = _World(quiet.overlay, objects, seed)
    quiet.reset()
    publishers = [quiet.client(site) for site in world.objects]
    for number, publisher in enumerate(publishers):
        quiet.advertise(publisher, f"of = {objects} AND object = {number}")
    said = quiet.crossings
    wanted = [0] * objects
    done = 0
    for size in steps(parties):
        quiet.crossings = said
        for _ in range(size - done):
            site, number = world.party()
            wanted[number] += 1
            quiet.subscribe(quiet.client(site), f"of = {objects} AND object = {number}")
        done = size
        said = quiet.crossings
        quiet.reset()
        for number, publisher in enumerate(publishers):
            quiet.publish(publisher, _notifications(objects, number, size))
        if len(quiet.deliveries) != size * NOTIFICATIONS:
            raise RuntimeError(f"{size} parties get {len(quiet.deliveries)} notifications")
        yield {
            "objects": objects, "parties": size, "interest": said["interest"],
            "adverts": said["adverts"], "answers": said["answers"],
            "events": quiet.crossings["events"],
        }  # fmt: skip


def _notifications(objects: int, number: int, size: int) -> tuple[bytes, ...]:
    return tuple(
        json.dumps({"of": objects, "object": number, "parties": size, "n": n}).encode()
        for n in range(NOTIFICATIONS)
    )
