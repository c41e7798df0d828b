"""explain: it agrees with match and with the twin, leaf by leaf, and names what decides."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchengine import (
    Anchor,
    EventError,
    Explanation,
    FilterSyntaxError,
    Limits,
    Matcher,
    Reason,
    UnknownSubscription,
    parse,
    reference,
)
from matchengine.cli import main
from strategies import Drawn, any_filter_text, event_of, json_text
from vectors import VECTORS

OUTCOMES = {True: "true", False: "false", None: "unknown"}


def explain(text: str, event: Any) -> Explanation:
    matcher: Matcher[str] = Matcher()
    matcher.add(text, id="it")
    return matcher.explain(event, "it")


# ---- agreement ----------------------------------------------------------------------------------


def check(matcher: Matcher[Any], id: Any, event: Any) -> None:
    found = matcher.explain(event, id)
    node = reference.parse(str(matcher[id].filter))
    values = reference.flatten(event)
    assert found.matched == (id in matcher.match(event))
    assert found.outcome == OUTCOMES[reference.evaluate(node, values)]
    assert found.matched == any(anchor.stage == "matched" for anchor in found.anchors)
    for reason in found.reasons:
        leaf = reference.parse(reason.predicate)
        assert reason.outcome == OUTCOMES[reference.evaluate(leaf, values, node)], reason
        if reason.path is not None:
            there = values.get(reason.path, [])
            assert len(there) == len(reason.values)
            for value, mine in zip(there, reason.values, strict=True):
                assert repr(value) == repr(mine) or value == mine
    json.loads(found.as_json())
    assert str(found)


@given(st.data())
def test_it_agrees_with_match_and_the_twin(data: st.DataObject) -> None:
    source = Drawn(data.draw)
    matcher: Matcher[int] = Matcher()
    for _ in range(data.draw(st.integers(1, 4))):
        matcher.add(any_filter_text(source))
    event = event_of(source)
    for id in matcher:
        check(matcher, id, event)
    matcher.validate()


@given(st.data())
def test_json_is_read_as_match_json_reads_it(data: st.DataObject) -> None:
    source = Drawn(data.draw)
    matcher: Matcher[int] = Matcher()
    id = matcher.add(any_filter_text(source))
    text = json_text(source)
    assert matcher.explain(text, id).matched == (id in matcher.match_json(text))
    assert matcher.explain(text.encode(), id) == matcher.explain(text, id)


def test_every_vector() -> None:
    matcher: Matcher[int] = Matcher()
    for number, vector in enumerate(VECTORS):
        matcher.add(parse(vector.filter, **vector.params), id=number)
    for number, vector in enumerate(VECTORS):
        if isinstance(vector.event, dict):
            check(matcher, number, vector.event)
    matcher.validate()


# ---- what decides -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "event", "outcome", "predicates"),
    [
        ("a = 1 AND b = 2", {"a": 1, "b": 2}, "true", ["a = 1", "b = 2"]),
        ("a = 1 AND b = 2", {"a": 1, "b": 3}, "false", ["b = 2"]),
        ("a = 1 AND b = 2", {"a": 0, "b": 3}, "false", ["a = 1", "b = 2"]),
        ("a = 1 AND b = 2", {"a": 1}, "unknown", ["b = 2"]),
        ("a = 1 AND b = 2", {"a": 0}, "false", ["a = 1"]),
        ("a = 1 OR b = 2", {"a": 1, "b": 3}, "true", ["a = 1"]),
        ("a = 1 OR b = 2", {"a": 0, "b": 3}, "false", ["a = 1", "b = 2"]),
        ("a = 1 OR b = 2", {"a": 0}, "unknown", ["b = 2"]),
        ("NOT (a = 1 OR b = 2)", {"a": 1}, "false", ["a = 1"]),
        ("NOT a IN (1, 2)", {"a": 3}, "true", ["a IN (1, 2)"]),
        ("a = 1 AND (b = 2 OR NOT c > 3)", {"a": 1, "b": 0, "c": 4}, "false", ["b = 2", "c > 3"]),
        ("TRUE", {}, "true", ["TRUE"]),
        ("a = 1 AND FALSE", {"a": 1}, "false", ["FALSE"]),
        ("", {"a": 1}, "true", ["TRUE"]),
    ],
)
def test_the_predicates_that_decide(
    text: str, event: dict[str, Any], outcome: str, predicates: list[str]
) -> None:
    found = explain(text, event)
    assert found.outcome == outcome
    assert [reason.predicate for reason in found.reasons] == predicates


def test_a_deep_filter() -> None:
    depth = 60
    text = "(a = 1 AND (b = 2 OR " * (depth // 2) + "c = 3" + "))" * (depth // 2)
    assert [r.predicate for r in explain(text, {"a": 1, "b": 0, "c": 4}).reasons][-1] == "c = 3"


def test_a_filter_of_many_predicates() -> None:
    found = explain(" OR ".join(f"a{n} = {n}" for n in range(2_000)), {"a1500": 1500})
    assert found.reasons == (Reason("a1500 = 1500", "true", "a1500", (1500,)),)
    assert len(found.anchors) == 2_000
    assert sum(anchor.stage == "matched" for anchor in found.anchors) == 1
    assert len(str(found).splitlines()) < 2_010


# ---- values and anchors -------------------------------------------------------------------------


def test_the_values_are_those_of_the_event() -> None:
    values = [None, True, 2**80, -(10**900), 1.5, "é", 7]
    found = explain("a = 1", {"a": values})
    assert found.reasons[0].values == tuple(values)
    assert "null, true, 1208925819614629174706176" in str(found)
    assert "(902 characters)" in str(found)
    assert "2 more" in str(found)


def test_nan_is_written_as_text() -> None:
    found = explain("a = 1", {"a": math.nan})
    assert json.loads(found.as_json())["reasons"][0]["values"] == ["nan"]


@pytest.mark.parametrize(
    ("text", "event", "anchor"),
    [
        ("a = 1 AND b > 2", {"a": 1, "b": 3}, Anchor("equal", "a", "matched")),
        ("a = 1 AND b > 2", {"a": 1, "b": 1}, Anchor("equal", "a", "residual")),
        ("a = 1 AND b > 2", {"a": 1}, Anchor("equal", "a", "needs")),
        ("a = 1 AND b = 2", {"a": 3, "b": 2}, Anchor("equal", "b", "needs")),
        ("a = 1 AND b > 2", {"a": 2, "b": 3}, Anchor("equal", "a", "anchor")),
        ("a > 1", {"a": 1}, Anchor("range", "a", "anchor")),
        ("a.b > 1", {"a": {"b": 2}}, Anchor("range", "a.b", "matched")),
        ("a LIKE '%x%'", {"a": "wxy"}, Anchor("pattern", "a", "matched")),
        ("EXISTS(a)", {"a": None}, Anchor("present", "a", "matched")),
        ("a IS NULL", {}, Anchor("none", None, "matched")),
        ("NOT EXISTS(a)", {"a": 1}, Anchor("none", None, "residual")),
    ],
)
def test_where_the_engine_has_it(text: str, event: dict[str, Any], anchor: Anchor) -> None:
    assert explain(text, event).anchors == (anchor,)


def test_a_contradiction_is_filed_nowhere() -> None:
    found = explain("a = 1 AND FALSE", {"a": 1})
    assert found.anchors == ()
    assert "no event can match it" in str(found)


def test_it_reads_well() -> None:
    found = explain("symbol = 'ACME' AND price < 10", {"symbol": "ACME", "price": 12.5})
    assert str(found).splitlines() == [
        "'it' does not match: the filter is false",
        "  symbol = 'ACME' AND price < 10",
        "  - price < 10 is false: price is 12.5",
        "  filed under a value of symbol, which the event meets, but the rest of the filter does "
        "not hold",
    ]
    assert not found
    assert found.filter == parse("symbol = 'ACME' AND price < 10")


@pytest.mark.parametrize(
    ("text", "event", "cause"),
    [
        ("1 / a > 0", {"a": 0}, "divided by zero"),
        ("a / b > 1", {"a": [1, 2], "b": 0.0}, "divided by zero"),
        ("NOT a BETWEEN b AND 1 / (b - 2)", {"a": 1, "b": 2}, "divided by zero"),
        ("a < b", {"a": [5] * 10, "b": [1] * 10}, "more combinations of values than"),
        ("a / b > 1", {"a": [1] * 10, "b": [2] * 10}, "divided by zero, or more combinations"),
        ("1 / a > b", {"a": 0}, ""),  # a missing or null attribute says enough
        ("1 / a > b", {"a": 0, "b": None}, ""),
        ("1 / a > 2", {"a": 1}, ""),  # false
    ],
)
def test_why_a_computed_predicate_is_unknown(text: str, event: dict[str, Any], cause: str) -> None:
    matcher: Matcher[str] = Matcher(limits=Limits(combinations=99))
    matcher.add(text, id="it")
    (reason,) = matcher.explain(event, "it").reasons
    assert reason.cause.startswith(cause)
    assert bool(reason.cause) == bool(cause) == ("cause" in reason.as_dict())
    assert reason.outcome == ("unknown" if cause or "b" in text else "false")
    assert str(reason).endswith(f"; {reason.cause}" if cause else str(reason))


# ---- bad input and threads ----------------------------------------------------------------------


def test_bad_input() -> None:
    matcher: Matcher[str] = Matcher()
    matcher.add("a = 1", id="it")
    with pytest.raises(UnknownSubscription):
        matcher.explain({"a": 1}, "other")
    with pytest.raises(EventError, match=r"\ba\b"):
        matcher.explain({"a": object()}, "it")
    with pytest.raises(EventError) as raised:
        matcher.explain('{"a": 1,}', "it")
    assert raised.value.offset == 8
    with pytest.raises(EventError):
        matcher.explain([("a", 1)], "it")  # type: ignore[arg-type]
    assert matcher.explain({"a": 1}, "it").matched
    matcher.remove("it")
    with pytest.raises(UnknownSubscription):
        matcher.explain({"a": 1}, "it")


def test_beside_other_threads() -> None:
    matcher: Matcher[int] = Matcher()
    kept = matcher.add("a = 1 AND b > 2")
    stop = threading.Event()
    wrong: list[object] = []

    def churn() -> None:
        while not stop.is_set():
            matcher.remove(matcher.add("a = 1 AND b IN (3, 4) AND c LIKE '%x%'"))
            wrong.extend(ids for ids in [matcher.match({"a": 1, "b": 3})] if kept not in ids)

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            assert matcher.explain({"a": 1, "b": 3}, kept).matched
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    matcher.validate()


class Leaving(Mapping[str, int]):
    """An event whose reading changes the matcher."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change = change

    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        self.change()
        return iter(["a"])

    def __len__(self) -> int:
        return 1


