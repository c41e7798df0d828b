"""A market in miniature: a few rules first, then ten thousand of them at full speed."""

import json
import random
from textwrap import indent
from time import perf_counter

from matchengine import FilterTypeError, Matcher, attr, parse
from matchengine.reference import ReferenceMatcher

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


def blunder() -> None:
    """Show what a mistake looks like."""
    print("\nA filter with a mistake in it:")
    try:
        parse("price < 10 AND symbol LIKE 5")
    except FilterTypeError as error:
        print(indent(str(error), "  "))


def measure(rules: int = 10_000, events: int = 10_000, compared: int = 5) -> None:
    """Time different events against many rules; the seed makes every run the same."""
    rng = random.Random(2)
    filters = {number: make_filter(rng) for number in range(rules)}
    trades = [make_trade(rng, lot) for lot in range(events)]
    texts = [json.dumps(trade) for trade in trades]

    matcher = Matcher()
    start = perf_counter()
    matcher.add_many(filters)
    print(f"\n{rules:,} rules from text, in {perf_counter() - start:.2f} s.")
    start = perf_counter()
    answers = [matcher.match_json(text) for text in texts]
    seconds = perf_counter() - start
    found = sum(map(len, answers))
    print(f"{events:,} JSON events matched against all of them, in {seconds:.3f} s:")
    print(f"{events / seconds:,.0f} events/s, {found / events:.1f} matches an event.")

    twin = ReferenceMatcher()
    for number, filter in filters.items():
        twin.add(filter, number)
    start = perf_counter()
    slow_answers = [twin.match(trade) for trade in trades[:compared]]
    slow = (perf_counter() - start) / compared
    assert list(map(sorted, slow_answers)) == list(map(sorted, answers[:compared]))
    print(f"Evaluating every rule in plain Python takes {slow * 1000:.0f} ms an event:")
    print(f"the same answers, {slow / (seconds / events):,.0f} times slower.")


def make_filter(rng: random.Random) -> str:
    """A rule: one symbol, and a range of prices."""
    low = rng.uniform(0, 1000)
    return f"symbol = 'S{rng.randrange(500)}' AND price BETWEEN {low} AND {low + 100}"


def make_trade(rng: random.Random, lot: int) -> dict[str, object]:
    """An event."""
    return {"symbol": f"S{rng.randrange(500)}", "price": rng.uniform(0, 1000), "lot": lot}


if __name__ == "__main__":
    show()
    blunder()
    measure()
