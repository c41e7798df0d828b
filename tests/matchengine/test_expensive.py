"""Filters that cost time with every event or string: what warns of them, and what they do cost."""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from matchengine import (
    Diagnosis,
    DuplicateSubscription,
    ExpensiveFilterWarning,
    Matcher,
    UnknownSubscription,
    attr,
    reference,
)

#: Filter, and what is expensive in it.
EVERY_EVENT = [
    ("a IS NULL", "a IS NULL"),
    ("NOT EXISTS(a)", "NOT EXISTS(a)"),
    ("NOT a IS NOT NULL", None),  # NOT NOT a IS NULL
    ("a IS NULL AND NOT EXISTS(b)", "a IS NULL"),
    ("b = 1 OR NOT EXISTS(a)", "NOT EXISTS(a)"),
    ("NOT (EXISTS(a) AND b = 1)", "NOT EXISTS(a)"),
    ("(b = 1 OR TRUE) AND (c = 1 OR (TRUE AND x IS NULL))", "x IS NULL"),
    ("b = 1 OR MATCHES(c, '[a-z]') OR \"x y\" IS NULL", '"x y" IS NULL'),
]
EVERY_STRING = [
    ("MATCHES(a, '[a-z]+')", "MATCHES(a, '[a-z]+')"),
    ("a LIKE '%'", "a LIKE '%'"),
    ("a ILIKE '__' AND TRUE", "a ILIKE '__'"),
    ("CONTAINS(a, '')", "CONTAINS(a, '')"),
    ("b = 1 OR (c = 1 AND MATCHES(d, 'x.*')) OR MATCHES(a, '[a-z]+')", "MATCHES(a, '[a-z]+')"),
]
CHEAP = [
    "",
    "TRUE OR a IS NULL",
    "FALSE",
    "FALSE AND a IS NULL",
    "a = 1 AND b IS NULL",
    "a IN (1, 2, 3)",
    "NOT a = 1",
    "EXISTS(a)",
    "a LIKE '%x%'",
    "STARTS_WITH(a, '')",
    "MATCHES(a, '[a-z]+x')",
    "b = 1 AND MATCHES(a, '[a-z]+')",
    "b < 1 AND MATCHES(a, '[a-z]+') AND a LIKE '%'",
    "NOT MATCHES(a, '[a-z]+')",
]


@pytest.mark.parametrize(("filter", "culprit"), EVERY_EVENT + EVERY_STRING)
@pytest.mark.parametrize("warm", [False, True])
def test_warnings(filter: str, culprit: str | None, warm: bool) -> None:
    matcher: Matcher[str] = Matcher()
    if warm:  # statistics must not hide it
        matcher.add("a = 'q'", id="old")
        for n in range(200):
            matcher.match({"a": "q", "c": n, "d": str(n)})
    with pytest.warns(ExpensiveFilterWarning) as caught:
        matcher.add(filter, id="new")
    line = sys._getframe().f_lineno - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    text = str(caught[0].message)
    assert text.startswith("the filter of 'new' is ")
    kind = "every event, because of " if (filter, culprit) in EVERY_EVENT else "every string of its"
    assert kind in text
    assert "AND it with" in text
    if culprit is not None:
        assert f" {culprit}" in text
    with pytest.warns(ExpensiveFilterWarning) as caught:
        found = matcher.check(filter)
    assert caught[0].filename == __file__
    assert str(found.warning) == str(caught[0].message) == text.replace(" of 'new'", "", 1)
    matcher.add("b = 1", id="other")
    with pytest.warns(ExpensiveFilterWarning) as caught:
        matcher.replace("other", filter)
    line = sys._getframe().f_lineno - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    assert str(caught[0].message) == text.replace("new", "other", 1)
    matcher.validate()


@pytest.mark.parametrize("filter", CHEAP)
def test_no_warning(filter: str) -> None:
    matcher: Matcher[int] = Matcher()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matcher.add(filter, id=1)
        matcher.replace(1, filter)
        matcher.add_many({2: filter})
        assert matcher.check(filter).warning is None
    assert Diagnosis().warning is None


def test_add_many_warns_once() -> None:
    matcher: Matcher[int] = Matcher()
    filters = {n: "a IS NULL" if n % 10 == 3 else f"a = {n}" for n in range(50)}
    with pytest.warns(ExpensiveFilterWarning) as caught:
        matcher.add_many(filters)
    line = sys._getframe().f_lineno - 1
    assert len(caught) == 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    text = str(caught[0].message)
    assert text.startswith("the filter of 3 is ")
    assert text.endswith(" (and 4 more of the filters)")


def test_a_long_predicate_is_shown_in_part() -> None:
    matcher: Matcher[int] = Matcher()
    with pytest.warns(ExpensiveFilterWarning) as caught:
        matcher.add(attr("a" * 100_000).is_null())
    assert len(str(caught[0].message)) < 500


# ---- where warnings are errors ------------------------------------------------------------------


def state_of(matcher: Matcher[Any]) -> tuple[Any, ...]:
    numbers = matcher.stats()
    counted = {name: numbers[name] for name in ("subscriptions", "paths", "patterns", "rows")}
    return dict(matcher.items()), matcher._next_id, counted