def test_a_subscription_that_goes_while_the_event_is_read() -> None:
    matcher: Matcher[str] = Matcher()
    matcher.add("a = 1 AND b > 2", id="it")
    with pytest.raises(UnknownSubscription):
        matcher.explain(Leaving(lambda: matcher.discard("it")), "it")
    matcher.add("a = 1 AND b > 2", id="it")
    changed = matcher.explain(Leaving(lambda: matcher.replace("it", "TRUE")), "it")
    assert changed.matched
    assert str(changed.filter) == "TRUE"

    def exchange() -> None:
        matcher.remove("it")
        matcher.add("b = 1", id="other")  # by the same handle

    with pytest.raises(UnknownSubscription):
        matcher.explain(Leaving(exchange), "it")
    matcher.validate()


def test_many_predicates_on_a_long_array() -> None:
    found = explain(" OR ".join(f"a = {n}" for n in range(1_000)), {"a": [-1] * 20_000})
    assert len({id(reason.values) for reason in found.reasons}) == 1
    assert len(found.as_json()) < 1_000_000
    assert found.as_dict()["reasons"][0]["more"] == 19_900


def test_deep_json_and_long_numbers() -> None:
    matcher: Matcher[str] = Matcher(limits=Limits(event_depth=100_000, digits=10_000))
    matcher.add("a = 1", id="it")
    assert matcher.explain('{"a": ' + "[" * 50_000 + "1" + "]" * 50_000 + "}", "it").matched
    found = matcher.explain('{"a": ' + "9" * 9_000 + "}", "it")
    assert not found.matched
    assert "9" * 9_000 in found.as_json()
    assert "(9,000 characters)" in str(found)


