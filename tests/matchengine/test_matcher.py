"""The matcher as its user sees it: ids, handles, errors that change nothing, memory given back."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from matchengine import (
    DuplicateSubscription,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    Limits,
    Matcher,
    UnknownSubscription,
    attr,
    parse,
)


@pytest.fixture
def matcher() -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    matcher.add("symbol = 'ACME' AND price < 10", id="alice")
    matcher.add_many({"bob": "volume > 1000", "eve": "symbol LIKE 'AC%'"})
    return matcher


def view(matcher: Matcher[Any]) -> Any:
    """All that a user can see, but for what is kept for the next time."""
    stats = matcher.stats()
    events: list[dict[str, Any]] = [{}, {"symbol": "ACME", "price": 9}, {"volume": [1, 1001]}]
    found = [sorted(map(repr, matcher.match(event))) for event in events]
    items = [(id, s.filter, s.to, matcher.handle(id)) for id, s in matcher.items()]
    sizes = ("subscriptions", "paths", "constants", "cuts", "patterns", "clusters", "rows")
    return found, items, {name: stats[name] for name in sizes}


def unchanged(matcher: Matcher[Any], error: type[BaseException], call: Callable[[], Any]) -> Any:
    before = view(matcher)
    with pytest.raises(error) as caught:
        call()
    matcher.validate()
    assert view(matcher) == before
    return caught.value


def test_the_first_example(matcher: Matcher[Any]) -> None:
    event = {"symbol": "ACME", "price": 9}
    assert sorted(matcher.match(event)) == ["alice", "eve"]
    assert sorted(matcher.match_json(json.dumps(event))) == ["alice", "eve"]
    assert matcher.count(event) == 2
    assert matcher.matches_any(event)
    assert matcher["alice"].filter == (attr("symbol") == "ACME") & (attr("price") < 10)
    assert len(matcher) == 3
    assert list(matcher) == ["alice", "bob", "eve"]
    assert dict(matcher.items())["bob"].filter == parse("volume > 1000")


# ---- ids -----------------------------------------------------------------------------------------


def test_ids_are_what_a_dict_says_they_are(matcher: Matcher[Any]) -> None:
    assert matcher.add("a = 1", id=1) == 1
    for same in (1.0, True, np.int64(1)):
        unchanged(matcher, DuplicateSubscription, lambda same=same: matcher.add("", id=same))
        assert same in matcher
    nan = float("nan")
    for id in (nan, (), ("a", (1, frozenset([2]))), "x" * 100_000, b"bytes", 10**100, ...):
        assert matcher.add("b = 1", id=id) is id
        assert id in matcher
        assert any(found is id for found in matcher.match({"b": 1}))
    other = float("nan")
    assert other not in matcher
    del matcher[nan]


def test_none_assigns_an_id_that_is_not_taken(matcher: Matcher[Any]) -> None:
    matcher.add("a = 1", id=0)
    matcher.add("a = 1", id=2)
    given = [matcher.add("a = 1") for _ in range(3)] + matcher.add_many([(None, "a"), (None, "a")])
    assert len({0, 2, *given}) == 7
    assert all(type(id) is int for id in given)
    assert None not in matcher
    # Ids assigned and given in one operation do not meet either.
    matcher.clear()
    ids = matcher.add_many([(None, "a"), (max(given) + 2, "a"), (None, "a"), (None, "a")])
    assert len(set(ids)) == 4


def test_unhashable_ids_are_refused(matcher: Matcher[Any]) -> None:
    bad: Any
    for bad in ([1], {}, {1}, bytearray(b"x"), (1, [2])):
        unchanged(matcher, TypeError, lambda bad=bad: matcher.add("a = 1", id=bad))
        unchanged(matcher, TypeError, lambda bad=bad: matcher.add_many([("x", ""), (bad, "")]))
        unchanged(matcher, TypeError, lambda bad=bad: matcher.remove(bad))
        unchanged(matcher, TypeError, lambda bad=bad: matcher.discard(bad))


class Awkward:
    """An id that runs `then` when it is hashed or compared."""

    def __init__(self, hash: int, then: Callable[[str], Any]) -> None:
        self.hash, self.then = hash, then

    def __hash__(self) -> int:
        self.then("hash")
        return self.hash

    def __eq__(self, other: object) -> bool:
        self.then("eq")
        return self is other


def raising(when: str, after: int) -> Callable[[str], None]:
    """Raises at `when` once it has happened `after` times."""
    times = [0]

    def then(what: str) -> None:
        times[0] += what == when
        if times[0] > after:
            raise ZeroDivisionError(when)

    return then


@pytest.mark.parametrize("when", ["hash", "eq"])
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("many", [False, True])
def test_ids_that_raise(matcher: Matcher[Any], when: str, after: int, many: bool) -> None:
    """At whatever point an id raises, it is in whole or not at all."""
    matcher.add("a = 1", id=7)  # of the same hash, so that __eq__ runs
    before, size = view(matcher), len(matcher)
    id = Awkward(hash(7), raising(when, after))
    try:
        if many:
            matcher.add_many([("first", "c = 1"), (id, "b = 1"), ("last", "c = 1")])
        else:
            matcher.add("b = 1", id=id)
        done = True
    except ZeroDivisionError:
        done = False
    id.then = lambda what: None
    matcher.validate()
    assert matcher.match({"b": 1}) == ([id] if done else [])
    assert len(matcher) == size + done * (3 if many else 1)
    assert sorted(matcher.match({"c": 1})) == (["first", "last"] if many and done else [])
    if not done:
        assert view(matcher) == before


@pytest.mark.parametrize("when", ["hash", "eq"])
@pytest.mark.parametrize("how", ["add", "remove", "replace", "clear", "match", "same"])
def test_ids_that_call_back(matcher: Matcher[Any], when: str, how: str) -> None:
    matcher.add("a = 1", id=7)
    calls = [0]

    def then(what: str) -> None:
        if what != when or calls[0] > 3:
            return
        calls[0] += 1
        match how:
            case "add":
                matcher.add("d = 1")
            case "remove":
                matcher.discard("bob")
            case "replace" if "eve" in matcher:
                matcher.replace("eve", f"d = {calls[0]}")
            case "clear":
                matcher.clear()
            case "match":
                assert matcher.match({"a": 1}) == [7]
            case "same":
                matcher.discard("again")
                matcher.add("d = 1", id="again")

    id = Awkward(hash(7), then)
    matcher.add("b = 1", id=id)
    assert calls[0] > 0
    calls[0] = 99  # enough: nothing is called while we look
    matcher.validate()
    assert len(list(matcher)) == len(matcher) == matcher.stats()["subscriptions"]
    assert all(matcher.ids([matcher.handle(id)]) == [id] for id in matcher)
    assert matcher.match({"b": 1}) == ([id] if id in matcher else [])
    calls[0] = 0
    matcher.discard(id)
    matcher.validate()
    assert matcher.match({"b": 1}) == []


def test_an_id_that_takes_itself_while_it_is_added(matcher: Matcher[Any]) -> None:
    def then(what: str) -> None:
        id.then = lambda what: None
        matcher.add("b = 2", id=id)

    id = Awkward(5, then)
    with pytest.raises(DuplicateSubscription):
        matcher.add("b = 1", id=id)
    matcher.validate()
    assert matcher.match({"b": 1}) == []
    assert matcher.match({"b": 2}) == [id]


class Thing:
    """An id that a weak reference can watch."""


def test_ids_are_let_go() -> None:
    matcher: Matcher[Any] = Matcher()
    id = Thing()
    watched = weakref.ref(id)
    matcher.add("a = 1", id=id)
    matches = matcher.match_batch([{"a": 1}])
    matcher.remove(id)
    assert matches[0] == [id]
    del id
    gc.collect()
    assert watched() is not None, "a result still names it"
    assert matches[0] == [watched()]
    del matches
    matcher.add("a = 2")  # gives back what is no longer named
    gc.collect()
    assert watched() is None


def test_cycles_through_ids_are_collected() -> None:
    matcher: Matcher[Any] = Matcher()
    id = Thing()
    id.matcher = matcher  # type: ignore[attr-defined]
    matcher.add("a = 1", id=id)
    id.matches = matcher.match_batch([{"a": 1}])  # type: ignore[attr-defined]
    watched = weakref.ref(id)
    del id, matcher
    gc.collect()
    assert watched() is None


# ---- errors change nothing -----------------------------------------------------------------------


def test_errors_of_add(matcher: Matcher[Any]) -> None:
    bad: list[tuple[type[BaseException], Any]] = [
        (FilterSyntaxError, "a ="),
        (FilterTypeError, "a < TRUE"),
        (LimitExceeded, "a = " + "9" * 1001),
        (TypeError, 5),
        (TypeError, None),
        (TypeError, attr("a")),
    ]
    for error, filter in bad:
        unchanged(matcher, error, lambda filter=filter: matcher.add(filter, id="new"))
        unchanged(matcher, error, lambda filter=filter: matcher.replace("bob", filter))
        pairs = [("x", "a = 1"), ("y", filter)]
        unchanged(matcher, error, lambda pairs=pairs: matcher.add_many(pairs))
    error = unchanged(matcher, DuplicateSubscription, lambda: matcher.add("a = 1", id="bob"))
    assert error.id == "bob"
    assert isinstance(error, ValueError)
    for pairs in ([("x", "a"), ("x", "b")], [("x", "a"), ("eve", "b")]):
        unchanged(matcher, DuplicateSubscription, lambda pairs=pairs: matcher.add_many(pairs))


def test_errors_of_add_many(matcher: Matcher[Any]) -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield "x", "a = 1"
        raise ZeroDivisionError

    unchanged(matcher, ZeroDivisionError, lambda: matcher.add_many(broken()))
    for lines in ('{"id": 1}', '{"filter": 5}', "[1]", "x", '{"id": 1, "filter": "a = 1"'):
        text = '{"id": "good", "filter": "a = 1"}\n' + lines
        error = unchanged(matcher, FilterSyntaxError, lambda text=text: matcher.add_many(text))
        assert "line 2" in str(error)
    for other in (5, None, [1, 2], [("x",)], [("x", "a", "b")]):
        unchanged(matcher, (TypeError, ValueError), lambda o=other: matcher.add_many(o))  # type: ignore[arg-type]
    assert matcher.add_many([]) == matcher.add_many("") == matcher.add_many({}) == []


def test_errors_of_unknown_ids(matcher: Matcher[Any]) -> None:
    for call in (
        lambda: matcher.remove("x"),
        lambda: matcher.replace("x", "a = 1"),
        lambda: matcher["x"],
        lambda: matcher.handle("x"),
        lambda: matcher.__delitem__("x"),
    ):
        error = unchanged(matcher, UnknownSubscription, call)
        assert error.id == "x"
        assert isinstance(error, KeyError)
    assert matcher.discard("x") is False


@pytest.mark.parametrize("to", [1.0, "1", True, b"1", -1, 2**32 - 1, 2**32, 10**40])
def test_bad_destinations(matcher: Matcher[Any], to: Any) -> None:
    error = ValueError if type(to) is int else TypeError
    unchanged(matcher, error, lambda: matcher.add("a = 1", to=to))
    unchanged(matcher, error, lambda: matcher.replace("bob", "a = 1", to=to))


def test_destinations_of_any_size(matcher: Matcher[Any]) -> None:
    """The numbers need not be dense: a large one takes no more memory than a small one."""
    numbers = [0, 1, 2**31, 2**32 - 2]
    for to in (*numbers, 2**31):
        matcher.add("a = 1", to=to)
    matcher.add("a = 1", id="none")
    assert sorted(matcher.destinations({"a": 1})) == numbers
    assert matcher.stats()["bytes"] < 1_000_000
    assert matcher["none"].to is None


# ---- handles and old results ---------------------------------------------------------------------


@pytest.mark.parametrize("handle", [1.5, "1", None, True])
def test_a_handle_is_an_int(matcher: Matcher[Any], handle: Any) -> None:
    with pytest.raises(TypeError):
        matcher.ids([handle])


@pytest.mark.parametrize("handle", [-1, 10**7, 2**40, 2**100])
def test_handles_that_no_result_has(matcher: Matcher[Any], handle: int) -> None:
    with pytest.raises(LookupError, match=f"no result has the handle {handle}"):
        matcher.ids([handle])


def test_a_handle_is_not_used_again_while_a_result_lives(matcher: Matcher[Any]) -> None:
    matches = matcher.match_batch([{"volume": 1001}, {}])
    assert matches[0] == ["bob"]
    matcher.remove("bob")
    for turn in range(50):
        matcher.add("volume > 1000", id=("new", turn))
        assert matches[0] == ["bob"]
        assert matcher.ids(matches.handles) == ["bob"]
    newer = matcher.match_batch([{"volume": 1001}])
    assert len(newer[0]) == 50
    matcher.clear()
    assert matches[:] == [["bob"], []]
    assert len(newer[0]) == 50
    top = max(matcher.handle(matcher.add("a = 1")) for _ in range(60))
    del matches, newer
    matcher.clear()
    # Now they are: the numbers stay small.
    assert max(matcher.handle(matcher.add("a = 1")) for _ in range(60)) <= top


def test_old_results_in_any_order(matcher: Matcher[Any]) -> None:
    """Results pin what they name, whichever is let go first."""
    alive: list[Any] = []
    for turn in range(60):
        matcher.add("n >= 0", id=turn)
        alive.append((matcher.match_batch([{"n": turn}]), set(range(turn // 2, turn + 1))))
        if turn % 2 == 1:
            matcher.remove(turn // 2)
        if turn % 7 == 6:
            del alive[len(alive) // 2 if turn % 2 else 0]
        for matches, ids in alive:
            assert set(matches[0]) == ids
    matcher.validate()


def test_matches_is_a_sequence_of_arrays(matcher: Matcher[Any]) -> None:
    matches = matcher.match_batch([{}, {"volume": 2000}, {"symbol": "ACME"}])
    assert matches.offsets.dtype == np.int64
    assert matches.handles.dtype == np.uint32
    assert matches.offsets.tolist() == [0, 0, 1, 2]
    assert (len(matches), matches[-1], matches[1:]) == (3, ["eve"], [["bob"], ["eve"]])
    for array in (matches.offsets, matches.handles):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    for index in (3, -4, 2**70):
        with pytest.raises(IndexError):
            matches[index]
    assert matcher.match_batch([])[:] == matcher.match_batch(b"")[:] == []
    assert matcher.match_batch(b"\n \n\t\r\n")[:] == []


def test_change_while_iterating(matcher: Matcher[Any]) -> None:
    for id in matcher:
        matcher.add("a = 1", id=(id, 2))
        matcher.remove(id)
    assert len(matcher) == 3
    for id, subscription in matcher.items():
        assert subscription.filter == parse("a = 1")
        matcher.clear()
        matcher.add("b = 1", id=id)
    assert len(matcher) == 1


# ---- memory --------------------------------------------------------------------------------------

KINDS = [
    "price BETWEEN {0} AND {0}.5 AND symbol = 'S{1}'",
    "symbol IN ('S{0}', 'T{1}', 'U')",
    "text LIKE '%needle {0}%' AND price > {1}",
    "STARTS_WITH(text, 'prefix {0}')",
    "(a = {0} OR b = {1}) AND (c < {0} OR d LIKE 'x{1}%')",
    "path.{0}.x IS NULL AND NOT (path.{1} = {0})",
]


def text_of(number: int) -> str:
    return KINDS[number % len(KINDS)].format(number, number % 97)


def test_adding_and_removing_gives_memory_back() -> None:
    """100,000 pairs at 5,000 live: the core's bytes end within 10 % of where they began."""
    live, pairs = 5_000, 100_000
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((n, text_of(n)) for n in range(live))
    for number in range(live):  # one round, so that every table has its churn in it
        matcher.add(text_of(number + live), id=("warm", number))
        matcher.remove(("warm", number))
    before = matcher.stats()["bytes"]
    for number in range(pairs):
        matcher.remove(number)
        matcher.add(text_of(number + live), id=number + live)
    matcher.validate()
    assert len(matcher) == live
    assert matcher.stats()["bytes"] < 1.1 * before
    matcher.clear()
    matcher.validate()
    assert matcher.stats()["bytes"] < 0.5 * before


