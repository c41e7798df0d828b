"""What a matcher says of itself: memory by part, counters, repr."""

from __future__ import annotations

import random
from typing import Any

from matchengine import Matcher

PARTS = {
    "sources", "paths", "constants", "cuts", "patterns", "clusters", "bodies", "programs", "sets",
    "lists", "handles", "engine",
}  # fmt: skip


def checked(matcher: Matcher[Any]) -> dict[str, int]:
    usage = matcher.memory_usage()
    parts = {name: usage[name] for name in PARTS}
    assert set(usage) == PARTS | {"matching", "total"}
    assert sum(parts.values()) == usage["total"] == matcher.stats()["bytes"]
    assert usage["matching"] == usage["total"] - usage["sources"]
    assert usage["sources"] == matcher.stats()["source_bytes"]
    assert all(0 <= size <= usage["total"] for size in parts.values()), parts
    return usage


def some_filter(rng: random.Random) -> str:
    path, n = rng.choice("abcdefg"), rng.randrange(2000)
    return rng.choice(
        [
            f"{path} = {n} AND x > {n}",
            f"{path} > {n} AND {path} < {n + 10} AND NOT z = 'k{n}'",
            f"{path} IN ({n}, {n + 1}, 'v{n}') AND y{n} NOT IN (1, 2, 3)",
            f"{path} LIKE '%s{n}%' OR MATCHES({path}, '[a-z]+{n}')",
            f"STARTS_WITH({path}, 'p{n}') AND (x = {n} OR y = {n} AND z = 1 OR x < 5)",
            f"MATCHES({path}, '(a|b)*a(a|b){{{n % 20}}}')",
        ]
    )


def test_memory_by_part_through_churn() -> None:
    rng = random.Random(12)
    matcher: Matcher[int] = Matcher()
    empty = checked(matcher)
    seen: dict[str, int] = {}
    for step in range(4000):
        matcher.add(some_filter(rng), id=step, to=step % 7)
        if step % 3 == 2:
            matcher.replace(rng.choice(list(matcher)), some_filter(rng))
            matcher.discard(rng.randrange(step))
        if step % 400 == 0:
            matcher.match({"a": step, "b": "pq", "x": [1, 2]})
            for name, size in checked(matcher).items():
                seen[name] = max(size, seen.get(name, 0))
    assert all(seen[name] > empty[name] for name in PARTS), "each of them is used here"
    assert min(seen[name] for name in PARTS - {"programs", "lists", "sets", "engine"}) > 10_000
    matcher.clear()
    after = checked(matcher)
    for name in ("cuts", "patterns", "programs", "sets", "lists", "bodies", "clusters"):
        assert after[name] <= max(empty[name], seen[name] // 4), name
    matcher.validate()


def test_a_part_counts_what_it_is_about() -> None:
    matcher: Matcher[int] = Matcher()
    before = checked(matcher)
    matcher.add_many((n, f"a = 'value {n} with some more text in it'") for n in range(1000))
    after = checked(matcher)
    assert after["constants"] - before["constants"] > 1000 * 36
    assert after["sources"] - before["sources"] > 1000 * 36
    assert after["cuts"] == before["cuts"]
    assert after["patterns"] == before["patterns"]


def test_counters() -> None:
    matcher: Matcher[Any] = Matcher()
    assert matcher.stats()["per_event"] == {"candidates": 0.0, "survivors": 0.0, "matches": 0.0}
    matcher.add_many({1: "a = 1", 2: "a = 1 AND b = 1", 3: "b IS NULL", 4: "c LIKE '%x%'"})
    matcher.add_many({5: "c > 1", 6: "EXISTS(c)", 7: "FALSE"})
    for _ in range(4):
        matcher.match({"a": 1})
    matcher.match_batch([{"a": 1, "b": 1}] * 4)
    stats = matcher.stats()
    assert stats["rows"] == {"equal": 2, "range": 1, "pattern": 1, "present": 1}
    assert (stats["unanchored"], stats["never"]) == (1, 1)
    assert (stats["events"], stats["matches"]) == (8, 16)
    assert stats["candidates"] >= stats["survivors"] >= stats["matches"]
    for name, mean in stats["per_event"].items():
        assert mean == stats[name] / 8
    assert stats["per_event"]["matches"] == 2.0


def test_few_rows_without_the_value_that_they_need_are_verified() -> None:
    matcher: Matcher[int] = Matcher()
    matcher.add_many((n, f"a = {n % 30} AND b = {n // 30}") for n in range(900))
    for n in range(30):
        assert matcher.match({"a": n, "b": n}) == [31 * n]
    stats = matcher.stats()
    assert (stats["candidates"], stats["matches"]) == (900, 30)
    assert stats["survivors"] < 100


def test_a_long_array_does_not_satisfy_all_needs() -> None:
    """Its values may have the bits of all constants, and not those of other attributes."""
    matcher: Matcher[int] = Matcher()
    for n in range(2000):
        equal = " AND ".join(f"{name} = {n % 500}" for name in "bcdef")
        matcher.add(f"a = {n % 500} AND {equal}", id=n)
    matcher.match_batch([{"a": n % 7, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1} for n in range(300)])
    before = matcher.stats()["survivors"]
    for name in "abcdef":
        assert matcher.match({name: list(range(500))}) == []
    assert matcher.stats()["survivors"] == before


def test_repr() -> None:
    class Mine(Matcher[int]):
        pass

    matcher = Mine()
    matcher.add_many((n, "a = 1") for n in range(1234))
    assert repr(matcher) == "<Mine: 1,234 subscriptions>"
    assert repr(Matcher()) == "<Matcher: 0 subscriptions>"
