"""Changes to the question that must not change the answer, or change it in a known way."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from matchengine import EventError, Filter, Matcher, parse
from strategies import built_filters, events, filter_texts, json_texts

TEXTS = st.lists(filter_texts, min_size=1, max_size=12)
BATCHES = st.lists(events, min_size=1, max_size=4)


def matcher_of(filters: dict[Any, str | Filter]) -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many(filters)
    return matcher


def answers(matcher: Matcher[Any], batch: list[dict[str, Any]]) -> list[set[Any]]:
    found = [set(one) for one in matcher.match_batch(batch)]
    assert found == [set(matcher.match(event)) for event in batch]
    return found


@given(texts=TEXTS, batch=BATCHES, data=st.data())
def test_the_order_of_adds(texts: list[str], batch: list[dict[str, Any]], data: Any) -> None:
    filters: dict[Any, Any] = dict(enumerate(texts))
    shuffled = data.draw(st.permutations(list(filters.items())))
    one_by_one: Matcher[Any] = Matcher()
    for id, filter in shuffled:
        one_by_one.add(filter, id=id)
    assert answers(one_by_one, batch) == answers(matcher_of(filters), batch)


@given(texts=TEXTS, others=TEXTS, batch=BATCHES)
def test_unrelated_adds(texts: list[str], others: list[str], batch: list[dict[str, Any]]) -> None:
    alone = answers(matcher_of(dict(enumerate(texts))), batch)
    matcher = matcher_of({("other", n): text for n, text in enumerate(others)})
    answers(matcher, batch)  # so that anchors are chosen by what was seen
    matcher.add_many(enumerate(texts))
    among = answers(matcher, batch)
    assert [{id for id in one if isinstance(id, int)} for one in among] == alone


@given(texts=TEXTS, others=TEXTS, batch=BATCHES, data=st.data())
def test_remove_undoes_add(
    texts: list[str], others: list[str], batch: list[dict[str, Any]], data: Any
) -> None:
    matcher = matcher_of(dict(enumerate(texts)))
    before = answers(matcher, batch)
    sizes = {key: n for key, n in matcher.stats().items() if key in ("constants", "cuts", "paths")}
    ids = matcher.add_many((None, text) for text in others)
    for id in data.draw(st.permutations(ids)):
        matcher.remove(id)
    matcher.validate()
    assert answers(matcher, batch) == before
    after = matcher.stats()
    assert {key: after[key] for key in sizes} == sizes
    assert sum(after["rows"].values()) + after["unanchored"] == rows_of(texts, matcher)


def rows_of(texts: list[str], matcher: Matcher[Any]) -> int:
    stats = matcher_of(dict(enumerate(texts))).stats()
    assert matcher.stats()["never"] == stats["never"]
    return sum(stats["rows"].values()) + stats["unanchored"]


@given(first=filter_texts, second=filter_texts, batch=BATCHES)
def test_replace_is_remove_and_add(first: str, second: str, batch: list[dict[str, Any]]) -> None:
    matcher = matcher_of({"x": first, "y": "EXISTS(a)"})
    matcher.replace("x", second)
    assert answers(matcher, batch) == answers(matcher_of({"x": second, "y": "EXISTS(a)"}), batch)
    matcher.replace("x", first)
    assert answers(matcher, batch) == answers(matcher_of({"x": first, "y": "EXISTS(a)"}), batch)


@given(f=filter_texts, g=filter_texts, h=filter_texts, batch=BATCHES)
def test_what_kleene_allows(f: str, g: str, h: str, batch: list[dict[str, Any]]) -> None:
    """Laws of Kleene's logic: each pair of spellings matches the same events."""
    a, b, c = f"({f or 'TRUE'})", f"({g or 'TRUE'})", f"({h or 'TRUE'})"
    pairs = [
        (f"NOT ({a} AND {b})", f"NOT {a} OR NOT {b}"),
        (f"NOT ({a} OR {b})", f"NOT {a} AND NOT {b}"),
        (f"NOT NOT {a}", a),
        (f"{a} AND {b}", f"{b} AND {a}"),
        (f"{a} OR {b}", f"{b} OR {a}"),
        (f"{a} AND ({b} OR {c})", f"{a} AND {b} OR {a} AND {c}"),
        (f"{a} OR {b} AND {c}", f"({a} OR {b}) AND ({a} OR {c})"),
        (f"{a} AND ({a} OR {b})", a),
        (f"{a} OR {a} AND {b}", a),
        (f"{a} AND {a}", a),
        (f"{a} AND TRUE", f"{a} OR FALSE"),
        (f"{a} AND FALSE", "FALSE"),
        (f"{a} OR TRUE", "TRUE"),
    ]
    sides = matcher_of(
        {(n, side): text for n, pair in enumerate(pairs) for side, text in enumerate(pair)}
    )
    for found in answers(sides, batch):
        for n, pair in enumerate(pairs):
            assert ((n, 0) in found) == ((n, 1) in found), pair
    # No law of the excluded middle, but one of contradiction.
    both = matcher_of({"yes": a, "no": f"NOT {a}", "both": f"{a} AND NOT {a}"})
    for found in answers(both, batch):
        assert found in (set(), {"yes"}, {"no"})