def test_the_same_id_again_and_again() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add("keep = 1", id="keep")
    matcher.add("a = 1 AND b < 5", id="x")
    bytes = matcher.stats()["bytes"]
    for _ in range(100_000):
        matcher.remove("x")
        matcher.add("a = 1 AND b < 5", id="x")
    assert matcher.stats()["bytes"] <= bytes
    assert matcher.handle("x") <= 2
    for turn in range(20_000):
        matcher.replace("x", f"a = {turn} AND b < {turn}")
    assert matcher.stats()["bytes"] <= 1.1 * bytes
    matcher.validate()


def test_one_filter_under_many_ids() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((n, "a = 1 AND b > 2") for n in range(100_000))
    stats = matcher.stats()
    assert (stats["constants"], stats["cuts"], stats["paths"]) == (1, 1, 2)
    assert matcher.count({"a": 1, "b": 3}) == 100_000
    assert matcher.count({"a": 1, "b": 2}) == 0
    for n in range(0, 100_000, 2):
        matcher.remove(n)
    assert sorted(matcher.match({"a": 1, "b": 3})) == list(range(1, 100_000, 2))


# ---- what cannot be done -------------------------------------------------------------------------


def test_copies_of_results_are_refused(matcher: Matcher[Any]) -> None:
    """They pin handles of the one matcher that they come from."""
    matches = matcher.match_batch([{}])
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copier(matches)
    matcher.validate()


def test_limits_are_the_matchers_own() -> None:
    limits = Limits(filter_bytes=30, filter_depth=2, predicates=2, in_values=2, digits=3)
    matcher: Matcher[Any] = Matcher(limits=limits)
    assert matcher.limits is limits
    for text, name in [
        ("a = 1 " + " " * 25, "filter_bytes"),
        ("(((a)))", "filter_depth"),
        ("a AND b AND c", "predicates"),
        ("a IN (1, 2, 3)", "in_values"),
        ("a = 1234", "digits"),
    ]:
        for filter in (text, parse(text)):
            if name in ("filter_bytes", "filter_depth") and filter is not text:
                continue  # canonical text is shorter
            with pytest.raises(LimitExceeded) as caught:
                matcher.add(filter)
            assert caught.value.limit == name
            assert isinstance(matcher.check(filter).error, LimitExceeded)
    matcher.add("a IN (1, 2) AND b = 999")
