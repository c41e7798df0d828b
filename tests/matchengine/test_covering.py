"""Covering, overlap and merging: what they say of two filters, and what a matcher answers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import coverings
from matchengine import (
    Filter,
    FilterSyntaxError,
    LimitExceeded,
    Limits,
    Matcher,
    attr,
    covers,
    merge,
    overlaps,
    parse,
    reference,
)
from strategies import built_filters, events, filter_texts

# ---- two filters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_against_every_event_of_a_small_domain(seed: int) -> None:
    tally = coverings.run(100, seed, 60, coverings.Tally())
    assert tally.wrong == []
    assert tally.covering > 500, "too few of the pairs say anything"
    assert tally.merged > 10


@given(filter_texts, filter_texts, st.lists(events, min_size=1, max_size=20))
def test_no_event_contradicts_a_covering(f: str, g: str, some: list[dict[str, Any]]) -> None:
    first, second = reference.parse(f), reference.parse(g)
    covering, meeting, merged = covers(f, g), overlaps(f, g), merge(f, g)
    alone, apart = overlaps(f, g, arrays=False), overlaps(f, g, arrays="unshared")
    assert meeting >= apart >= alone
    assert apart == overlaps(g, f, arrays="unshared")
    shared = parse(f).paths & parse(g).paths
    for event in some:
        values = reference.flatten(event)
        matches = [reference.evaluate(node, values) is True for node in (first, second)]
        assert matches[0] or not (covering and matches[1])
        assert meeting or not all(matches)
        if all(len(these) <= 1 for these in values.values()):
            assert alone or not all(matches)
        if all(len(values.get(path, [])) <= 1 for path in shared):
            assert apart or not all(matches)
        if merged is not None:
            assert (reference.evaluate(reference.parse(str(merged)), values) is True) == any(
                matches
            )


@given(built_filters)
def test_a_filter_covers_itself_and_its_like(f: Filter) -> None:
    assert covers(f, f)
    assert covers("", f)
    assert covers(f, "FALSE")
    assert covers(f, f & parse("zz = 1"))
    assert covers(f | parse("zz = 1"), f)
    assert merge(f, f) == f


NEIGHBOURS = [
    ("1", "1.0000000000000002"),  # the next double
    ("-5e-324", "0"),
    ("9007199254740992", "9007199254740993"),  # the next integer, which is no double
    ("9223372036854775807", "9223372036854775808"),  # the last int64, and the next double
    ("-9223372036854775809", "-9223372036854775808"),
    ("1" + "0" * 30, "1" + "0" * 29 + "1"),
    ("9" * 30, "1" + "0" * 30),
    ("-1" + "0" * 30, "-" + "9" * 30),
    ("'a'", "'a\0'"),
    ("''", "'\0'"),
]


@pytest.mark.parametrize(("low", "high"), NEIGHBOURS)
def test_nothing_lies_between_neighbours(low: str, high: str) -> None:
    assert covers(f"a >= {high}", f"a > {low}")
    assert covers(f"a > {low}", f"a >= {high}")
    assert covers(f"a <= {low}", f"a < {high}")
    assert covers(f"a IN ({low}, {high})", f"a BETWEEN {low} AND {high}")
    assert not covers(f"a IN ({low})", f"a BETWEEN {low} AND {high}")
    assert not covers(f"a > {high}", f"a > {low}")
    assert not overlaps(f"a > {low}", f"a < {high}", arrays=False)
    assert overlaps(f"a >= {low}", f"a < {high}", arrays=False)


NOT_NEIGHBOURS = [
    ("1", "2"),
    ("9007199254740992", "9007199254740994"),
    ("9223372036854775806", "9223372036854775808"),
    ("1" + "0" * 30, "1" + "0" * 29 + "2"),
    ("1e+300", "1.0000000000000002e+300"),  # integers lie between
    ("1" + "0" * 400, "1e+999"),
    ("1.7976931348623157e+308", "1e+999"),
    ("'a'", "'b'"),
    ("'a'", "'a\x01'"),
]


@pytest.mark.parametrize(("low", "high"), NOT_NEIGHBOURS)
def test_something_lies_between_others(low: str, high: str) -> None:
    assert not covers(f"a >= {high}", f"a > {low}")
    assert not covers(f"a IN ({low}, {high})", f"a BETWEEN {low} AND {high}")
    assert overlaps(f"a > {low}", f"a < {high}", arrays=False)


@pytest.mark.parametrize(
    ("g", "s"),
    [
        ("STARTS_WITH(a, 'x')", "a >= 'x' AND a < 'y'"),  # an array may have one of each
        ("a BETWEEN 1 AND 9", "a >= 1 AND a <= 9"),
        ("a <= 5", "NOT a > 5"),
        ("NOT a > 5", "a <= 5"),
        ("a = 5", "EXISTS(a)"),
        ("EXISTS(a)", "a IS NULL"),
        ("a = 1", "a = TRUE"),
        ("a LIKE 'x%'", "a ILIKE 'x%'"),
        ("a = 1 AND b = 2", "a = 1 OR b = 2"),
    ],
)
def test_what_does_not_cover(g: str, s: str) -> None:
    assert not covers(g, s)


@pytest.mark.parametrize(
    ("g", "s"),
    [
        ("a >= 'x'", "STARTS_WITH(a, 'x')"),
        ("STARTS_WITH(a, 'x')", "a LIKE 'xy%'"),
        ("a LIKE '%'", "STARTS_WITH(a, '')"),
        ("a < 'd\ue000'", "a < 'd\ud7ff\U0010ffff'"),
        ("a < 'd\ue000'", "STARTS_WITH(a, 'd\ud7ff')"),
        ("STARTS_WITH(a, 'd\ud7ff')", "a BETWEEN 'd\ud7ff' AND 'd\ud7ff\U0010ffff'"),
        ("a > 5 AND a < 9", "a < 8 AND a > 6 AND b = 1"),
        ("NOT a > 5", "NOT a > 4"),
        ("NOT (a > 5 AND b = 1)", "NOT a > 4"),
        ("NOT a IN (1, 2)", "NOT a IN (3, 2, 1)"),
        ("a IS NOT NULL", "NOT a = 5"),
        ("EXISTS(a)", "a IS NOT NULL"),
        ("a IS NULL", "NOT EXISTS(a)"),
        ("a = 1 OR b = 2", "b = 2 AND (c = 1 OR d = 1)"),
        ("(a = 1 OR b = 1) AND (a = 2 OR c = 1)", "(a = 1 OR b = 1) AND c = 1"),
        ("CONTAINS(a, 'b')", "ENDS_WITH(a, 'abc')"),
        ("MATCHES(a, 'x[0-9]+')", "a IN ('x1', 'x22')"),
        ("a = 5", "a BETWEEN 7 AND 6 AND b = 1"),  # never true
        ("c = 1", "a = 1 AND NOT EXISTS(a)"),
        ("a <> 5", "a IN (1, 2)"),
        ("a = FALSE", "a <> TRUE"),
    ],
)
def test_what_covers(g: str, s: str) -> None:
    assert covers(g, s)


def test_overlap_and_arrays() -> None:
    assert overlaps("a = 1", "a = 2")
    assert not overlaps("a = 1", "a = 2", arrays=False)
    assert not overlaps("a = 1", "NOT a = 1")
    assert not overlaps("a = 1", "NOT EXISTS(a)")
    assert not overlaps("a IS NULL", "a IS NOT NULL")
    assert not overlaps("a > 5 AND b = 1", "a < 3", arrays=False)
    assert overlaps("a > 5", "b = 1", arrays=False)
    assert not overlaps("FALSE", "TRUE")


@pytest.mark.parametrize(
    ("f", "g", "expected"),
    [
        ("a = 1", "a = 2", False),
        ("a = 1", "a IN (1, 2) AND b = 'x'", True),
        ("a = 1", "b = 1 AND b = 2", True),  # in {"a": 1, "b": [1, 2]}
        ("a = 1", "b > 5 AND NOT b > 5", False),  # in no array
        ("a = 1 AND b = 1", "a = 2 AND b = 1", False),
        ("a = 1 OR b = 1", "a = 2", True),
        ("a < b", "b = 1 AND b = 2", True),  # not seen: a computed predicate may be true of any
        ("a.b = 1", "a = 2", True),
        ("a = 1", "a IS NULL", False),
        ("EXISTS(a)", "a = 2", True),
        ("", "a = 1 AND a = 2", True),
    ],
)
def test_overlap_with_arrays_where_the_other_does_not_look(f: str, g: str, expected: bool) -> None:
    assert overlaps(f, g, arrays="unshared") == expected
    assert overlaps(g, f, arrays="unshared") == expected
    m: Matcher[int] = Matcher()
    m.add(f, id=1)
    assert m.overlapping(g, arrays="unshared") == [1] * expected


def test_only_some_values_of_arrays_mean_something() -> None:
    m: Matcher[int] = Matcher()
    m.add("a = 1", id=1)
    wrong: Any = "shared"
    with pytest.raises(ValueError, match=r"^arrays is True, False or 'unshared', got 'shared'$"):
        overlaps("a = 1", "a = 2", arrays=wrong)
    with pytest.raises(ValueError, match="arrays is True, False or 'unshared', got 'shared'"):
        m.overlapping("a = 2", arrays=wrong)
    assert m.overlapping("a = 1") == [1]


@pytest.mark.parametrize(
    ("f", "g", "expected"),
    [
        ("a = 1", "a = 2", "a IN (1, 2)"),
        ("a IN (1, 'x')", "a IN ('x', TRUE)", "a IN (1, 'x', TRUE)"),
        ("a = 1", "a = TRUE", "a IN (1, TRUE)"),
        ("a < 5", "a = 5", "a <= 5"),
        ("a < 5", "a BETWEEN 5 AND 9", "a <= 9"),
        ("a BETWEEN 1 AND 4", "a BETWEEN 3 AND 9", "a BETWEEN 1 AND 9"),
        ("a >= 'm'", "a BETWEEN 'c' AND 'm'", "a >= 'c'"),
        ("a > 5", "a > 3", "a > 3"),
        ("b = 1 AND a = 1 AND c = 2", "c = 2 AND b = 1 AND a = 2",
         "b = 1 AND a IN (1, 2) AND c = 2"),
        ("a = 1 AND b = 1", "a = 1", "a = 1"),
        ("a < 5", "a > 5", None),
        ("a < 5", "a >= 5", None),
        ("a = 1", "b = 1", None),
        ("a = 1 AND b = 1", "a = 2 AND b = 2", None),
        ("a BETWEEN 1 AND 2", "a BETWEEN 3 AND 4", None),
        ("a > 1", "a < 'x'", None),
        ("a < 5", "a = TRUE", None),
        ("NOT a = 1", "NOT a = 2", None),
        ("a >= 0 AND a < 4", "a >= 4 AND a < 8", "a >= 0 AND a < 8"),
        ("s = 'x' AND a < 4 AND a >= 0", "a >= 4 AND a < 8 AND s = 'x'",
         "s = 'x' AND a >= 0 AND a < 8"),
        ("a > 0 AND a < 4", "a >= 4", "a > 0"),
        ("a > 0 AND a < 4", "a = 4", "a > 0 AND a <= 4"),
        ("a > 0 AND a < 4", "a BETWEEN -1 AND 2", "a >= -1 AND a < 4"),
        ("a >= 0 AND a < 4", "a >= 0 AND a = 4", "a >= 0 AND a <= 4"),
        ("a >= 0 AND a < 4 AND b = 1", "a < 4 AND a >= 0 AND b = 2",
         "a >= 0 AND a < 4 AND b IN (1, 2)"),
        ("a > 0 AND a < 4", "a > 4 AND a < 8", None),
        ("a > 0 AND a < 'x'", "a >= 'x'", None),
        ("a > 4 AND a < 0", "a = 2", None),
        ("a > 4 AND a < 0", "a BETWEEN -1 AND 5", None),
    ],
)  # fmt: skip
def test_merge(f: str, g: str, expected: str | None) -> None:
    merged = merge(f, g)
    assert (None if merged is None else str(merged)) == expected


def test_a_merge_never_breaks_a_limit() -> None:
    one, other = (attr("a").isin(range(i, i + 600_000)) for i in (0, 600_000))
    assert merge(one, other) is None


def test_bad_filters_are_refused() -> None:
    with pytest.raises(FilterSyntaxError):
        covers("a =", "b = 1")
    m: Matcher[int] = Matcher(limits=Limits(predicates=1))
    for ask in (m.covering, m.covered_by, m.overlapping):
        with pytest.raises(LimitExceeded):
            ask("a = 1 AND b = 1")
        with pytest.raises(TypeError):
            ask(5)  # type: ignore[arg-type]


def test_what_is_no_filter_is_said_in_the_same_words() -> None:
    m: Matcher[int] = Matcher()
    wrong: Any = None
    for ask in (m.covering, m.covered_by, m.overlapping, lambda f: covers("a", f), m.add):
        with pytest.raises(TypeError, match=r"^a filter is a str or a Filter, got NoneType$"):
            ask(wrong)


def test_the_limit_is_a_count() -> None:
    m: Matcher[int] = Matcher()
    m.add_many(dict.fromkeys(range(5), "a = 1"))
    assert [len(m.covering("a = 1", limit=n)) for n in (0, True, np.int64(2), 2**40, None)] == [
        0, 1, 2, 5, 5
    ]  # fmt: skip
    for wrong in (1.0, "1"):
        with pytest.raises(TypeError):
            m.covering("a = 1", limit=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="limit is at least 0, or None, got -1"):
        m.covering("a = 1", limit=-1)


def test_enormous_filters_end_soon() -> None:
    clauses = " AND ".join(f"(a{i} = 1 OR b{i} = 2 OR NOT c{i} = 3)" for i in range(3000))
    assert covers(clauses, clauses + " AND d = 1") in (True, False)
    wide = " OR ".join(f"a{i % 50} = {i}" for i in range(20_000))
    assert not covers(wide, wide + " OR e = 1")
    assert overlaps(clauses, wide)
    deep = "NOT (" * 450 + "a = 1" + ")" * 450
    assert covers(deep, "a = 1")
    text = "x" * 500_000
    assert not covers(f"CONTAINS(a, '{text}y')", f"CONTAINS(a, '{text}{text}')")


# ---- a matcher -----------------------------------------------------------------------------------


def assert_answers(m: Matcher[int], filters: dict[int, str], f: str) -> None:
    assert sorted(m.covering(f)) == sorted(i for i, g in filters.items() if covers(g, f))
    assert sorted(m.covered_by(f)) == sorted(i for i, g in filters.items() if covers(f, g))
    for arrays in coverings.ARRAYS:
        expected = [i for i, g in filters.items() if overlaps(f, g, arrays=arrays)]
        assert sorted(m.overlapping(f, arrays=arrays)) == sorted(expected)


@pytest.mark.parametrize("seed", range(4))
def test_a_matcher_finds_what_pairs_say(seed: int) -> None:
    rng = random.Random(seed)
    m: Matcher[int] = Matcher()
    filters: dict[int, str] = {}
    for step in range(400):
        f = rng.choice([coverings.exact_filter, coverings.any_filter])(rng)
        if len(filters) > 60:
            gone = rng.choice(list(filters))
            del filters[gone]
            m.remove(gone)
        elif filters and rng.random() < 0.2:
            changed = rng.choice(list(filters))
            filters[changed] = f
            m.replace(changed, f)
        filters[step] = f
        m.add(f, id=step)
        if step % 5 == 0:
            assert_answers(
                m, filters, rng.choice([coverings.exact_filter, coverings.any_filter])(rng)
            )
            assert_answers(m, filters, rng.choice(list(filters.values())))
    m.validate()


class Covering(RuleBasedStateMachine):
    """Filters of every kind come and go; questions about them are answered as about pairs."""

    @initialize()
    def start(self) -> None:
        self.matcher: Matcher[int] = Matcher()
        self.filters: dict[int, str] = {}
        self.next = 0

    @rule(f=filter_texts)
    def add(self, f: str) -> None:
        self.matcher.add(f, id=self.next)
        self.filters[self.next] = f
        self.next += 1

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.filters:
            gone = data.draw(st.sampled_from(sorted(self.filters)))
            self.matcher.remove(gone)
            del self.filters[gone]

    @rule(data=st.data(), f=filter_texts)
    def replace(self, data: st.DataObject, f: str) -> None:
        if self.filters:
            changed = data.draw(st.sampled_from(sorted(self.filters)))
            self.matcher.replace(changed, f)
            self.filters[changed] = f

    @rule(f=filter_texts)
    def ask(self, f: str) -> None:
        assert_answers(self.matcher, self.filters, f)

    @invariant()
    def equal_filters_are_in_both(self) -> None:
        for id, f in list(self.filters.items())[-1:]:
            assert id in self.matcher.covering(f)
            assert id in self.matcher.covered_by(f)


TestCovering = Covering.TestCase


def test_questions_do_not_count_as_events() -> None:
    m: Matcher[int] = Matcher()
    m.add("a > 1", id=1)
    m.match({"a": 5})
    before = m.stats()
    assert m.covering("a > 2") == [1]
    assert {k: m.stats()[k] for k in ("events", "candidates", "survivors", "matches")} == {
        k: before[k] for k in ("events", "candidates", "survivors", "matches")
    }


def test_a_result_outlives_what_is_removed_meanwhile() -> None:
    m: Matcher[str] = Matcher()
    for i in range(1000):
        m.add(f"a > {i}", id=f"s{i}")
    assert len(m.covered_by("a > 500")) == 500
    for i in range(500, 1000):
        m.remove(f"s{i}")
    assert m.covered_by("a > 500") == []
    assert len(m.covering("a > 499")) == 500
    assert len(m.covering("a > 499", limit=3)) == 3
    assert m.covering("a > 499", limit=0) == []


@pytest.mark.parametrize("coverings", [0, 2, 30])
def test_as_many_as_wanted_among_many_that_match_a_witness(coverings: int) -> None:
    m: Matcher[int] = Matcher()
    m.add_many((n, f"a <= {400 + n}") for n in range(100))  # hold 400, and not 600
    m.add_many((1000 + n, f"a >= {400 - n}") for n in range(coverings))
    found = m.covering("a BETWEEN 400 AND 600")
    assert sorted(found) == [1000 + n for n in range(coverings)]
    for limit in (1, 2, 15, 16, 17, 29, 30, 31):
        some = m.covering("a BETWEEN 400 AND 600", limit=limit)
        assert len(set(some)) == len(some) == min(limit, coverings)
        assert set(some) <= set(found)