@pytest.mark.parametrize(
    "id", [math.inf, (math.nan,), 10**5_000, b"x", (1, "a")], ids=["inf", "nan", "long", "b", "t"]
)
def test_ids_that_json_does_not_have(id: Any) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add("a = 'x\x1b[31m\ny'", id=id)
    found = matcher.explain({"a": 1}, id)
    json.loads(found.as_json(), parse_constant=pytest.fail)
    assert "\x1b" not in str(found)
    assert len(str(found).splitlines()) == 4


# ---- the command --------------------------------------------------------------------------------


def test_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "price < 10", '{"price": 12}']) == 0
    assert "price < 10 is false: price is 12" in capfd.readouterr().out
    rule = '{"id": "alice", "filter": "price < 10"}'
    assert main(["explain", "--json", rule, '{"price": 9}']) == 0
    assert json.loads(capfd.readouterr().out)["id"] == "alice"


@pytest.mark.parametrize(
    ("rule", "event", "complaint"),
    [
        ("price <", "{}", "RULE: "),
        ('{"id": 1}', "{}", "RULE: "),
        ("\n".join(['{"id": 1, "filter": "a = 1"}', '{"id": 2, "filter": "a = 1"}']), "{}", "RULE"),
        ("price < 1", "[]", "EVENT: "),
        ("price < 1", "{", "EVENT: "),
    ],
)
def test_the_command_with_bad_input(
    rule: str, event: str, complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", rule, event]) == 1
    assert complaint in capfd.readouterr().err


def test_the_error_of_a_rule_is_that_of_add() -> None:
    with pytest.raises(FilterSyntaxError):
        explain("a = ", {})