@given(f=filter_texts, batch=BATCHES)
def test_canonical_text_means_the_same(f: str, batch: list[dict[str, Any]]) -> None:
    matcher = matcher_of({"text": f, "filter": parse(f), "canonical": str(parse(f))})
    for found in answers(matcher, batch):
        assert found in (set(), {"text", "filter", "canonical"})
    assert len({matcher[id].filter for id in matcher}) == 1


@given(f=built_filters, batch=BATCHES)
def test_built_and_written_filters_mean_the_same(f: Filter, batch: list[dict[str, Any]]) -> None:
    assert parse(str(f)) == f
    matcher = matcher_of({"built": f, "written": str(f), "not": ~f, "not not": ~~f})
    for found in answers(matcher, batch):
        assert found in (set(), {"not"}, {"built", "written", "not not"})


@given(texts=TEXTS, text=json_texts)
def test_json_means_what_python_reads(texts: list[str], text: str) -> None:
    """The law: match_json(t) is match(json.loads(t))."""
    matcher = matcher_of(dict(enumerate(texts)))
    wanted = set(matcher.match(json.loads(text)))
    raw = text.encode()
    for form in (text, raw, bytearray(raw), memoryview(raw)):
        assert set(matcher.match_json(form)) == wanted
        assert matcher.count(form) == len(wanted)
    assert [set(one) for one in matcher.match_batch([json.loads(text)] * 2)] == [wanted] * 2


def outcome(call: Any, event: Any) -> Any:
    try:
        return sorted(call(event))
    except EventError:
        return "refused"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(event=st.dictionaries(st.text(max_size=3), ANY_JSON, max_size=4), data=st.data())
def test_json_that_python_writes(event: dict[str, Any], data: Any) -> None:
    """Any names and values at all, asked for by filters that are made from the event."""
    matcher: Matcher[Any] = Matcher()
    ascii = data.draw(st.booleans())
    text = json.dumps(event, ensure_ascii=ascii)
    if not any(word in text for word in ("NaN", "Infinity")):
        for key in event:
            matcher.add(f'EXISTS("{key.replace(chr(34), chr(34) * 2)}")', id=key)
        raw = text if ascii else text.encode()
        assert outcome(matcher.match_json, raw) == outcome(matcher.match, json.loads(text))


@given(text=json_texts, data=st.data())
def test_broken_json_is_refused(text: str, data: Any) -> None:
    """A text that Python refuses is refused, with a place in it."""
    raw = text.encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    broken = raw[:at] + data.draw(st.binary(max_size=2)) + raw[at + 1 :]
    matcher = matcher_of({"all": "", "some": "EXISTS(a)"})
    try:
        event = json.loads(broken.decode(), parse_constant=lambda name: {}[name])
    except (ValueError, KeyError):
        event = None
    try:
        found = set(matcher.match_json(broken))
        refused = None
    except EventError as error:
        refused = error.offset
    if refused is None:
        assert found == set(matcher.match(event))
        return
    assert 0 <= refused <= len(broken)
    # Python reads some texts that are no event: no more than that may be refused.
    assert not isinstance(event, dict) or outcome(matcher.match, event) == "refused"
