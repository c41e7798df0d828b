"""A market in miniature: a few rules first, then ten thousand of them at full speed."""

import json
import random
from time import perf_counter

from matchengine import Matcher, attr

RULES = {
    "alice": "symbol = 'ACME' AND price < 10",
    "bob": "volume > 1000 AND NOT exchange IN ('XLON', 'XPAR')",
    "carol": "symbol LIKE 'AC%' OR tags = 'urgent'",
    "dave": (attr("price") >= 100) & (attr("buyer.country") == "BR"),
}

EVENTS = [
    {"symbol": "ACME", "price": 9.5, "volume": 200},
    {
        "symbol": "BOLT",
        "price": 120,
        "volume": 5000,
        "exchange": "XNYS",
        "buyer": {"country": "BR"},
    },
    {"symbol": "CORE", "price": 50, "tags": ["late", "urgent"]},
    {"symbol": "DUNE", "price": 50},
]


def show() -> None:
    """Match every event twice, as a Python mapping and as JSON text."""
    matcher = Matcher()
    matcher.add_many(RULES)
    print("Rules:")
    for id, subscription in matcher.items():
        print(f"  {id:6} {subscription.filter}")
    print("\nEvents, and who wants them:")
    for event in EVENTS:
        text = json.dumps(event)
        found = sorted(matcher.match(event))
        assert found == sorted(matcher.match_json(text))
        print(f"  {text}\n    -> {', '.join(found) or 'nobody'}")

    matcher.replace("alice", "price < 60")
    matcher.remove("carol")
    print(f"\nAfter alice's change of mind, and without carol:\n  {json.dumps(EVENTS[2])}")
    print(f"    -> {', '.join(sorted(matcher.match(EVENTS[2])))}")


def measure(rules: int = 10_000, events: int = 10_000) -> None:
    """Time different events against many rules; the seed makes every run the same."""
    rng = random.Random(2)
    matcher = Matcher()
    start = perf_counter()
    for number in range(rules):
        low = rng.uniform(0, 1000)
        text = f"symbol = 'S{rng.randrange(500)}' AND price BETWEEN {low} AND {low + 100}"
        matcher.add(text, id=number)
    added = perf_counter() - start
    texts = [
        json.dumps({"symbol": f"S{rng.randrange(500)}", "price": rng.uniform(0, 1000), "lot": lot})
        for lot in range(events)
    ]
    start = perf_counter()
    found = sum(len(matcher.match_json(text)) for text in texts)
    seconds = perf_counter() - start
    print(f"\n{rules:,} rules from text in {added:.2f} s;")
    print(f"{events:,} JSON events matched against them in {seconds:.3f} s:")
    print(f"{events / seconds:,.0f} events/s, {found / events:.1f} matches an event.")


if __name__ == "__main__":
    show()
    measure()