def test_a_warning_that_is_an_error_changes_nothing() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add("a = 1", to=7)
    matcher.add("b = 1 AND MATCHES(a, '[a-z]+')", id="x")
    before = state_of(matcher)
    handle = matcher.handle("x")
    for call in [
        lambda: matcher.add("a IS NULL"),
        lambda: matcher.add("MATCHES(q, '.')", id="new", to=3),
        lambda: matcher.add_many([(None, "z = 1"), ("new", "y IS NULL"), (None, "y = 2")]),
        lambda: matcher.replace("x", "NOT EXISTS(r)", to=5),
        lambda: matcher.replace(0, "NOT EXISTS(r)"),
        lambda: matcher.check("a IS NULL"),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ExpensiveFilterWarning):
                call()
        assert state_of(matcher) == before
        matcher.validate()
    assert matcher.handle("x") == handle
    assert matcher.add("a = 2") == 1


def test_other_peoples_code_runs_after_the_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is shown by code that may ask the matcher, from another thread as well."""
    matcher: Matcher[Any] = Matcher()
    seen: list[Any] = []

    def show(*args: Any, **kwargs: Any) -> None:
        def ask() -> None:
            matcher.add("a = 1", id=len(matcher))
            seen.append(matcher.match({"a": 1}))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", show)
        matcher.add("b IS NULL", id="x")
        matcher.add_many({"y": "b IS NULL"})
        matcher.replace("x", "c IS NULL")
    assert len(seen) == 3


def calling_back(monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any], *, fails: bool) -> None:
    """Let the next warning make a call, and be an error then or not."""

    def warn(*args: Any, **kwargs: Any) -> None:
        monkeypatch.undo()
        call()
        if fails:
            raise ExpensiveFilterWarning("no")

    monkeypatch.setattr(warnings, "warn", warn)


def test_what_others_did_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has changed when a warning goes out, so nothing is undone when it is an error."""
    matcher: Matcher[Any] = Matcher()
    matcher.add("a = 1", id="x")
    for filter in ("a = 3", "a IS NULL"):

        def change(filter: str = filter) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                matcher.replace("x", filter, to=7)
                matcher.add(filter, id="y")

        matcher.discard("y")
        calling_back(monkeypatch, change, fails=True)
        with pytest.raises(ExpensiveFilterWarning):
            matcher.replace("x", "a IS NULL")
        assert (str(matcher["x"].filter), matcher["x"].to) == (filter, 7)
        matcher.remove("y")
        calling_back(monkeypatch, change, fails=True)
        with pytest.raises(ExpensiveFilterWarning):
            matcher.add("a IS NULL", id="y")
        assert str(matcher["y"].filter) == filter
        matcher.validate()


def test_a_warning_may_take_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher: Matcher[Any] = Matcher()
    for call in (
        lambda: matcher.add("a IS NULL", id="x"),
        lambda: matcher.add_many([(None, "b = 1"), ("x", "a IS NULL")]),
    ):
        calling_back(monkeypatch, lambda: matcher.add("a = 1", id="x"), fails=False)
        with pytest.raises(DuplicateSubscription):
            call()
        assert [str(s.filter) for _, s in matcher.items()] == ["a = 1"]
        matcher.clear()
    matcher.add("a = 1", id="x")
    calling_back(monkeypatch, lambda: matcher.remove("x"), fails=False)
    with pytest.raises(UnknownSubscription):
        matcher.replace("x", "a IS NULL")
    assert len(matcher) == 0
    calling_back(monkeypatch, lambda: matcher.add("a = 1"), fails=False)
    assert matcher.add("a IS NULL") == 1
    calling_back(monkeypatch, lambda: matcher.add("a = 1"), fails=False)
    assert matcher.add_many([(None, "b = 1"), (None, "a IS NULL")]) == [3, 4]
    assert set(matcher.match({"b": 1})) == {1, 3, 4}
    matcher.validate()


def test_a_destination_given_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add("a = 1", id="x", to=4)
    calling_back(monkeypatch, lambda: matcher.replace("x", "a = 2", to=7), fails=False)
    matcher.replace("x", "a IS NULL")
    assert (str(matcher["x"].filter), matcher["x"].to) == ("a IS NULL", 7)


class array:
    """reprlib prints classes of this name in its own way."""


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("not today")


