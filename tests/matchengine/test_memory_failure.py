"""Every allocation of the core fails in turn: MemoryError, and the matcher is as it was before.

The hook that fails allocations exists in a sanitize or coverage build only.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from matchengine import Filter, Matcher, _core, _cover, parse


def hook_is_live() -> bool:
    matcher: Matcher[Any] = Matcher()
    _core.fail_allocations_after(0)
    try:
        matcher.add("a.path.that.is.new = 'a constant that is new'")
    except MemoryError:
        return True
    finally:
        _core.fail_allocations_after()
    return False


pytestmark = pytest.mark.skipif(
    not hook_is_live(), reason="allocations cannot fail at will: needs MATCHENGINE_BUILD=sanitize"
)

FILTERS = [
    "",
    "a = 1 AND b = 2",
    "a IN (1, 2, 3, 'x', TRUE, 'a long string that has its own block of memory')",
    "a NOT IN (1, 'x') AND b <> 3 AND NOT (c > 5)",
    "b >= 10 AND b < 12 OR b BETWEEN 3 AND 4",
    "s BETWEEN 'ab' AND 'ad' AND STARTS_WITH(s, 'ab')",
    "ENDS_WITH(s, 'cd') OR CONTAINS(s, 'bc') OR s LIKE 'a_c%' OR s ILIKE 'AB%b%'",
    "MATCHES(s, 'a[a-c]+d') AND NOT MATCHES(s, '[^x]*') OR MATCHES(s, '(.|x)*b(.|x){9}')",
    "EXISTS(a) AND n.x IS NULL",
    "(a = 1 OR b = 2) AND (a = 2 OR b = 3 OR s = 'abcd')",
    'new.path.of.some.length = 1 OR "another new path" IN (1, 2, 3)',
    "a = 123456789012345678901234567890 OR b > 1234567890123456789012345678901",
    'a < b AND NOT a * (2 + b) BETWEEN n.x AND s OR s = "a new path" OR a + b > c + 1',
    "b > 2 * 5 AND (a BETWEEN 'a' AND s OR a > 123456789012345678901234567890 + b)",
    " AND ".join(f"p{i} = {i}" for i in range(14)),
]
EVENTS: list[dict[str, Any]] = [
    {},
    {"a": [1, 2, "x"], "b": [5, 11.5], "s": "abcd"},
    {"a": 2, "b": 3, "n": {"x": None}, "s": ["abcd", "xcd"]},
    {"another new path": 3, "new": {"path": {"of": {"some": {"length": 1}}}}},
    {"a": 123456789012345678901234567890, "b": 10**40, **{f"p{i}": i for i in range(14)}},
]


FILLED = 10  # subscriptions of a filled matcher


def filled() -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    for number, filter in enumerate(FILTERS[:FILLED]):
        matcher.add(filter, id=number, to=number % 3)
    return matcher


def view(matcher: Matcher[Any]) -> Any:
    """All that a user can see, but for room that is kept and counters of events."""
    stats = matcher.stats()
    sizes = ("subscriptions", "paths", "constants", "cuts", "patterns", "unanchored", "never")
    found = [sorted(matcher.match(event), key=repr) for event in EVENTS]
    items = [(id, s.filter, s.to, matcher.handle(id)) for id, s in matcher.items()]
    return found, items, len(matcher), {name: stats[name] for name in sizes}


def fail_in_turn(matcher: Matcher[Any], operation: Callable[[], Any]) -> Any:
    """Run `operation` with 0, 1, 2 ... allocations allowed until it succeeds."""
    before = view(matcher)
    for allowed in range(100_000):
        _core.fail_allocations_after(allowed)
        try:
            result = operation()
        except MemoryError:
            pass
        else:
            _core.fail_allocations_after()
            assert allowed > 0, "nothing was allocated"
            matcher.validate()
            return result
        finally:
            _core.fail_allocations_after()
        matcher.validate()
        assert view(matcher) == before
    raise AssertionError("never succeeds")


@pytest.mark.parametrize("form", ["text", "filter"])
def test_add(form: str) -> None:
    matcher = filled()
    for text in FILTERS:
        filter: str | Filter = parse(text) if form == "filter" else text
        fail_in_turn(matcher, lambda filter=filter: matcher.add(filter, to=12))
    assert len(matcher) == FILLED + len(FILTERS)


def test_add_many() -> None:
    matcher = filled()
    ids = fail_in_turn(matcher, lambda: matcher.add_many((None, text) for text in FILTERS))
    assert len(ids) == len(FILTERS)
    lines = "\n".join(json.dumps({"id": [n, 0], "filter": f}) for n, f in enumerate(FILTERS))
    assert fail_in_turn(matcher, lambda: matcher.add_many(lines))[1] == (1, 0)


@pytest.mark.parametrize("shift", [1, 4, 9])
def test_replace(shift: int) -> None:
    matcher = filled()
    for id in range(9):
        text = f"{FILTERS[(id + shift) % len(FILTERS)] or True} OR extra = 5"
        fail_in_turn(matcher, lambda id=id, text=text: matcher.replace(id, text, to=7))
        assert matcher[id].filter == parse(text)
        assert matcher[id].to == 7


def test_changes_while_notes_for_covering_are_kept() -> None:
    matcher = filled()
    matcher.covered_by("a = 1")
    for number, text in enumerate(FILTERS):
        fail_in_turn(matcher, lambda text=text: matcher.add(text))
        fail_in_turn(matcher, lambda i=number % FILLED, text=text: matcher.replace(i, text))
        assert matcher.covered_by(text) != []


@pytest.mark.parametrize("relation", ["covering", "covered_by", "overlapping"])
def test_questions_about_filters(relation: str) -> None:
    """Patterns aside: where one cannot be compiled, it is not known what it covers."""
    plain = "(a = 1 OR b = 2) AND (a = 2 OR b > 3 OR s = 'abcd') AND NOT c = 3 AND n.x IN (1, 2)"
    for allowed in range(100_000):
        matcher = filled()
        expected = getattr(filled(), relation)(plain)
        _cover.fail_allocations_after(allowed)
        try:
            assert getattr(matcher, relation)(plain) == expected
            break
        except MemoryError:
            _cover.fail_allocations_after()
            assert getattr(matcher, relation)(plain) == expected
        finally:
            _cover.fail_allocations_after()
    assert allowed > 0


def test_relabelling() -> None:
    """Constants that leave no room between labels, over ranges in cells."""
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((None, f"b BETWEEN {i} AND {i}.5 OR q BETWEEN {i} AND {i}") for i in range(80))
    for i in range(36):
        text = f"b > {3 + 2.0**-i!r} AND EXISTS(q)"
        fail_in_turn(matcher, lambda text=text: matcher.add(text))


def fail_reading(question: Callable[[Matcher[Any]], Any]) -> Any:
    """Ask a matcher that has no scratch memory yet, with 0, 1, 2 ... allocations allowed."""
    matcher = filled()
    failures = 0
    for allowed in range(100_000):
        _core.fail_allocations_after(allowed)
        try:
            result = question(matcher)
            break
        except MemoryError:
            failures += 1
        finally:
            _core.fail_allocations_after()
    matcher.validate()
    assert failures > 0
    assert view(matcher) == view(filled())
    return result


@pytest.mark.parametrize("name", ["match", "count", "matches_any", "destinations"])
@pytest.mark.parametrize("event", EVENTS)
def test_match(event: dict[str, Any], name: str) -> None:
    wanted = getattr(filled(), name)(event)
    assert fail_reading(lambda matcher: getattr(matcher, name)(event)) == wanted


@pytest.mark.parametrize("event", EVENTS)
def test_explain(event: dict[str, Any]) -> None:
    for id in filled():
        wanted = filled().explain(event, id)
        assert fail_reading(lambda matcher, id=id: matcher.explain(event, id)) == wanted


@pytest.mark.parametrize("event", EVENTS)
def test_match_json(event: dict[str, Any]) -> None:
    text = json.dumps(event)
    assert fail_reading(lambda matcher: matcher.match_json(text)) == filled().match_json(text)


@pytest.mark.parametrize("form", ["mappings", "texts", "lines"])
def test_batches(form: str) -> None:
    batch: Any = EVENTS * 20
    if form != "mappings":
        batch = [json.dumps(event).encode() for event in batch]
    if form == "lines":
        batch = b"\n".join(batch)
    wanted = filled().match_batch(EVENTS)[:] * 20
    assert fail_reading(lambda matcher: matcher.match_batch(batch)[:]) == wanted
    destinations = filled().destinations_batch(EVENTS) * 20
    assert fail_reading(lambda matcher: matcher.destinations_batch(batch)) == destinations


def test_pickling() -> None:
    """What `save` does, too, before it writes."""
    data = fail_reading(pickle.dumps)
    assert pickle.loads(data).match(EVENTS[1]) == filled().match(EVENTS[1])


def test_check_takes_nothing() -> None:
    matcher = filled()
    for text in FILTERS:
        fail_in_turn(matcher, lambda text=text: matcher.check(text))


def test_remove_needs_no_memory_of_the_core() -> None:
    matcher = filled()
    matches = matcher.match_batch(EVENTS)
    ids = matches[:]
    _core.fail_allocations_after(0)
    try:
        for id in list(matcher):
            matcher.remove(id)
    finally:
        _core.fail_allocations_after()
    matcher.validate()
    assert len(matcher) == 0
    assert matches[:] == ids
    assert matcher.match({"a": 1}) == []


def test_new() -> None:
    for allowed in range(1000):
        _core.fail_allocations_after(allowed)
        try:
            matcher: Matcher[Any] = Matcher()
            break
        except MemoryError:
            continue
        finally:
            _core.fail_allocations_after()
    matcher.add("a = 1", id="x")
    assert matcher.match({"a": 1}) == ["x"]
