"""`save` and `load`, `pickle` and `copy`: what comes back answers as what went in."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import strategies
from matchengine import (
    DuplicateSubscription,
    FileFormatError,
    LimitExceeded,
    Limits,
    Matcher,
    _snapshot,
    matcher,
    parse,
)

EVENT = {"a": 1, "b": 5, "s": "even"}


def saved(m: Matcher[Any], path: Path) -> Matcher[Any]:
    m.save(path)
    return type(m).load(path)


def pickled(m: Matcher[Any], path: Path) -> Matcher[Any]:
    back: Matcher[Any] = pickle.loads(pickle.dumps(m))
    return back


WAYS: list[Callable[[Matcher[Any], Path], Matcher[Any]]] = [
    saved,
    pickled,
    lambda m, path: copy.copy(m),
    lambda m, path: copy.deepcopy(m),
]
ways = pytest.mark.parametrize("way", WAYS, ids=["saved", "pickled", "copied", "deepcopied"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.me"


def contents(m: Matcher[Any]) -> list[Any]:
    """All that is kept, types of ids included: 1 and True would be equal."""
    return [(type(id), id, str(s.filter), s.to) for id, s in m.items()]


# ---- there and back ------------------------------------------------------------------------------

_scalars = st.one_of(
    st.text(st.characters(), max_size=6),  # lone surrogates, too
    st.integers(-(2**8191), 2**8191 - 1),
    st.sampled_from([0, -1, 127, 128, -128, -129, 2**63, -(2**63), 10**2000, -(2**8191)]),
    st.binary(max_size=6),
)
ids = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
filters = st.one_of(strategies.filter_texts.map(parse), strategies.built_filters)
destinations = st.sampled_from([None, None, 0, 1, 7, 2**31, 2**32 - 2])


@ways
@given(data=st.data())
def test_what_comes_back_is_what_went_in(
    way: Callable[[Matcher[Any], Path], Matcher[Any]],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    m: Matcher[Any] = Matcher()
    subscriptions = data.draw(st.dictionaries(ids, st.tuples(filters, destinations), max_size=8))
    for id, (filter, to) in subscriptions.items():
        m.add(filter, id=id, to=to)
    for _ in range(data.draw(st.integers(0, 3))):
        m.add("a = 1")
    for id in data.draw(st.lists(st.sampled_from(list(m) or [None]), max_size=3)):
        m.discard(id)
    back = way(m, tmp_path_factory.getbasetemp() / "rules.me")
    back.validate()
    assert contents(back) == contents(m)
    assert back.limits == m.limits
    for event in data.draw(st.lists(strategies.events, min_size=1, max_size=5)):
        assert sorted(map(repr, back.match(event))) == sorted(map(repr, m.match(event)))
        assert sorted(back.destinations(event)) == sorted(m.destinations(event))
    assert back.add("a = 2") == m.add("a = 2")  # the next automatic id


@ways
def test_a_copy_is_independent(
    way: Callable[[Matcher[Any], Path], Matcher[Any]], path: Path
) -> None:
    m: Matcher[Any] = Matcher(limits=Limits(predicates=3))
    m.add("a = 1", id="x")
    back = way(m, path)
    m.add("a = 1", id="only here")
    back.add("a = 1", id="only there")
    back.replace("x", "a = 2")
    assert set(m.match(EVENT)) == {"x", "only here"}
    assert set(back.match(EVENT)) == {"only there"}
    m.clear()
    assert len(back) == 2
    with pytest.raises(LimitExceeded):
        back.add("a AND b AND c AND d")


@ways
def test_nothing_comes_back_as_nothing(
    way: Callable[[Matcher[Any], Path], Matcher[Any]], path: Path
) -> None:
    back = way(Matcher(), path)
    assert len(back) == 0
    assert back.match(EVENT) == []
    assert back.add("a = 1") == 0


def test_a_loaded_matcher_saves_the_same_file(path: Path) -> None:
    m: Matcher[Any] = Matcher(limits=Limits(digits=50))
    m.add_many((("größe", n), f"a = {n} AND s LIKE '%{n}%'") for n in range(100))
    m.add("\"Cost Total $\" IN (1, 2.5, 'x')", id=b"\0\xff", to=0)
    m.save(path)
    first = path.read_bytes()
    Matcher.load(path).save(path)
    assert path.read_bytes() == first


def test_handles_and_statistics_begin_anew(path: Path) -> None:
    m: Matcher[Any] = Matcher()
    m.add_many((n, "a = 1") for n in range(10))
    for n in range(5):
        m.remove(n)
    m.match(EVENT)
    back = saved(m, path)
    assert [back.handle(n) for n in range(5, 10)] == list(range(5))
    assert back.stats()["events"] == 0
    assert back.add("a = 1") == m.add("a = 1") == 0


def test_automatic_ids_do_not_collide(path: Path) -> None:
    m: Matcher[Any] = Matcher()
    assert m.add_many([(None, "a = 1"), (2, "a = 1"), (None, "a = 1")]) == [0, 2, 1]
    m.remove(1)
    back = saved(m, path)
    assert [back.add("b = 1"), back.add("b = 1")] == [3, 4]


def test_ids_are_what_they_were(path: Path) -> None:
    given: list[Any] = [
        "", "a\0b", "größe", "\U0001f600", "\ud800", "\ud83d\ude00", b"", b"a", 0, -1, 255, -256,
        10**2400, -(10**2400), (), ((),), ("a", (1, b"x")), (1,), ("1",), (((((1,),),),),),
    ]  # fmt: skip
    m: Matcher[Any] = Matcher()
    m.add_many((id, "a = 1") for id in given)
    assert list(saved(m, path)) == given
    assert [type(id) for id in saved(m, path)] == [type(id) for id in given]


class Name(str):
    __slots__ = ()


def nested(depth: int) -> tuple[Any, ...]:
    return () if depth == 1 else (nested(depth - 1),)


@pytest.mark.parametrize(
    ("id", "error", "words"),
    [
        (True, TypeError, "True cannot be saved.*not bool"),
        (1.5, TypeError, "1.5 cannot be saved.*not float"),
        (frozenset({1}), TypeError, "not frozenset"),
        (Name("x"), TypeError, "'x' cannot be saved.*not Name"),
        (("a", (None,)), TypeError, r"\('a', \(None,\)\) cannot be saved.*not NoneType"),
        (10**3000, ValueError, "more than 1024 bytes"),
        (10**9000, ValueError, "the id <int> cannot be saved"),
        (nested(17), ValueError, "deeper than 16"),
    ],
    ids=["bool", "float", "set", "subclass", "inside", "long", "too long to print", "deep"],
)
def test_ids_that_a_file_cannot_hold(
    id: Any, error: type[Exception], words: str, path: Path
) -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="good")
    m.save(path)
    before = path.read_bytes()
    m.add("a = 1", id=id)
    with pytest.raises(error, match=words):
        m.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert list(copy.copy(m)) == list(pickle.loads(pickle.dumps(m))) == ["good", id]
    m.remove(id)
    m.add("a = 1", id=nested(16))
    assert nested(16) in saved(m, path)


def test_ids_of_one_hash_are_refused_both_ways(path: Path, monkeypatch: Any) -> None:
    """Loading them would take their number squared."""
    prime = 2**61 - 1
    m: Matcher[Any] = Matcher()
    m.add_many((n * prime, "a = 1") for n in range(64))
    assert len(saved(m, path)) == 64
    m.add("a = 1", id=64 * prime)
    with pytest.raises(ValueError, match="the same hash"):
        m.save(path)
    monkeypatch.setattr("matchengine._ids.refuse_equal_hashes", lambda ids: None)
    m.save(path)
    with pytest.raises(FileFormatError, match="the same hash"):
        Matcher.load(path)


# ---- limits --------------------------------------------------------------------------------------


LATER = {
    "regex_states": 9,
    "regex_ranges": 9,
    "regex_depth": 9,
    "filter_states": 9,
    "line_bytes": 9,
    "combinations": 9,
}


def test_later_limits_are_written_where_they_are_not_the_default(path: Path) -> None:
    Matcher().save(path)
    file = path.read_bytes()
    assert b"digits" in file  # the first version had it
    assert not [name for name in LATER if name.encode() in file]
    for name, value in LATER.items():
        limits = Limits(**{name: value})
        Matcher(limits=limits).save(path)
        file = path.read_bytes()
        assert [other for other in LATER if other.encode() in file] == [name]
        assert Matcher.load(path).limits == limits


def test_limits_are_restored_or_replaced(path: Path) -> None:
    limits = Limits(filter_depth=3, predicates=7, digits=2**32 - 1, event_bytes=1)
    Matcher(limits=limits).save(path)
    assert Matcher.load(path).limits == limits
    assert Matcher.load(path, limits=Limits()).limits == Limits()
    with pytest.raises(TypeError, match="limits is a Limits or None, got dict"):
        Matcher.load(path, limits={})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filter", "limits"),
    [
        ("a = 1 AND b = 2", Limits(predicates=1)),
        ("NOT (a = 1 OR b = 2)", Limits(filter_depth=1)),
        ("a IN (1, 2, 3)", Limits(in_values=2)),
        ("a = 1234", Limits(digits=3)),
    ],
)
def test_filters_beyond_the_limits_are_refused(filter: str, limits: Limits, path: Path) -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="fine")
    m.add(filter, id=("team", 5))
    m.save(path)
    with pytest.raises(LimitExceeded, match=r"^subscription \('team', 5\): the filter") as caught:
        Matcher.load(path, limits=limits)
    assert caught.value.maximum == getattr(limits, caught.value.limit)
    assert caught.value.__notes__ == [f"in {str(path)!r}"]


@given(
    text=strategies.filter_texts,
    depth=st.integers(1, 6),
    predicates=st.integers(1, 6),
    digits=st.integers(1, 20),
)
def test_what_was_added_can_be_loaded(text: str, depth: int, predicates: int, digits: int) -> None:
    """The parser counts in a text what is counted in bytes afterwards."""
    m: Matcher[Any] = Matcher(
        limits=Limits(filter_depth=depth, predicates=predicates, in_values=4, digits=digits)
    )
    try:
        m.add(text, id="x")
    except LimitExceeded:
        assume(False)
    assert contents(copy.copy(m)) == contents(m)


# ---- other threads -------------------------------------------------------------------------------


def test_a_file_holds_one_moment(path: Path) -> None:
    """Pairs are added and removed as one operation: a file never has half of one."""
    m: Matcher[Any] = Matcher()
    m.add_many((("stays", n), f"a = {n}") for n in range(500))
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            m.add_many([((turn, 0), "a = 1"), ((turn, 1), "b = 5")])
            turn += 1
            if turn % 50 == 0:
                m.clear()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(30):
            ids = set(saved(m, path))
            assert all((turn, 1 - half) in ids for turn, half in ids if turn != "stays")
            assert sum(id[0] == "stays" for id in ids) in (0, 500)
    finally:
        stop.set()
        thread.join()
    m.validate()


class Cycle:
    """Garbage that changes the matcher when it is found."""

    def __init__(self, m: Matcher[Any]) -> None:
        self.matcher = m
        self.itself = self

    def __del__(self) -> None:
        for id in list(self.matcher)[:2]:
            self.matcher.remove(id)
        self.matcher.add("b = 5")


def test_finalisers_may_change_it_meanwhile(path: Path) -> None:
    before = gc.get_threshold()
    m: Matcher[Any] = Matcher()
    m.add_many((("x", n), f"a = {n}") for n in range(1000))
    gc.set_threshold(7, 3, 3)
    try:
        for _ in range(100):
            Cycle(m)
            back = saved(m, path)
            back.validate()
            for id, subscription in back.items():
                filter = f"a = {id[1]}" if isinstance(id, tuple) else "b = 5"
                assert str(subscription.filter) == filter
    finally:
        gc.set_threshold(*before)
    m.validate()


def test_writers_go_on_while_the_disk_is_slow(path: Path, monkeypatch: Any) -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="before")

    def slow(path: Path, parts: list[bytes]) -> None:
        thread = threading.Thread(target=m.add, args=["a = 1"], kwargs={"id": "meanwhile"})
        thread.start()
        thread.join(30)
        assert set(m.match(EVENT)) == {"before", "meanwhile"}
        path.write_bytes(b"".join(parts))

    monkeypatch.setattr(_snapshot, "replace_file", slow)
    assert list(saved(m, path)) == ["before"]


# ---- pickles -------------------------------------------------------------------------------------


class Key:
    """An id of a kind that only pickle knows; it may know the matcher."""

    matcher: Matcher[Any]


class Named(Matcher[Any]):
    """A subclass with attributes of its own, and an `__init__` of its own."""

    __slots__ = ("slot",)

    def __init__(self, *, limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        self.name = "new"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(protocol: int) -> None:
    m: Matcher[Any] = Matcher(limits=Limits(digits=77))
    m.add_many([("x", "a = 1"), (1.5, "s = 'even'"), (None, "b > 5"), (frozenset("ab"), "b = 5")])
    back: Matcher[Any] = pickle.loads(pickle.dumps(m, protocol))
    assert contents(back) == contents(m)
    assert back.limits == m.limits
    assert set(back.match(EVENT)) == {"x", 1.5, frozenset("ab")}


def test_ids_may_know_the_matcher() -> None:
    m: Matcher[Any] = Matcher()
    key = Key()
    key.matcher = m
    m.add("a = 1", id=key)
    for back in (pickle.loads(pickle.dumps(m)), copy.deepcopy(m)):
        (found,) = back.match(EVENT)
        assert found is not key
        assert found.matcher is back
    assert copy.copy(m).match(EVENT) == [key]


@ways
def test_subclasses(way: Callable[[Matcher[Any], Path], Matcher[Any]], path: Path) -> None:
    m = Named()
    m.name = "changed"
    m.slot = [1]
    m.add("a = 1", id="x")
    back = way(m, path)
    assert type(back) is Named
    assert back.match(EVENT) == ["x"]
    if way is saved:  # a file holds subscriptions only, and `__init__` does the rest
        assert back.name == "new"
    else:
        assert (back.name, back.slot) == ("changed", [1])


def test_attributes_that_cannot_be_pickled_are_named() -> None:
    m = Named()
    m.name = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="lock"):
        pickle.dumps(m)


def test_what_typing_notes_is_not_pickled() -> None:
    class Local:
        pass

    m = Matcher[Local]()
    assert len(pickle.loads(pickle.dumps(m))) == 0


def test_a_matcher_has_the_attributes_that_pickles_leave_out() -> None:
    assert set(vars(Matcher())) == matcher._OWN


def test_a_pickle_is_checked() -> None:
    m: Matcher[Any] = Matcher()
    m.add("a = 'needle'", id="x")
    data = pickle.dumps(m)
    with pytest.raises(FileFormatError, match="checksum of section FILT"):
        pickle.loads(data.replace(b"needle", b"noodle"))
    version = data.index(b"MES\r\n\x1a\n") + 7
    with pytest.raises(FileFormatError, match=r"newer version.*format 9"):
        pickle.loads(data[:version] + b"\x09" + data[version + 1 :])


def test_a_live_matcher_takes_no_state() -> None:
    m: Matcher[Any] = Matcher(limits=Limits(digits=9))
    m.add("a = 1", id="x")
    with pytest.raises(RuntimeError, match="initialised again"):
        m.__setstate__(Matcher().__getstate__())
    assert m.match(EVENT) == ["x"]
    assert m.limits.digits == 9
    m.validate()


@pytest.mark.parametrize("state", [None, {}, (b"", []), (bytearray(), [], {}), (b"", (), {})])
def test_a_state_of_something_else(state: Any) -> None:
    blank = Matcher.__new__(Matcher)
    with pytest.raises(FileFormatError, match="the pickle holds no matcher"):
        blank.__setstate__(state)


def test_a_state_whose_ids_do_not_fit() -> None:
    m: Matcher[Any] = Matcher()
    m.add_many([("x", "a = 1"), ("y", "a = 1")])
    data, ids, own = m.__getstate__()
    with pytest.raises(FileFormatError, match="1 ids for 2 subscriptions"):
        Matcher.__new__(Matcher).__setstate__((data, ids[:1], own))
    with pytest.raises(DuplicateSubscription):
        Matcher.__new__(Matcher).__setstate__((data, ["x", "x"], own))
