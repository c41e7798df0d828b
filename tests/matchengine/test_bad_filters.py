"""Filters that are odd, hostile or huge: meant as written, or refused, soon and in little space."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from matchengine import (
    Filter,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    Limits,
    Matcher,
    _filters,
    attr,
    parse,
)
from matchengine.filters import filter_of


def alone(filter: str | Filter) -> Matcher[str]:
    matcher: Matcher[str] = Matcher()
    matcher.add(filter, id="x")
    if sum(matcher.stats()["rows"].values()) < 1000:  # beyond, it takes its time
        matcher.validate()
    return matcher


def holds(filter: str | Filter, *events: Any) -> list[bool]:
    matcher = alone(filter)
    return [bool(matcher.match(event)) for event in events]


def joined(op: str, texts: list[str]) -> Filter:
    """A filter of many parts that was built, not parsed."""
    irs = [parse(text)._ir for text in texts]
    return filter_of(_filters.combine(op, irs) if len(irs) > 1 else irs[0])


# ---- huge ----------------------------------------------------------------------------------------


def bomb(clauses: int) -> str:
    """2**clauses conjunctions, if somebody were to multiply it out."""
    return " AND ".join(f"(a{i} = {i} OR b{i} > {i})" for i in range(clauses))


def cost_of(text: str) -> int:
    matcher: Matcher[int] = Matcher()
    matcher.add("warm = 1 AND up > 2")
    before = matcher.stats()["bytes"]
    matcher.add(text)
    return int(matcher.stats()["bytes"]) - before


@pytest.mark.parametrize(
    "make",
    [
        bomb,
        lambda n: " OR ".join(f"(a{i} = {i} AND b{i} > {i})" for i in range(n)),
        lambda n: f"NOT ({bomb(n)})",
        lambda n: " AND ".join(
            f"(a = {i} OR b = {i} OR NOT (c = {i} AND d = 1))" for i in range(n)
        ),
        lambda n: "(" * n + "a = 1" + "".join(f" OR b = {i}) AND c <> {i}" for i in range(n)),
    ],
    ids=["and of ors", "or of ands", "negated", "shared", "nested"],
)
def test_a_bomb_of_forty_clauses(make: Callable[[int], str]) -> None:
    started = time.perf_counter()
    costs = {clauses: cost_of(make(clauses)) for clauses in (10, 40, 400)}
    assert time.perf_counter() - started < 5, "it multiplies out"
    for few, many in ((10, 40), (40, 400)):
        ratio = len(make(many)) / len(make(few))
        assert costs[many] < 2 * ratio * (costs[few] + 8192), costs


def test_the_bomb_means_what_it_says() -> None:
    matcher = alone(bomb(40))
    event = {f"{'ab'[i % 2]}{i}": i + i % 2 for i in range(40)}
    assert matcher.match(event) == ["x"]
    for i in range(40):
        for change in ({}, {f"{'ab'[i % 2]}{i}": i + 1 - i % 2}):
            less = {key: value for key, value in event.items() if key[1:] != str(i)} | change
            assert matcher.match(less) == []


def test_a_hundred_thousand_ands() -> None:
    text = " AND ".join(["a=1"] * 99_999 + ["b=2"])
    assert holds(text, {"a": 1, "b": 2}, {"a": 1}, {"b": 2}) == [True, False, False]
    text = " OR ".join(f"a={i}" for i in range(70_000))
    assert holds(text, {"a": 69_999}, {"a": 70_000}, {"a": [-1, 5]}) == [True, False, True]
    with pytest.raises(LimitExceeded) as caught:
        parse(" AND ".join(["a=1"] * 100_001))
    assert (caught.value.limit, caught.value.maximum) == ("predicates", 100_000)
    many = parse(" AND ".join(["a=1"] * 100_000))
    assert alone(many)["x"].filter == many
    with pytest.raises(LimitExceeded):
        many & (attr("b") == 1)
    with pytest.raises(LimitExceeded):
        ~many | many


def test_in_with_a_hundred_thousand_constants() -> None:
    members = range(0, 200_000, 2)
    for filter in (f"a IN ({','.join(map(str, members))})", attr("a").isin(members)):
        assert holds(filter, {"a": 0}, {"a": 199_998}, {"a": 3}, {"a": [3, 4]}, {}) == [
            True, True, False, True, False,
        ]  # fmt: skip
    negated = ~attr("a").isin(members)
    assert holds(negated, {"a": 3}, {"a": 4}, {"a": "x"}, {"a": None}) == [True, False, True, False]
    matcher = alone(attr("a").isin(members))
    matcher.replace("x", "a = 3")
    matcher.validate()
    assert matcher.stats()["constants"] == 1


def test_limits_of_in() -> None:
    attr("a").isin(range(1_000_000))
    with pytest.raises(LimitExceeded) as caught:
        attr("a").isin(range(1_000_001))
    assert caught.value.limit == "in_values"


def test_limits_of_text() -> None:
    size = 1 << 20
    assert parse("a" + " " * (size - 1)) == parse("a")
    assert parse(f"a = '{'x' * (size - 6)}'").paths == {"a"}
    for text in ("a" + " " * size, f"a = '{'x' * (size - 5)}'", f"a = '{'é' * (size // 2)}'"):
        with pytest.raises(LimitExceeded) as caught:
            parse(text)
        assert caught.value.limit == "filter_bytes"
    name = "n" * 65_536
    assert holds(f"{name} = 1", {name: 1}, {name[1:]: 1}) == [True, False]


def test_limits_of_text_are_the_matchers_own() -> None:
    """A filter that was built has no text; what it holds has limits of its own."""
    matcher: Matcher[Any] = Matcher(limits=Limits(filter_bytes=20))
    matcher.add("a = 'xxxxxxxxxxxxxx'")
    matcher.add(attr("a") == "x" * 1000)
    with pytest.raises(LimitExceeded) as caught:
        matcher.add("a = 'xxxxxxxxxxxxxxx'")
    assert (caught.value.limit, caught.value.maximum) == ("filter_bytes", 20)


def test_limits_of_depth() -> None:
    for open, close in (("(", ")"), ("NOT ", ""), ("NOT (", ")")):
        most = 1000 // (1 + (open == "NOT ("))
        assert alone(open * most + "a" + close * most)
        for deep in (most + 1, 10**5):
            with pytest.raises(LimitExceeded) as caught:
                parse(open * deep + "a" + close * deep)
            assert (caught.value.limit, caught.value.maximum) == ("filter_depth", 1000)
    built = attr("a") == 1
    for _ in range(500):
        built = ~(built & (attr("b") == 1))
    with pytest.raises(LimitExceeded) as caught:
        ~(built & (attr("b") == 1))
    assert caught.value.limit == "filter_depth"
    assert parse(str(built)) == built
    alone(built)
    assert holds("NOT " * 1000 + "a", {"a": True}, {"a": False}) == [True, False]
    assert holds("NOT " * 999 + "a", {"a": True}, {"a": False}) == [False, True]


@pytest.mark.parametrize(
    ("name", "maximum", "good", "bad"),
    [
        ("predicates", 3, ["a = 1"] * 3, ["a = 1"] * 4),
        ("in_values", 3, ["a IN (1, 2, 3)"], ["a IN (1, 2, 3, 4)"]),
        ("filter_depth", 2, ["NOT (a = 1 OR b = 1)"], ["NOT NOT (a = 1 OR b = 1)"]),
        ("digits", 20, ["a = " + "9" * 20], ["a = -" + "9" * 21]),
    ],
)
def test_limits_of_a_matcher(name: str, maximum: int, good: list[str], bad: list[str]) -> None:
    matcher: Matcher[Any] = Matcher(limits=Limits(**{name: maximum}))
    for filter in (" AND ".join(good), joined("AND", good)):
        matcher.add(filter)
    for filter in (" AND ".join(bad), joined("AND", bad)):
        with pytest.raises(LimitExceeded) as caught:
            matcher.add(filter)
        assert (caught.value.limit, caught.value.maximum) == (name, maximum)
        with pytest.raises(LimitExceeded):
            matcher.add_many({"x": filter})
        assert matcher.check(filter).error is not None
    assert len(matcher) == 2


# ---- odd -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\v\f", " " * 10_000])
def test_empty_filters_match_everything(text: str) -> None:
    assert holds(text, {}, {"a": None}) == [True, True]
    assert str(parse(text)) == "TRUE"


REFUSED = [
    "x = nan()", "a = 0x10", "a = 1_000", "a = 1,5", "a = 1.000,5", "a = +1",
    "a = .5", "a = 5.", "a = 1e", "a = 1²", "a = 'x", 'a = "x', "a == 1",
    "a = 1;", "a = 1 -- ", "a = 1 /* */", "a && b", "a || b", "!a", "a AND", "AND a", "NOT",
    "a OR OR b", "()", "(a", "a)", "a IN ()", "a IN (1,)", "a IN 1", "a BETWEEN 1", "a LIKE",
    "a BETWEEN 1 OR 2", "a LIKE 'x!' ESCAPE '!'", "a LIKE 'x' ESCAPE ''", "a LIKE 'x' ESCAPE 'xy'",
    "a NOT = 1", "a IS 5", "EXISTS a", "EXISTS()", "EXISTS('a')", "unknown(a)", "STARTS_WITH(a)",
    "STARTS_WITH(a, 'x', 'y')", "LOWER(a) = 'x'", "a = b +", "a + 1", "1 = 1", "1 < a < 5", "a b",
    "a.b. = 1", ".a = 1", "a..b = 1", "\ud800 = 1", "a = '\udfff'", "a = 1\0", "$(rm)",
    "'; DROP TABLE x; --",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_texts_that_are_refused(text: str) -> None:
    matcher: Matcher[Any] = Matcher()
    with pytest.raises(FilterSyntaxError) as caught:
        matcher.add(text)
    assert 0 <= caught.value.position <= len(text)
    assert "^" in str(caught.value)
    diagnosis = matcher.check(text)
    assert not diagnosis.ok
    assert str(diagnosis.error) == str(caught.value)
    matcher.validate()
    assert (len(matcher), matcher.stats()["paths"]) == (0, alone("").stats()["paths"])


def test_the_place_of_an_error_counts_code_points() -> None:
    for text in (
        "größe = 'é😀' AND ?",
        "\U0001f600 = 1 AND ?",
        "a = 'e\u0301' AND ?",
        "\t\n a AND ?",
    ):
        with pytest.raises(FilterSyntaxError) as caught:
            parse(text)
        assert text[caught.value.position] == "?"


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("a = -0.0", [0, 0.0, -0.0], ["0", False, 5e-324]),
        ("a = 1e400", [float("inf"), 1e999], [float("-inf"), float("nan"), 10**999]),
        ("a = -1e400", [float("-inf")], [float("inf")]),
        ("a = 007", [7, 7.0], [70, "007"]),
        ("a = 9007199254740993", [2**53 + 1], [2.0**53, 2**53, 2**53 + 2]),
        ("a > 9007199254740992", [2**53 + 1, 2.0**53 + 2], [2.0**53, 2**53]),
        ("a = 9223372036854775808", [2**63, 2.0**63], [2**63 - 1]),
        ("a = 18446744073709551616", [2**64, 2.0**64], [2**64 - 1]),
        ("a < 1000000000000000000000000000000", [10**30 - 1], [10**30, 1e30]),
        ("a = -9223372036854775808", [-(2**63), -(2.0**63)], [2**63]),
        ("a = 1", [1, 1.0, [True, 1]], [True, "1"]),
        ("a = TRUE", [True], [1, 1.0, "TRUE"]),
        ("a = 'é'", ["é"], ["e\u0301", "É"]),
        ("a = 'x\0y'", ["x\0y"], ["x", "x\0"]),
        ("a = '\u202ex'", ["\u202ex"], ["x"]),
        ("a ILIKE 'i'", ["I", "i"], ["İ", "ı"]),
        ("a ILIKE 'İ'", ["İ"], ["i", "I", "i\u0307"]),
        ("a LIKE '%a%a%a%a%a%b'", ["a" * 5 + "b"], ["a" * 50_000, "b", "aaaab"]),
        ("a LIKE '%\\%%'", ["\\", "a\\b"], ["%"]),
        ("a LIKE '100!%' ESCAPE '!'", ["100%"], ["1000"]),
        ("a IN (1, 1, 1.0, 1)", [1], [2]),
        ("a > 5 AND a < 3", [[10, 1]], [4, [4, 4]]),
        ("a = 5 AND a = 6", [[5, 6]], [5, 6]),
        ("a BETWEEN 5 AND 3", [], [4, 5, 3, [6, 2]]),
        ("NOT (a = 1 OR a <> 1)", ["x", True, float("nan")], [1, 2]),
    ],
)
def test_odd_filters_mean_what_they_say(text: str, yes: list[Any], no: list[Any]) -> None:
    assert holds(text, *({"a": value} for value in yes)) == [True] * len(yes)
    assert holds(text, *({"a": value} for value in no)) == [False] * len(no)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a.b", "a..b", ".", "AND", "null", 'q"q', "é\u0301", "\0"]
)
def test_odd_names(name: str) -> None:
    filter = attr(name) == 1
    assert parse(str(filter)) == filter
    assert holds(filter, {name: 1}, {name + "x": 1}, {name: 2}) == [True, False, False]
    assert alone(filter).match_json(f"{{{__import__('json').dumps(name)}: 1}}") == ["x"]


# ---- check ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "TRUE", "NOT FALSE", "a = 1 OR TRUE", "NOT (a = 1 AND FALSE)"]
)
def test_tautologies(text: str) -> None:
    diagnosis = Matcher().check(text)
    assert diagnosis.ok
    assert diagnosis.always_true
    assert not diagnosis.contradiction
    assert holds(text, {}, {"a": 1}, {"a": None}) == [True] * 3


@pytest.mark.parametrize("text", ["FALSE", "NOT TRUE", "a = 1 AND FALSE", "NOT (a = 1 OR TRUE)"])
def test_contradictions(text: str) -> None:
    diagnosis = Matcher().check(text)
    assert diagnosis.ok
    assert diagnosis.contradiction
    assert (diagnosis.anchors, diagnosis.cost) == ({}, 0.0)
    matcher = alone(text)
    assert matcher.stats()["never"] == 1
    assert matcher.match({"a": 1}) == matcher.match({}) == []


@pytest.mark.parametrize(
    "text", ["a = 1 OR a <> 1", "a > 5 AND a < 3", "EXISTS(a) OR a IS NULL", "a = 1 AND NOT a = 1"]
)
def test_what_only_looks_like_one(text: str) -> None:
    """Missing values, other types and arrays make these neither, or at least need not be seen."""
    diagnosis = Matcher().check(text)
    events: list[dict[str, Any]] = [{}, {"a": 1}, {"a": [7, 1]}, {"a": "x"}, {"a": None}]
    outcomes = set(holds(text, *events))
    assert not (diagnosis.contradiction and True in outcomes)
    assert not (diagnosis.always_true and False in outcomes)


def test_check_says_where_a_filter_would_be_filed() -> None:
    matcher: Matcher[Any] = Matcher()
    for text, kind in [
        ("a = 1 AND b > 2", "equal"),
        ("b > 2", "range"),
        ("s LIKE '%x%y'", "pattern"),
        ("EXISTS(a)", "present"),
    ]:
        diagnosis = matcher.check(text)
        assert diagnosis.anchors == {kind: 1}
        assert 0 < diagnosis.cost <= 1
        assert diagnosis.filter == parse(text)
    assert matcher.check("a IS NULL").anchors == {}
    assert matcher.check("a IN (1, 2, 3)").anchors == {"equal": 3}
    assert (len(matcher), matcher.stats()["constants"]) == (0, 0)
    with pytest.raises(TypeError):
        matcher.check(5)  # type: ignore[arg-type]
    assert isinstance(matcher.check("a < TRUE").error, FilterTypeError)
