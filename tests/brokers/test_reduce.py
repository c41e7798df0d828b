"""Reducers beside a model: a dict of members, and what the twin says of a few hundred events."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from brokers.reduce import REDUCERS, Change, Counters, Merging, Reducer, reducer
from matchengine import Filter, attr, covers, merge, parse, reference

# ---- what filters match -------------------------------------------------------------------------

#: What a path may hold, as the twin takes it: nothing, one value, or several.
HELD: list[list[object]] = [
    [], [None], [-1], [0], [0.5], [1], [2], [2.5], [3], [4], [True], [""], ["x"], ["xy"], ["y"],
    [0, 4], [1, "x"], [-1, 5], [1, 3],
]  # fmt: skip
FEW: list[list[object]] = [[1], [3], ["x"]]
EVENTS: list[dict[str, Any]] = [
    {path: held for path, held in zip("abc", event, strict=True) if held}
    for event in (*itertools.product(HELD, HELD, [[1]]), *itertools.product(FEW, FEW, HELD))
]


@cache
def matched(filter: Filter) -> int:
    """The events that a filter matches, as bits."""
    node = reference.parse(str(filter))
    return sum((reference.evaluate(node, event) is True) << n for n, event in enumerate(EVENTS))


def union(filters: Any) -> int:
    return reduce(int.__or__, map(matched, filters), 0)


# ---- filters ------------------------------------------------------------------------------------


def conditions(path: str) -> st.SearchStrategy[str]:
    number = st.integers(0, 4)
    some = st.lists(
        st.sampled_from(["0", "1", "2", "3", "4", "'x'", "'y'", "TRUE"]), min_size=1, max_size=3
    )
    return st.one_of(
        st.builds(lambda n: f"{path} = {n}", number),
        st.builds(lambda n: f"{path} = {n}", number),
        st.builds(lambda values: f"{path} IN ({', '.join(values)})", some),
        st.builds(
            lambda op, n: f"{path} {op} {n}", st.sampled_from(["<", "<=", ">", ">="]), number
        ),
        st.builds(lambda n, w: f"{path} BETWEEN {n} AND {n + w}", number, st.integers(-1, 2)),
        st.builds(
            lambda low, n, high, m: f"{path} {low} {n} AND {path} {high} {m}",
            st.sampled_from([">", ">="]),
            number,
            st.sampled_from(["<", "<="]),
            number,
        ),
        st.builds(lambda s: f"{path} >= '{s}'", st.sampled_from(["x", "y"])),
        st.just(f"STARTS_WITH({path}, 'x')"),
        st.just(f"EXISTS({path})"),
    )


@st.composite
def exact_filters(draw: st.DrawFn) -> str:
    """Those for which `covers` is exact."""
    paths = draw(st.sampled_from(["a", "a", "b", "ab", "ab", "abc"]))
    return " AND ".join(draw(conditions(path)) for path in paths)


ANY = st.one_of(
    exact_filters(),
    exact_filters(),
    st.builds(lambda f, g: f"({f}) OR ({g})", exact_filters(), exact_filters()),
    st.builds(lambda f: f"NOT ({f})", exact_filters()),
    st.builds(lambda f, g: f"({f}) AND ({g})", exact_filters(), exact_filters()),
    st.sampled_from(["TRUE", "FALSE", "a < b", "a LIKE '%y' AND b = 1", "MATCHES(a, 'x.*')"]),
)

# ---- a reducer beside the model -----------------------------------------------------------------


class Watched:
    """A reducer, the members it was told of, and the outputs as somebody far away knows them."""

    def __init__(self, reducer: Reducer[Any], most_values: int = 0) -> None:
        self.reducer, self.most_values = reducer, most_values
        self.members: dict[Any, Filter] = {}
        self.copy: dict[int, Filter] = {}
        self.used: set[int] = set()

    def add(self, key: Any, filter: Filter) -> Change:
        before = union(self.members.values())
        change = self.reducer.add(key, filter)
        self.members[key] = filter
        self.apply(change, before | matched(filter))
        return change

    def remove(self, key: Any) -> Change:
        change = self.reducer.remove(key)
        del self.members[key]
        self.apply(change, union(self.members.values()))
        return change

    def apply(self, change: Change, wanted: int) -> None:
        for number, filter in change.added:
            assert number not in self.used
            self.used.add(number)
            self.copy[number] = filter
        assert wanted & ~union(self.copy.values()) == 0, "a gap"
        gone = {self.copy.pop(number) for number in change.dropped}
        assert gone.isdisjoint(filter for _, filter in change.added), "sent again"
        assert union(self.copy.values()) == wanted
        assert self.copy == self.reducer.outputs()

    def check_members(self, exact: bool) -> None:
        seen: dict[Any, int] = {}
        for number, output in self.reducer.outputs().items():
            for key in self.reducer.members_of(number):
                assert key not in seen
                seen[key] = number
                assert matched(self.members[key]) & ~matched(output) == 0
                assert not exact or covers(output, self.members[key])
        assert seen == {key: self.reducer.output_of(key) for key in self.members}

    def check_least(self, name: str) -> None:
        """No output could be spared. For filters of the exact class."""
        outputs = list(self.copy.values())
        for f, g in itertools.combinations(outputs, 2):
            if name == "identity":
                assert f != g
            if name in ("covering", "merging"):
                assert not covers(f, g), f"{f} covers {g}"
                assert not covers(g, f), f"{g} covers {f}"
            if name == "merging" and values_beyond_common(f, g) <= self.most_values:
                assert merge(f, g) is None, f"{f} and {g} can be one"


def values_beyond_common(f: Filter, g: Filter) -> int:
    """How many values the lists have in which two conjunctions differ."""
    parts = [str(f).split(" AND "), str(g).split(" AND ")]
    return sum(
        part.count(",") + 1
        for ours, theirs in (parts, parts[::-1])
        for part in ours
        if part not in theirs and (" IN (" in part or " = " in part)
    )


class Machine(RuleBasedStateMachine):
    """Members come and go."""

    @initialize(name=st.sampled_from(list(REDUCERS)), exact=st.booleans(), most=st.integers(2, 5))
    def begin(self, name: str, exact: bool, most: int) -> None:
        self.name, self.exact = name, exact
        numbers = itertools.count(7, 2)
        made = Merging(numbers, most_values=most) if name == "merging" else reducer(name, numbers)
        self.watched = Watched(made, most)
        self.keys = itertools.count()

    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        text = data.draw(exact_filters() if self.exact else ANY)
        self.watched.add(("key", next(self.keys)), parse(text))

    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        if self.watched.members:
            filter = data.draw(st.sampled_from(list(self.watched.members.values())))
            self.watched.add(("key", next(self.keys)), filter)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.watched.members:
            self.watched.remove(data.draw(st.sampled_from(list(self.watched.members))))

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        if self.watched.members:
            key = data.draw(st.sampled_from(list(self.watched.members)))
            with pytest.raises(ValueError, match="already"):
                self.watched.reducer.add(key, attr("z") == 1)
        with pytest.raises(KeyError):
            self.watched.reducer.remove("nobody")
        assert self.watched.reducer.outputs() == self.watched.copy

    @invariant()
    def is_right(self) -> None:
        if not hasattr(self, "watched"):
            return
        self.watched.check_members(self.exact)
        if self.exact:
            self.watched.check_least(self.name)
        counters = self.watched.reducer.counters
        spared = len(self.watched.members) - len(self.watched.copy)
        if self.name != "merging":
            assert (counters.covered, counters.merged) == (spared, 0)
        else:
            assert counters.covered <= spared <= counters.covered + counters.merged

    def teardown(self) -> None:
        if hasattr(self, "watched"):
            for key in list(self.watched.members):
                self.watched.remove(key)
            check_empty(self.watched.reducer)


def check_empty(made: Any) -> None:
    """Nothing is left, inside neither."""
    assert made.outputs() == {}
    assert (made.counters.covered, made.counters.merged) == (0, 0)
    for part in (made, getattr(made, "_forest", made), getattr(made, "_blocks", made)):
        left = {name: some for name, some in vars(part).items() if hasattr(some, "__len__")}
        assert not [name for name, some in left.items() if len(some)], part


TestMachine = pytest.mark.filterwarnings("error")(Machine.TestCase)
TestMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


# ---- examples -----------------------------------------------------------------------------------


def watched(name: str) -> Watched:
    return Watched(reducer(name, itertools.count()), 256)


def outputs(some: Watched) -> list[str]:
    return [str(filter) for filter in some.copy.values()]


def add_all(some: Watched, *texts: str) -> None:
    for text in texts:
        some.add(text, parse(text))


def test_a_name_that_is_none() -> None:
    with pytest.raises(ValueError, match="none, identity, covering, merging"):
        reducer("magic", itertools.count())


def test_equal_filters_share_an_output() -> None:
    some = watched("identity")
    first = some.add("p", parse("a = 1 AND b = 2"))
    assert first == Change(((0, parse("a = 1 AND b = 2")),))
    assert some.add("q", attr("a").__eq__(1) & (attr("b") == 2)) == Change()
    assert some.add("r", parse("b = 2 AND a = 1")).added[0][0] == 1  # equal in meaning only
    assert some.reducer.counters == Counters(covered=1)
    assert some.remove("p") == Change()
    assert some.remove("q") == Change(dropped=(0,))


def test_uncovering() -> None:
    some = watched("covering")
    add_all(some, "a < 1", "a < 2", "a < 2 AND b = 1", "b = 1", "a < 3")
    assert outputs(some) == ["b = 1", "a < 3"]
    change = some.remove("a < 3")
    assert [str(filter) for _, filter in change.added] == ["a < 2"]
    assert some.reducer.counters.uncoverings == 1
    assert list(some.reducer.members_of(some.reducer.output_of("a < 1"))) == [
        "a < 2",
        "a < 2 AND b = 1",
        "a < 1",
    ]


def test_what_was_covered_is_reduced_in_itself() -> None:
    some = watched("covering")
    add_all(some, "a < 9", "a < 1", "a < 3", "a < 2", "b = 1 AND a < 5")
    change = some.remove("a < 9")
    assert sorted(str(filter) for _, filter in change.added) == ["a < 3", "b = 1 AND a < 5"]


def test_values_become_a_list_and_leave_it() -> None:
    some = watched("merging")
    add_all(some, "a = 1 AND b = 1", "a = 2 AND b = 1", "b = 1 AND a = 'x'")
    assert outputs(some) == ["a IN (1, 2, 'x') AND b = 1"]
    assert some.reducer.counters == Counters(merged=3)
    some.remove("a = 2 AND b = 1")
    assert outputs(some) == ["a IN (1, 'x') AND b = 1"]
    some.remove("a = 1 AND b = 1")
    assert outputs(some) == ["b = 1 AND a = 'x'"]
    assert some.reducer.counters == Counters(merges_undone=2)


def test_spans_become_one_and_fall_apart() -> None:
    some = watched("merging")
    add_all(some, "a BETWEEN 0 AND 1", "a BETWEEN 2 AND 3", "a BETWEEN 1 AND 2")
    assert outputs(some) == ["a BETWEEN 0 AND 3"]
    add_all(some, "a > 3", "a = 0.5")
    assert outputs(some) == ["a >= 0"]
    some.remove("a BETWEEN 1 AND 2")
    assert sorted(outputs(some)) == ["a >= 2", "a BETWEEN 0 AND 1"]


def test_two_comparisons_are_a_span() -> None:
    """Also for arrays, which may meet one end with one value and the other with another."""
    some = watched("merging")
    add_all(some, *[f"a >= {n} AND a < {n + 1} AND b = 1" for n in (0, 2, 1)])
    assert outputs(some) == ["a >= 0 AND a < 3 AND b = 1"]
    add_all(some, "b = 1 AND a BETWEEN 3 AND 4", "a > 4 AND b = 1")
    assert outputs(some) == ["a >= 0 AND b = 1"]
    some.remove("a >= 1 AND a < 2 AND b = 1")
    assert sorted(outputs(some)) == ["a >= 0 AND a < 1 AND b = 1", "a >= 2 AND b = 1"]


def test_merges_on_two_paths() -> None:
    some = watched("merging")
    add_all(some, *[f"a = {i} AND b = {k}" for i in range(4) for k in range(4)])
    assert outputs(some) == ["a IN (0, 1, 2, 3) AND b IN (0, 1, 2, 3)"]
    some.remove("a = 1 AND b = 2")
    assert len(outputs(some)) == 2
    some.add("again", parse("a = 1 AND b = 2"))
    assert len(outputs(some)) == 1


def test_a_whole_covers_what_no_part_does() -> None:
    some = watched("merging")
    add_all(some, "a = 1", "a IN (1, 2) AND b = 1", "a = 2")
    assert outputs(some) == ["a IN (1, 2)"]
    some.remove("a = 2")
    assert sorted(outputs(some)) == ["a = 1", "a IN (1, 2) AND b = 1"]


@pytest.mark.parametrize("name", REDUCERS)
def test_no_warning_of_filters_that_the_client_was_warned_of(name: str) -> None:
    made = reducer(name, itertools.count())
    for n in range(40):
        made.add(n, parse(f"NOT EXISTS(a{n})"))
    made.add("all", parse("TRUE"))
    made.remove("all")
    assert len(made.outputs()) == 40


@pytest.mark.parametrize("name", ["covering", "merging"])
def test_many_under_one_that_comes_and_goes(name: str) -> None:
    made = reducer(name, itertools.count())
    for n in range(10_000):
        made.add(n, parse(f"a = {n} AND b = {n}"))
    for _ in range(2):
        change = made.add("top", parse("a >= 0"))
        assert (len(change.added), len(change.dropped)) == (1, 10_000)
        change = made.remove("top")
        assert (len(change.added), len(change.dropped)) == (10_000, 1)
    for n in range(10_000):
        made.remove(n)
    check_empty(made)


@pytest.mark.parametrize("name", ["covering", "merging"])
@pytest.mark.parametrize("order", [1, -1])
def test_chains(name: str, order: int) -> None:
    made = reducer(name, itertools.count())
    for n in range(1000)[::order]:
        made.add(n, parse(f"a < {n}"))
    assert list(made.outputs().values()) == [parse("a < 999")]
    assert made.output_of(0) == made.output_of(999)
    for n in range(999, 899, -1):
        assert len(made.remove(n).added) == 1
    assert list(made.outputs().values()) == [parse("a < 899")]


@pytest.mark.parametrize("name", ["identity", "covering", "merging"])
def test_equal_filters_ten_thousand_times(name: str) -> None:
    made = reducer(name, itertools.count())
    for n in range(10_000):
        made.add(n, parse("a = 1 AND b < 5"))
    assert len(made.outputs()) == 1
    assert len(made.members_of(made.output_of(5))) == 10_000
    changes = [made.remove(n) for n in range(10_000)]
    assert [change for change in changes if change != Change()] == changes[-1:]
    check_empty(made)


def test_lists_are_bounded() -> None:
    made = reducer("merging", itertools.count())
    for n in range(2_000):
        made.add(n, parse(f"symbol = 'S{n}'"))
    assert len(made.outputs()) == 8
    assert max(str(filter).count(",") + 1 for filter in made.outputs().values()) == 256
    for n in range(1_999):
        change = made.remove(n)
        assert sum(len(str(filter)) for _, filter in change.added) < 3_000
    assert [str(filter) for filter in made.outputs().values()] == ["symbol = 'S1999'"]


def test_what_is_united_is_bounded_in_bytes_too() -> None:
    made = reducer("merging", itertools.count())
    for n in range(100):
        made.add(n, parse(f"symbol = 'S{n}{'x' * 5_000}' AND price < 10"))
    texts = [str(filter) for filter in made.outputs().values()]
    assert 8 <= len(texts) < 20
    assert max(map(len, texts)) < 70_000
    for n in range(100):
        made.remove(n)
    check_empty(made)


# ---- the same on every run ----------------------------------------------------------------------


def trace(name: str) -> list[Change]:
    """What a reducer answers to some thousand changes."""
    rng = random.Random(3)
    made = reducer(name, itertools.count())
    present: list[str] = []
    answers = []
    for n in range(1_500):
        if present and rng.random() < 0.4:
            answers.append(made.remove(present.pop(rng.randrange(len(present)))))
            continue
        low = rng.randrange(9)
        text = f"price BETWEEN {low} AND {low + rng.randrange(4)}"
        if rng.random() < 0.9:
            text += f" AND symbol = 'S{rng.randrange(6)}'"
        if rng.random() < 0.5:
            text += f" AND venue IN ('V{rng.randrange(4)}', 'V{rng.randrange(4)}')"
        present.append(f"key{n}")
        answers.append(made.add(f"key{n}", parse(text)))
    return answers


@pytest.mark.parametrize("name", ["covering", "merging"])
def test_hash_seeds_change_nothing(name: str) -> None:
    here = str(Path(__file__).resolve().parent)
    program = (
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r} + [{here!r}];"
        f"import test_reduce; print(test_reduce.trace({name!r}))"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-P", "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert printed[0].count("added") == 1_500
