"""The core against the table of vectors: every filter beside its NOT, in both forms of event.

A matcher only shows what is true, so each vector is asked twice, `f` and `NOT (f)`; see vectors.py.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

import vectors
from matchengine import EventError, Filter, LimitExceeded, Matcher, parse
from matchengine.reference import flatten, load_event
from vectors import VECTORS, Vector

SECTIONS: dict[str, list[Vector]] = defaultdict(list)
for _vector in VECTORS:
    SECTIONS[_vector.name.rpartition("-")[0]].append(_vector)

WANTED = {"T": {True}, "F": {False}, "U": set()}


def twins(vector: Vector) -> tuple[Filter, Filter]:
    """The filter and its NOT, as text says it."""
    negated = parse(f"NOT ({vector.filter})", vector.params)
    assert negated == ~parse(vector.filter, vector.params)
    return parse(vector.filter, vector.params), negated


def spellings(event: Any) -> Iterator[Any]:
    """The event as it is, and in the other form where that says the same."""
    yield event
    if isinstance(event, str):
        yield load_event(event)
        return
    try:
        text = json.dumps(event, allow_nan=False)
    except (TypeError, ValueError):
        return  # a value that JSON lacks
    if flatten(load_event(text)) == flatten(event):
        yield text
        yield json.dumps(event, ensure_ascii=False, indent=1).encode()


def ask(matcher: Matcher[Any], event: Any) -> list[Any]:
    return matcher.match_json(event) if isinstance(event, str | bytes) else matcher.match(event)


@pytest.mark.parametrize("section", SECTIONS)
def test_alone(section: str) -> None:
    """One filter and its NOT in an otherwise empty matcher."""
    for vector in SECTIONS[section]:
        matcher: Matcher[bool] = Matcher()
        matcher.add_many(zip([True, False], twins(vector), strict=True))
        matcher.validate()
        for event in spellings(vector.event):
            found = ask(matcher, event)
            assert set(found) == WANTED[vector.expected], (vector, event)
            assert len(found) == len(set(found))
            assert matcher.count(event) == len(found)
            assert matcher.matches_any(event) is bool(found)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_way_to_ask(section: str) -> None:
    """NOT NOT f, f in a program, f behind an anchor, f without one, destinations, batches."""
    shapes = {
        "double": ("NOT NOT ({})", True),
        "program": ("({} OR nowhere = 1)", True),
        "anchored": ("tag = 'here' AND ({})", True),
        "both": ("({0}) AND ({0} OR nowhere = 'x')", True),
        "tautology": ("({}) OR TRUE", None),
        "contradiction": ("({}) AND FALSE", False),
    }
    if section == "computed-wide":
        del shapes["both"]  # which halves what each predicate may look at
    for vector in SECTIONS[section]:
        if not isinstance(vector.event, dict) or "tag" in vector.event:
            continue
        matcher: Matcher[str] = Matcher()
        for number, (name, (shape, _)) in enumerate(shapes.items()):
            matcher.add(parse(shape.format(vector.filter), vector.params), id=name, to=number)
        event = {**vector.event, "tag": "here"}
        true = vector.expected == "T"
        wanted = {name for name, (_, follows) in shapes.items() if follows is None or follows}
        wanted = wanted if true else {"tautology"}
        numbers = {list(shapes).index(name) for name in wanted}
        for spelling in spellings(event):
            assert set(ask(matcher, spelling)) == wanted, (vector, spelling)
            assert set(matcher.destinations(spelling)) == numbers


@pytest.fixture(scope="module")
def crowd() -> Matcher[Any]:
    """All filters of the table and their NOTs in one matcher."""
    matcher: Matcher[Any] = Matcher()
    for number, vector in enumerate(VECTORS):
        for value, filter in zip([True, False], twins(vector), strict=True):
            matcher.add(filter, id=(number, value))
    matcher.validate()
    return matcher


@pytest.mark.parametrize("section", SECTIONS)
def test_all_together(crowd: Matcher[Any], section: str) -> None:
    numbers = {vector.name: number for number, vector in enumerate(VECTORS)}
    for vector in SECTIONS[section]:
        for event in spellings(vector.event):
            found = ask(crowd, event)
            mine = {value for number, value in found if number == numbers[vector.name]}
            assert mine == WANTED[vector.expected], (vector, event)
            assert len(found) == len(set(found)) == crowd.count(event)


def test_all_together_in_batches(crowd: Matcher[Any]) -> None:
    events = [v.event for v in VECTORS if not isinstance(v.event, str)]
    matches = crowd.match_batch(events)
    assert len(matches) == len(events)
    for got, event in zip(matches, events, strict=True):
        assert set(got) == set(crowd.match(event))
    texts = [s for v in VECTORS for s in spellings(v.event) if isinstance(s, str)]
    lines = [text.replace("\n", " ") for text in texts]
    matches = crowd.match_batch("\n".join(lines))
    assert len(matches) == len(lines)
    for got, line in zip(matches, lines, strict=True):
        assert set(got) == set(crowd.match_json(line))


def test_the_table_after_everybody_else_has_left(crowd: Matcher[Any]) -> None:
    """Removals and replacements around a vector change nothing about it."""
    matcher: Matcher[Any] = Matcher()
    for number, vector in enumerate(VECTORS):
        matcher.add("x = 1", id=number)
        matcher.add(twins(vector)[0], id=(number, "other"))
    for number, vector in enumerate(VECTORS):
        matcher.replace(number, twins(vector)[0])
        matcher.remove((number, "other"))
    matcher.validate()
    for number, vector in enumerate(VECTORS):
        found = ask(matcher, vector.event)
        assert (number in found) == (vector.expected == "T"), vector
        if not isinstance(vector.event, str):
            assert set(found) == {n for n, value in crowd.match(vector.event) if value}


@pytest.mark.parametrize("event", vectors.BAD_EVENTS, ids=lambda e: ascii(type(e)))
@pytest.mark.parametrize("filter", ["a = 1", "z = 1", ""], ids=["wanted", "unwanted", "all"])
def test_bad_events(event: Any, filter: str) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add(filter)
    for call in (matcher.match, matcher.count, matcher.matches_any, matcher.destinations):
        if isinstance(event, str) and call != matcher.match:
            continue  # there, a str is JSON text
        with pytest.raises(EventError):
            call(event)
    with pytest.raises(EventError):
        matcher.match_batch([{}, event])


@pytest.mark.parametrize("event", vectors.GOOD_EVENTS)
def test_good_events(event: Any) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many({"all": "", "has a": "EXISTS(a)"})
    wanted = {"all"} | ({"has a"} if "a" in flatten(event) else set())
    assert set(matcher.match(event)) == wanted
    assert set(matcher.match_batch([event])[0]) == wanted


@pytest.mark.parametrize("filter", ["a = 1", "z = 1", ""], ids=["wanted", "unwanted", "all"])
def test_bad_json(filter: str) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add(filter)
    for text in vectors.BAD_JSON:
        with pytest.raises(EventError) as caught:
            matcher.match_json(text)
        size = len(text) if isinstance(text, bytes) else len(text.encode(errors="surrogatepass"))
        is_surrogate = isinstance(text, str) and "\ud800" in text
        assert is_surrogate or 0 <= caught.value.offset <= size, text


@pytest.mark.parametrize("filter", ["EXISTS(a)", "z = 1", ""], ids=["wanted", "unwanted", "all"])
def test_good_json(filter: str) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add(filter)
    for text in vectors.GOOD_JSON:
        assert matcher.match_json(text) == matcher.match(load_event(text)), text


def test_digits_are_a_limit() -> None:
    matcher: Matcher[Any] = Matcher()
    for event in ({"a": 10**1000}, {"b": [-(10**1000)]}):
        with pytest.raises(LimitExceeded) as caught:
            matcher.match(event)
        assert (caught.value.limit, caught.value.maximum) == ("digits", 1000)
        text = f'{{"a": {"7" * 1001}}}'
        with pytest.raises(LimitExceeded) as caught:
            matcher.match_json(text)
        assert (caught.value.limit, caught.value.maximum) == ("digits", 1000)