@pytest.mark.parametrize("make", [lambda: 10**5000, lambda: (10**5000,), array, Unprintable])
@pytest.mark.parametrize("action", ["ignore", "error"])
def test_an_id_that_cannot_be_shown(make: Callable[[], Any], action: Any) -> None:
    matcher: Matcher[Any] = Matcher()
    id = make()
    matcher.add("a = 1", id=id)
    for call in (
        lambda: matcher.replace(id, "a IS NULL"),
        lambda: (matcher.discard(id), matcher.add("a IS NULL", id=id)),
        lambda: (matcher.discard(id), matcher.add_many({id: "a IS NULL"})),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            if action == "ignore":
                call()
                assert str(matcher[id].filter) == "a IS NULL"
            else:
                with pytest.raises(ExpensiveFilterWarning, match="the filter of <"):
                    call()
        matcher.validate()


# ---- what they cost -----------------------------------------------------------------------------


def test_the_cost_of_a_regex_without_a_literal() -> None:
    matcher: Matcher[int] = Matcher()
    with_literal = matcher.check("MATCHES(a, '[a-z]+x')").cost
    without = matcher.check("MATCHES(a, '[a-z]+')")
    assert without.cost > 10 * with_literal
    assert without.cost >= matcher.check("EXISTS(a)").cost
    # Whatever an index finds is a better anchor.
    assert matcher.check("MATCHES(a, '[a-z]+') AND n = 7").anchors == {"equal": 1}
    assert matcher.check("MATCHES(a, '[a-z]+') AND n > 7").anchors == {"range": 1}
    assert matcher.check("MATCHES(a, '[a-z]+') AND CONTAINS(b, 'x')").anchors == {"pattern": 1}


def test_a_regex_behind_an_equality_is_tried_when_it_is_asked_for() -> None:
    """The advice that the warning gives is worth something."""
    matcher: Matcher[int] = Matcher()
    matcher.add_many(
        (n, f"n = {n} AND MATCHES(a, '([a-z]|[0-9]|{n}|.){{5,}}')") for n in range(500)
    )
    lone = "a" * 200_000
    assert matcher.match({"n": 3, "a": lone}) == [3]
    assert matcher.match({"n": 1000, "a": lone}) == []  # 500 tries would take seconds
    assert matcher.match({"n": [3, 4], "a": ["x", 5, None, "abcde"]}) in ([3, 4], [4, 3])
    assert matcher.match({"n": [3, 4], "a": ["x", 5, None]}) == []
    assert matcher.match({"n": 3}) == []


FILTERS = [
    "MATCHES(a, '[a-c]+')",
    "n = 1 AND MATCHES(a, '[a-c]+')",
    "n = 1 AND NOT MATCHES(a, '[a-c]+')",
    "n = 2 AND (MATCHES(a, '(a|b)*a(a|b){12}') OR MATCHES(b, '[a-c]+'))",
    "MATCHES(a, '(a|b)*a(a|b){12}')",
    "n = 3 AND NOT (MATCHES(a, '[ab]*') AND MATCHES(b, '[a-c]+'))",
    "n = 3 AND MATCHES(a, '[ab]*') AND a LIKE '%'",
    "n = 4 AND (a LIKE '_' OR MATCHES(b, '.{2,}'))",
]


def test_asked_for_or_not_the_answer_is_the_same() -> None:
    """Filters come and go, so regexes are tried by searches now and by tests then."""
    rng = random.Random(3)
    matcher: Matcher[int] = Matcher()
    present: dict[int, str] = {}
    nodes = {filter: reference.parse(filter) for filter in FILTERS}
    values = ["a", "ab" * 7, "abd", "x", "", None, 5, "cc"]
    for step in range(400):
        if present and rng.random() < 0.45:
            gone = rng.choice(list(present))
            del present[gone]
            matcher.remove(gone)
        else:
            present[step] = rng.choice(FILTERS)
            matcher.add(present[step], id=step)
        matcher.validate()
        event: dict[str, Any] = {"n": rng.choice([[1, 3], 1, 2, 3, 4, [2, 4]])}
        for name in rng.sample(["a", "b"], rng.randrange(3)):
            event[name] = (
                rng.choices(values, k=rng.randrange(4)) if step % 2 else rng.choice(values)
            )
        expected = {id for id, text in present.items() if reference.matches(nodes[text], event)}
        assert set(matcher.match(event)) == expected
        for id in rng.sample(list(present), min(2, len(present))):
            assert bool(matcher.explain(event, id)) is (id in expected)


# ---- what is there and what is not ---------------------------------------------------------------


def remove_at(matcher: Matcher[str], moment: int, call: Callable[[], Any]) -> None:
    """Call, and at so many lines of the matcher's code remove "x" and give its handle to "y"."""
    left = moment

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename.endswith("matcher.py") and event in ("line", "return"):
            left -= 1
            if left == 0:
                sys.settrace(None)
                matcher.discard("x")
                matcher.add("b = 1", id="y")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("replaces", [True, False])
def test_an_id_that_is_removed_meanwhile(replaces: bool) -> None:
    """By a signal handler, say, which may run between any two lines."""
    outcomes = set()
    for moment in range(40):
        matcher: Matcher[str] = Matcher()
        matcher.add("a = 1", id="x")
        ask = (
            partial(matcher.replace, "x", "c = 1")
            if replaces
            else partial(matcher.__getitem__, "x")
        )
        try:
            remove_at(matcher, moment, ask)
            outcomes.add("done")
        except UnknownSubscription:
            outcomes.add("unknown")
        if "y" in matcher:
            assert str(matcher["y"].filter) == "b = 1"
        matcher.validate()
    assert outcomes == {"done", "unknown"}
