"""Made-up trades, and rules about them: the same for the same seed, on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

__all__ = ["Workload", "make_workload"]

#: Rules for one symbol, of which about one in twenty wants a trade of it.
RULES_PER_SYMBOL = 200
EXCHANGES = ("XLON", "XNAS", "XNYS", "XPAR", "XTKS")


@dataclass(frozen=True, slots=True)
class Workload:
    """Filters by id, and events."""

    rules: dict[int, str]
    events: list[dict[str, Any]]


def make_workload(rules: int, events: int, seed: int = 2) -> Workload:
    """Conjunctions of three conditions on trades, with about 8 matches an event."""
    rng = random.Random(seed)
    symbols = [f"S{number}" for number in range(max(1, rules // RULES_PER_SYMBOL))]
    return Workload(
        {number: _rule(rng, symbols) for number in range(rules)},
        [_event(rng, symbols, number) for number in range(events)],
    )


def _rule(rng: random.Random, symbols: list[str]) -> str:
    low = round(rng.uniform(0, 900), 2)
    third = rng.choice(
        (
            f"volume > {rng.randrange(10_000)}",
            f"volume <= {rng.randrange(10_000)}",
            f"exchange IN ('{rng.choice(EXCHANGES)}', '{rng.choice(EXCHANGES)}')",
            f"buyer.country = 'C{rng.randrange(5)}'",
        )
    )
    return f"symbol = '{rng.choice(symbols)}' AND price BETWEEN {low} AND {low + 100} AND {third}"


def _event(rng: random.Random, symbols: list[str], number: int) -> dict[str, Any]:
    return {
        "sequence": number,
        "symbol": rng.choice(symbols),
        "price": round(rng.uniform(0, 1000), 2),
        "volume": rng.randrange(10_000),
        "exchange": rng.choice(EXCHANGES),
        "buyer": {"name": f"buyer {rng.randrange(10_000)}", "country": f"C{rng.randrange(5)}"},
    }
