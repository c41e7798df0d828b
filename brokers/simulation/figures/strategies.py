"""Every preset on one workload: what is said, what is kept, how far events go, who matches.

Shares are traded. Subscribers want a symbol, perhaps only above some price or volume; a few want
whatever is dear, of any symbol. Publishers advertise the symbols that they publish. First half of
the events, then some subscribers leave and others come, then the other half.

What must be the same for all presets, and is compared with a single matcher: who gets what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from brokers.presets import PRESETS
from brokers.settings import Settings
from brokers.simulation.chance import Chance
from brokers.simulation.figures.overlay import Overlay, draw_overlay
from brokers.simulation.figures.quiet import CONTROL, Quiet
from matchengine import Matcher

__all__ = ["measure"]

#: Where the preset rendezvous lets events and subscriptions meet.
KEY = Settings().key
SYMBOLS = tuple(f"S{n:02}" for n in range(40))
PUBLISHERS = 10

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Subscription:
    site: str
    filter: str
    leaves: bool  #: after the first half


@dataclass(frozen=True, slots=True)
class _Workload:
    first: list[_Subscription]
    later: list[_Subscription]
    publishers: list[tuple[str, tuple[str, ...]]]  # site, symbols
    events: list[tuple[int, bytes]]  # by which publisher


def measure(
    *, brokers: int = 50, subscriptions: int = 1_000, events: int = 1_000, seed: int = 1
) -> Iterator[Row]:
    """One row for each preset. RuntimeError if one delivers what others do not."""
    overlay = draw_overlay(brokers, seed)
    workload = _draw(overlay, subscriptions, events, seed)
    expected = _expected(workload)
    for preset in PRESETS:
        quiet = Quiet(overlay, preset)
        tables = _perform(quiet, workload)
        if quiet.deliveries.keys() != expected:
            wrong = len(quiet.deliveries.keys() ^ expected)
            raise RuntimeError(f"{preset}: {wrong} deliveries too many or too few")
        hops = list(quiet.deliveries.values())
        yield {
            "preset": preset,
            **{kind: quiet.crossings[kind] for kind in ("events", *CONTROL) if kind != "links"},
            "entries": sum(tables),
            "most_entries": max(tables),
            "hops": round(sum(hops) / len(hops), 2),
            "matches": round(quiet.matches / events, 2),
            "idle": round(quiet.idle_visits() / events, 2),
            "deliveries": len(hops),
        }


def _draw(overlay: Overlay, subscriptions: int, events: int, seed: int) -> _Workload:
    chance = Chance(seed, "strategies")
    sites = overlay.brokers
    drawn = [
        _Subscription(chance.pick(sites), _filter(chance), chance.happens(0.2))
        for _ in range(subscriptions)
    ]
    leaving = sum(one.leaves for one in drawn)
    later = [_Subscription(chance.pick(sites), _filter(chance), False) for _ in range(leaving)]
    publishers = [
        (chance.pick(sites), tuple(chance.shuffled(SYMBOLS)[: chance.whole(3, 8)]))
        for _ in range(PUBLISHERS)
    ]
    published = []
    for n in range(events):
        number = chance.whole(0, PUBLISHERS - 1)
        event = {
            KEY: chance.pick(publishers[number][1]),
            "price": chance.whole(1, 100),
            "volume": chance.whole(1, 1_000),
            "n": n,
        }
        published.append((number, json.dumps(event).encode()))
    return _Workload(drawn, later, publishers, published)


def _filter(chance: Chance) -> str:
    if chance.happens(0.03):
        return f"price > {chance.pick((95, 98))}"
    symbol = f"{KEY} = '{chance.often(SYMBOLS)}'"
    if chance.happens(0.3):
        return symbol
    if chance.happens(0.5):
        return f"{symbol} AND price > {chance.pick((25, 50, 75))}"
    return f"{symbol} AND volume BETWEEN {chance.pick((1, 200))} AND {chance.pick((500, 800))}"


def _halves(workload: _Workload) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
    half = len(workload.events) // 2
    return workload.events[:half], workload.events[half:]


def _perform(quiet: Quiet, workload: _Workload) -> list[int]:
    """Do it all; return the sizes of tables at the end. Clients are numbered in one order."""
    subscribers = [quiet.client(one.site) for one in (*workload.first, *workload.later)]
    publishers = [quiet.client(site) for site, _ in workload.publishers]
    for publisher, (_, symbols) in zip(publishers, workload.publishers, strict=True):
        quiet.advertise(publisher, f"{KEY} IN ({', '.join(map(repr, symbols))})")
    before, after = _halves(workload)
    count = len(workload.first)
    for client, one in zip(subscribers, workload.first, strict=False):
        quiet.subscribe(client, one.filter)
    for number, body in before:
        quiet.publish(publishers[number], (body,))
    for client, one in zip(subscribers, workload.first, strict=False):
        if one.leaves:
            quiet.unsubscribe(client)
    for client, one in zip(subscribers[count:], workload.later, strict=True):
        quiet.subscribe(client, one.filter)
    for number, body in after:
        quiet.publish(publishers[number], (body,))
    return quiet.tables()


def _expected(workload: _Workload) -> set[tuple[str, bytes]]:
    """Who should get what: addresses as `_perform` makes them, asked of one matcher for all."""
    before, after = _halves(workload)
    matcher: Matcher[str] = Matcher()
    pairs: set[tuple[str, bytes]] = set()
    for n, one in enumerate(workload.first, 1):
        matcher.add(one.filter, id=f"#{n}")
    pairs.update((id, body) for _, body in before for id in matcher.match_json(body))
    for n, one in enumerate(workload.first, 1):
        if one.leaves:
            matcher.remove(f"#{n}")
    for n, one in enumerate(workload.later, len(workload.first) + 1):
        matcher.add(one.filter, id=f"#{n}")
    pairs.update((id, body) for _, body in after for id in matcher.match_json(body))
    return pairs
