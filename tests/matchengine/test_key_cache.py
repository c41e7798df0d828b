"""Keys that are known by their address: the same answers as for keys that are read, at any time."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchengine import EventError, EventLimitExceeded, Filter, Limits, Matcher, attr
from matchengine.reference import ReferenceMatcher

MOST_KEPT = 32768 * 3  # by an idle matcher: lines of the cache and keys of a line


def fresh(text: str) -> str:
    """Another object that is equal, and not interned; single characters are always the same."""
    return text.encode().decode()


def interned(text: str) -> str:
    return sys.intern(fresh(text))


Kind = Callable[[str], str]


@pytest.fixture(params=[fresh, interned])
def kind(request: pytest.FixtureRequest) -> Any:
    """How the keys of a test are made."""
    return request.param


def ask(matcher: Matcher[Any], event: Any) -> set[Any]:
    """What matches, asked in every way and so often that every key is known."""
    found = matcher.match(event)
    for _ in range(2):
        again = matcher.match(event)
        assert sorted(again) == sorted(found)
        assert matcher.count(event) == len(found)
        assert matcher.matches_any(event) is bool(found)
        batch = matcher.match_batch([event, {}, event])
        assert sorted(batch[0]) == sorted(batch[2]) == sorted(found)
    assert len(set(found)) == len(found)
    return set(found)


def limit_of(call: Callable[[Any], Any], event: Any) -> tuple[str, int, int]:
    with pytest.raises(EventLimitExceeded) as caught:
        call(event)
    return caught.value.limit, caught.value.value, caught.value.maximum


def counts(keys: Iterable[str]) -> list[int]:
    """Reference counts, all taken in the same way: for comparison with one another only."""
    return [sys.getrefcount(key) for key in keys]


# ---- paths that come and go ----------------------------------------------------------------------


def test_a_path_comes_and_goes_while_its_key_is_known(kind: Kind) -> None:
    matcher: Matcher[str] = Matcher()
    key, other = kind("some key"), kind("other key")
    event = {key: 1, other: 2}
    assert ask(matcher, event) == set()
    for _ in range(3):
        matcher.add(attr("some key") == 1, id="x")
        matcher.add(attr("some key") == 1, id="y")
        assert ask(matcher, event) == {"x", "y"}
        matcher.remove("x")
        matcher.replace("y", attr("other key") == 2)
        assert ask(matcher, event) == {"y"}
        matcher.replace("y", attr("other key") == 1)
        assert ask(matcher, event) == set()
        matcher.replace("y", attr("some key").is_null())
        assert ask(matcher, {other: 3}) == {"y"}
        assert ask(matcher, {key: None}) == {"y"}
        assert ask(matcher, event) == set()
        matcher.clear()
        assert ask(matcher, event) == set()
    matcher.validate()


def test_a_way_to_a_path_becomes_a_path(kind: Kind) -> None:
    """A key whose node was there before it was wanted, and is there after it."""
    matcher: Matcher[str] = Matcher()
    outer, inner = kind("outer"), kind("inner")
    nested, flat = {outer: {inner: 1}}, {outer: 1}
    matcher.add(attr("outer.inner") == 1, id="inner")
    assert ask(matcher, nested) == {"inner"}
    assert ask(matcher, flat) == set()
    matcher.add(attr("outer") == 1, id="outer")
    assert ask(matcher, flat) == {"outer"}
    assert ask(matcher, {outer: [{inner: 1}, 1]}) == {"inner", "outer"}
    matcher.remove("outer")
    assert ask(matcher, nested) == {"inner"}
    matcher.replace("inner", attr("outer") == 1)
    assert ask(matcher, nested) == set()
    assert ask(matcher, flat) == {"inner"}


def test_numbers_of_nodes_are_used_again() -> None:
    """A path takes the number that another key led to a moment ago."""
    matcher: Matcher[int] = Matcher()
    keys = [fresh(f"key {i}") for i in range(50)]
    everything = dict.fromkeys(keys, 1)
    for i, key in enumerate(keys):
        matcher.add(attr(key) == 1, id=i)
        assert ask(matcher, everything) == ask(matcher, {key: 1}) == {i}
        assert ask(matcher, {keys[i - 1]: 1}) == set()
        matcher.remove(i)
    assert ask(matcher, everything) == set()


@pytest.mark.parametrize("known", ["nowhere", "somewhere"])
def test_what_was_known_is_not_due_again(known: str) -> None:
    """A key is kept; another one comes into its line, and the trie changes; the key comes again."""
    keys = [fresh(f"key {i}") for i in range(600)]
    for key in keys[:100]:
        matcher: Matcher[str] = Matcher()
        if known == "somewhere":
            matcher.add(attr(key) == 1, id="old")
        for _ in range(2):
            matcher.match({key: 1})
        matcher.match({other: 1 for other in keys if other is not key})
        if matcher.discard("old"):  # then its number goes to "elsewhere"
            matcher.add(attr("elsewhere." + key) == 1, id="elsewhere")
            assert matcher.match({key: 1}) == []
        else:
            matcher.add(attr(key) == 1, id="new")
            assert matcher.match({key: 1}) == ["new"]


def test_matchers_that_share_keys() -> None:
    """The same object leads elsewhere in every matcher."""
    names = [f"name {i}" for i in range(20)]
    keys = [fresh(name) for name in names]
    matchers: list[Matcher[int]] = [Matcher() for _ in range(4)]
    for i, name in enumerate(names):
        matchers[i % 3].add(attr(name) == i, id=i)
    event = {key: i for i, key in enumerate(keys)}
    for _ in range(3):
        for number, matcher in enumerate(matchers):
            assert ask(matcher, event) == ({*range(number, 20, 3)} if number < 3 else set())


# ---- keys and their parents ----------------------------------------------------------------------


def test_one_key_below_many_parents(kind: Kind) -> None:
    k = kind("key")
    matcher: Matcher[int] = Matcher()
    deep: Any = 5
    for _ in range(6):
        deep = {k: deep}
    events = [{k: 5}, {k: {k: 5}}, {k: [{k: 5}, 6]}, {k: [{k: {k: 5}}, {k: [5]}]}, deep]
    wanted: list[set[int]] = [{1}, {2}, {2}, {2, 3}, {6}]
    there: set[int] = set()
    for depth in [*range(1, 7), *range(6, 0, -1), *range(6, 0, -1)]:  # in, out, the deepest first
        if depth in there:
            matcher.remove(depth)
        else:
            matcher.add(attr(".".join(["key"] * depth)) == 5, id=depth)
        there ^= {depth}
        assert [ask(matcher, event) for event in events] == [found & there for found in wanted]


def test_dotted_keys(kind: Kind) -> None:
    ab, bc, a, b, c = kind("aa.bb"), kind("bb.cc"), kind("aa"), kind("bb"), kind("cc")
    long = [{ab: {c: 1}}, {a: {bc: 1}}, {a: {b: {c: 1}}}, {kind("aa.bb.cc"): 1}]
    short = [{ab: 1}, {a: {b: 1}}]
    matcher: Matcher[str] = Matcher()
    there: set[str] = set()
    for change in ["add long", "add short", "remove long", "remove short"] * 2:
        assert [ask(matcher, event) for event in long] == [there & {"long"}] * 4
        assert [ask(matcher, event) for event in short] == [there & {"short"}] * 2
        what, id = change.split()
        if what == "add":
            matcher.add(attr({"long": "aa.bb.cc", "short": "aa.bb"}[id]) == 1, id=id)
        else:
            matcher.remove(id)
        there ^= {id}
    assert [ask(matcher, event) for event in [*long, *short]] == [set()] * 6


def test_equal_keys_of_many_objects() -> None:
    matcher: Matcher[str] = Matcher()
    matcher.add((attr("some key") == 1) & (attr("some key.some key") == 2), id="x")
    objects = [fresh("some key") for _ in range(50)] + [interned("some key")]
    for i, key in enumerate(objects):
        assert ask(matcher, {key: [{objects[i - 1]: 2}, 1]}) == {"x"}
        assert ask(matcher, {key: [{key: 2}, 1]}) == {"x"}
        assert ask(matcher, {key: [{fresh("some key"): 1}, 1]}) == set()
    matcher.remove("x")
    assert all(ask(matcher, {key: 1}) == set() for key in objects)


@pytest.mark.parametrize("letter", ["k", "é", "\u20ac", "\U0001f600"])
def test_long_keys(kind: Kind, letter: str) -> None:
    """Around 255 bytes, the longest that is kept."""
    size = len(letter.encode())
    matcher: Matcher[int] = Matcher()
    lengths = [255 // size - 1, 255 // size, 255 // size + 1, 256 // size + 1, 2000]
    keys = {length: kind(letter * length) for length in lengths}
    event = dict.fromkeys(keys.values(), 1)
    assert ask(matcher, event) == set()
    for length in keys:
        matcher.add(attr(letter * length) == 1, id=length)
    assert ask(matcher, event) == set(keys)
    for length in keys:
        matcher.remove(length)
        assert length not in ask(matcher, event)


class Name(str):
    """A key that is no exact str."""

    __slots__ = ()


def test_keys_of_a_subclass() -> None:
    matcher: Matcher[str] = Matcher()
    matcher.add(attr("some key") == 1, id="x")
    plain, odd = fresh("some key"), Name("some key")
    before = counts([odd])
    for event in ({odd: 1}, {plain: 1}, {odd: 1, fresh("more"): {odd: 1}}, {"m": {odd: 2}, odd: 1}):
        assert ask(matcher, event) == {"x"}
    del event
    assert counts([odd]) == before, "only exact strings are kept"
    matcher.remove("x")
    assert ask(matcher, {odd: 1}) == ask(matcher, {plain: 1}) == set()


@pytest.mark.parametrize("bad", ["\ud800", "key \udfff", "é\udc80é", "\U0001f600\ud800"])
def test_surrogates_are_refused_every_time(bad: str) -> None:
    matcher: Matcher[str] = Matcher()
    matcher.add(attr("some key.x") == 1, id="x")
    good = fresh("some key")
    before = counts([bad])
    for _ in range(5):
        for event in ({bad: 1}, {good: {bad: 1}}, {good: 1, bad: {}}, {good: [{"x": 1}, {bad: 1}]}):
            with pytest.raises(EventError, match="surrogate"):
                matcher.match(event)
            with pytest.raises(EventError, match="surrogate"):
                matcher.match_batch([{good: 1}, event])
        assert ask(matcher, {good: {"x": 1}}) == {"x"}
    del event
    gc.collect()
    assert counts([bad]) == before


# ---- limits --------------------------------------------------------------------------------------

EVENTS_OF_KEYS: list[dict[str, Any]] = [
    {"a long key": 1, "another key": None},
    {"größe": {"größe": {"größe": 1}}},
    {"\u20ac" * 20: [{"\u20ac" * 20: 1}, {"inner key": "text"}], "x" * 300: 1},
    {"dotted.key": {"": {"unwanted": [[], {"some key": 2.5}]}}, "last key": "é"},
]


def bytes_of(value: Any) -> int:
    """What the limit counts, as limits.py says it."""
    if isinstance(value, dict):
        return 2 + sum(len(key.encode()) + bytes_of(item) for key, item in value.items())
    if isinstance(value, list):
        return 2 + sum(map(bytes_of, value))
    return len(value.encode()) if isinstance(value, str) else 0


def with_keys(value: Any, kind: Kind) -> Any:
    if isinstance(value, dict):
        return {kind(key): with_keys(item, kind) for key, item in value.items()}
    return [with_keys(item, kind) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("plain", EVENTS_OF_KEYS, ids=range(4))
def test_bytes_count_the_same_for_known_keys(plain: Any, kind: Kind) -> None:
    size = bytes_of(plain)
    for limit in range(1, size + 3):
        matcher: Matcher[str] = Matcher(limits=Limits(event_bytes=limit))
        matcher.add(attr("größe.größe").exists() | attr("dotted.key..unwanted").exists(), id="x")
        event = with_keys(plain, kind)
        if limit >= size:
            assert all(matcher.match(event) == matcher.match_batch([event])[0] for _ in range(9))
            continue
        first_time = limit_of(matcher.match, event)
        assert first_time[0] == "event_bytes"
        assert first_time[1] > limit == first_time[2]
        for _ in range(9):
            assert limit_of(matcher.match, event) == first_time
            assert limit_of(matcher.match_batch, [event]) == first_time
        assert limit_of(matcher.match, with_keys(plain, fresh)) == first_time


# ---- who owns the keys ---------------------------------------------------------------------------


def test_references_fall_back() -> None:
    keys = [fresh(f"some key {i}") for i in range(3000)] + [interned("some interned key")]
    before = counts(keys)
    matcher: Matcher[int] = Matcher()
    matcher.add_many((i, attr(f"some key {i}") == 1) for i in range(0, 3000, 7))
    event = {key: {keys[i - 1]: 1} for i, key in enumerate(keys)}
    single = [{key: 1} for key in keys for _ in range(2)]
    for _ in range(3):
        matcher.match_batch(single)
        matcher.match(event)
        matcher.remove(matcher.add(attr("elsewhere") == 1))
    del event, single
    assert sum(counts(keys)) > sum(before) + 1000
    del matcher
    assert counts(keys) == before


def test_how_many_keys_are_kept() -> None:
    """Bounded, however many come up again and again; and then all are given back."""
    matcher: Matcher[str] = Matcher()
    matcher.add(attr("some key 5") == 1, id="x")
    keys = [fresh(f"some key {i}") for i in range(MOST_KEPT + 50_000)]
    before = counts(keys)
    for start in range(0, len(keys), 100):
        event = dict.fromkeys(keys[start : start + 100], 1)
        for _ in range(2):
            assert matcher.match(event) == (["x"] if start == 0 else [])
    del event
    assert 1000 < sum(counts(keys)) - sum(before) <= MOST_KEPT
    del matcher
    gc.collect()
    assert counts(keys) == before


def test_events_of_a_decoder_leave_little() -> None:
    """Keys die with their event. Those whose address comes up again may be kept, a bounded number
    of them; and nothing is mistaken for what was at its address before."""
    matcher: Matcher[int] = Matcher()
    matcher.add_many((i, attr(f"some key {i}") == 1) for i in range(0, 40, 2))
    start = sys.getallocatedblocks()
    for i in range(60_000):
        name = i * 7 % 40
        found = matcher.match(json.loads(f'{{"some key {name}": 1, "a": {{"some key 2": 1}}}}'))
        assert found == ([name] if name % 2 == 0 else [])
    assert sys.getallocatedblocks() - start <= MOST_KEPT + 1000
    del matcher
    gc.collect()
    assert sys.getallocatedblocks() - start < 1000


# ---- against the twin ----------------------------------------------------------------------------

KEYS = ["key", "other", "größe", "", "key.key", "key.other", "n" * 256, "unwanted"]
PATHS = ["key", "other", "größe", "key.key", "key.other", "", "key.", "other.key.key", "n" * 256]


def line_of(key: str) -> int:
    """The line of the cache (key_cache.h) for a key of the event itself, while there are 256."""
    x = id(key) * 0x9E3779B97F4A7C15 % 2**64
    return (x ^ x >> 32) * 0xD6E8FEB86659FD93 % 2**64 >> 56


def crowd(name: str) -> list[str]:
    """Objects of one key, in the same line at the root: so they push one another out."""
    return sorted((fresh(name) for _ in range(1000)), key=lambda key: line_of(key) != 7)[:3]


#: Shared by all events of a run and by all runs.
POOL = [key for name in KEYS for key in [interned(name), *crowd(name)]]
POOLED = st.sampled_from(POOL)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([1, 2, "s", None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(POOLED, inner, max_size=4),
    max_leaves=8,
)
EVENTS = st.dictionaries(POOLED, VALUES, max_size=5)


def leaf(path: str, kind: int) -> Filter:
    a = attr(path)
    return [a == 1, a == "s", a.exists(), a.is_null(), ~(a == 2), a.is_not_null()][kind]


LEAVES = st.builds(leaf, st.sampled_from(PATHS), st.integers(0, 5))
PAIRS = st.builds(lambda a, b, both: a & b if both else a | b, LEAVES, LEAVES, st.booleans())
CHANGE = st.tuples(st.sampled_from(["add", "add", "remove"]), LEAVES | PAIRS, st.integers(0, 9))
MATCH = st.tuples(st.just("match"), st.lists(EVENTS, min_size=1, max_size=3), st.integers(1, 3))
STEPS = st.lists(CHANGE | MATCH, max_size=25)


def change(matcher: Matcher[int], twin: ReferenceMatcher, text: str, id: int, add: bool) -> None:
    """Add, or replace what is there; remove it if it is there."""
    if not add:
        if matcher.discard(id):
            twin.remove(id)
    elif id in matcher:
        matcher.replace(id, text)
        twin.replace(id, text)
    else:
        twin.add(text, matcher.add(text, id=id))


@settings(deadline=None)
@given(steps=STEPS)
def test_against_the_twin(steps: list[tuple[str, Any, int]]) -> None:
    matcher: Matcher[int] = Matcher()
    twin = ReferenceMatcher()
    asked: list[dict[str, Any]] = []
    for what, given_, number in steps:
        if what != "match":
            change(matcher, twin, str(given_), number, what == "add")
        asked = [*asked[-3:], *(given_ if what == "match" else [])]
        wanted = [set(twin.match(event)) for event in asked]
        for _ in range(number if what == "match" else 1):
            for event, ids in zip(asked, wanted, strict=True):
                assert set(matcher.match(event)) == ids
            assert [set(found) for found in matcher.match_batch(asked)] == wanted
        copies = with_keys(asked, fresh)
        assert [set(found) for found in matcher.match_batch(copies)] == wanted
    matcher.validate()


# ---- threads -------------------------------------------------------------------------------------


class Shared:
    """What the threads share: readers know what holds, unless `clock` tells that it changed."""

    def __init__(self) -> None:
        self.matcher: Matcher[str] = Matcher()
        self.keys = [fresh(f"shared key {i}") for i in range(8)]
        self.event = {k: {self.keys[i - 1]: 1, "x": [1, 2]} for i, k in enumerate(self.keys)}
        self.matcher.add(attr("shared key 3.x") == 2, id="always")
        # So long that the GIL is given away: only then do readers and the writer meet.
        self.text = json.dumps({**self.event, "padding": "p" * 4000})
        self.clock = 0  # odd: a change is under way
        self.there = {"always"}
        self.failures: list[str] = []
        self.checked = [0] * 4
        self.end = time.monotonic() + 1.5

    def found(self, number: int) -> set[str]:
        if number == 0:
            return set(self.matcher.match_json(self.text))
        batch = self.matcher.match_batch([{}, self.event])[1] if number == 1 else None
        return set(self.matcher.match(self.event) if batch is None else batch)

    def read(self, number: int) -> None:
        while time.monotonic() < self.end and not self.failures:
            start, wanted = self.clock, self.there.copy()
            found = self.found(number)
            if "always" not in found:
                self.failures.append(f"{number}: always is missing")
            if self.clock == start and start % 2 == 0:
                self.checked[number] += 1
                if found != wanted:
                    self.failures.append(f"{number}: {found} instead of {wanted}")

    def write(self) -> None:
        step = 0
        while time.monotonic() < self.end and not self.failures:
            id, key, below = str(step % 5), f"shared key {step % 8}", f"shared key {(step - 1) % 8}"
            self.clock += 1
            if id in self.there:
                self.matcher.remove(id)
                self.there.remove(id)
            else:
                self.matcher.add(attr(f"{key}.{below}" if step % 3 else f"{key}.x") == 1, id=id)
                self.there.add(id)
            self.clock += 1
            step += 1
            time.sleep(1e-4)


def test_threads_that_share_keys() -> None:
    shared = Shared()
    threads = [threading.Thread(target=shared.read, args=(i,)) for i in range(4)]
    threads.append(threading.Thread(target=shared.write))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)
    assert not shared.failures
    assert min(shared.checked) > 0
    shared.matcher.validate()
    assert ask(shared.matcher, shared.event) == shared.there
    owned = sum(counts(shared.keys))
    del shared.matcher
    assert sum(counts(shared.keys)) < owned
    shared.event.clear()
    assert len(set(counts(shared.keys))) == 1
