"""The twin is the oracle for everything else, so the table and the law are its own tests.

The counting matcher, in turn, is checked against the plain evaluator on random filters and events.
"""

from __future__ import annotations

import ast
import doctest
import enum
import hashlib
import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import vectors
from matchengine import reference
from matchengine.reference import (
    CountingMatcher,
    ReferenceMatcher,
    evaluate,
    flatten,
    fold,
    load_event,
    matches,
    parse,
)
from vectors import BadFilter, Vector

OUTCOMES = {"T": True, "F": False, "U": None}


def event_of(vector: Vector) -> Any:
    return load_event(vector.event) if isinstance(vector.event, str) else vector.event


# ---- the table ---------------------------------------------------------------------------------


def test_the_table_is_large_and_sound() -> None:
    assert len(vectors.VECTORS) >= 300
    assert len({vector.name for vector in vectors.VECTORS}) == len(vectors.VECTORS)
    expected = [vector.expected for vector in vectors.VECTORS]
    assert set(expected) == set(OUTCOMES)
    assert all(expected.count(outcome) > 100 for outcome in OUTCOMES)


@pytest.mark.parametrize("vector", vectors.VECTORS, ids=[v.name for v in vectors.VECTORS])
def test_vector(vector: Vector) -> None:
    node = parse(vector.filter, **vector.params)
    values = flatten(event_of(vector))
    assert evaluate(node, values) is OUTCOMES[vector.expected]


@pytest.mark.parametrize("make", [ReferenceMatcher, CountingMatcher])
def test_matchers_agree_with_the_table(make: Any) -> None:
    """What the C core is asked: does `f` match, and does NOT (f)?"""
    for vector in vectors.VECTORS:
        matcher = make()
        matcher.add(parse(vector.filter, **vector.params), "f")
        matcher.add(parse(f"NOT ({vector.filter})", **vector.params), "not f")
        wanted = {"T": ["f"], "F": ["not f"], "U": []}[vector.expected]
        assert matcher.match(event_of(vector)) == wanted, vector


@pytest.mark.parametrize("text", vectors.EMPTY_FILTERS)
def test_the_empty_filter_matches_every_event(text: str) -> None:
    assert matches(parse(text), {})
    assert matches(parse(text), {"a": None})
    assert parse(text) == parse("TRUE")


@pytest.mark.parametrize(
    ("error", "bad"),
    [
        *((reference.FilterSyntaxError, bad) for bad in vectors.SYNTAX_ERRORS),
        *((reference.FilterTypeError, bad) for bad in vectors.TYPE_ERRORS),
        *((reference.FilterLimitError, bad) for bad in vectors.LIMIT_ERRORS),
    ],
)
def test_bad_filter(error: type[reference.FilterError], bad: BadFilter) -> None:
    with pytest.raises(reference.FilterError) as caught:
        parse(bad.filter, **bad.params)
    assert (type(caught.value), caught.value.position) == (error, bad.position), caught.value


@pytest.mark.parametrize(("text", "params", "canonical"), vectors.CANONICAL)
def test_canonical_text(text: str, params: dict[str, Any], canonical: str) -> None:
    node = parse(text, **params)
    assert str(node) == canonical
    assert str(parse(canonical)) == canonical
    assert parse(canonical) == node
    assert hash(parse(canonical)) == hash(node)


def test_canonical_text_of_every_vector_is_a_fixed_point() -> None:
    for vector in vectors.VECTORS:
        node = parse(vector.filter, **vector.params)
        assert parse(str(node)) == node, vector
        assert evaluate(parse(str(node)), flatten(event_of(vector))) is OUTCOMES[vector.expected]


def test_filters_that_differ_only_to_the_type_of_a_constant_are_not_equal() -> None:
    texts = ["a = 1", "a = 1.0", "a = TRUE", "a = '1'", "a IN (1)"]
    for left, right in itertools.combinations(texts, 2):
        assert parse(left) != parse(right)
    assert parse("a") != "a = TRUE"


# ---- events ------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", vectors.BAD_EVENTS)
def test_bad_event(event: Any) -> None:
    with pytest.raises(ValueError, match=r"event|key|surrogate|digits|not a value"):
        reference.check_event(event)


@pytest.mark.parametrize("event", vectors.GOOD_EVENTS)
def test_good_event(event: Any) -> None:
    reference.check_event(event)


@pytest.mark.parametrize("text", vectors.BAD_JSON, ids=range(len(vectors.BAD_JSON)))
def test_bad_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_event(text)


@pytest.mark.parametrize("text", vectors.GOOD_JSON, ids=range(len(vectors.GOOD_JSON)))
def test_good_json(text: str | bytes) -> None:
    assert isinstance(load_event(text), dict)
    if not isinstance(text, str):
        assert load_event(memoryview(text)) == load_event(text)


@pytest.mark.parametrize(
    ("event", "values"),
    [
        ({"a": {"b": [1, [2, {"c": 3}]]}}, {"a.b": [1, 2], "a.b.c": [3]}),
        ({"a": [], "b": {}, "c": [[], {}], "d": [None]}, {"d": [None]}),
        ({"a": {"b": 1}, "a.b": [2, 1]}, {"a.b": [1, 2, 1]}),
        ({"": {"": 1}, "x": ({"": 2},)}, {".": [1], "x.": [2]}),
        (MappingProxyType({"a": MappingProxyType({"b": True})}), {"a.b": [True]}),
    ],
)
def test_flatten(event: Any, values: dict[str, list[Any]]) -> None:
    assert flatten(event) == values


class Loud(int):
    """An int that lies about itself everywhere it can."""

    def __int__(self) -> int:
        return 99

    __index__ = __int__
    __pos__ = __int__

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Name(str):
    def __str__(self) -> str:
        return "a lie"


class Colour(enum.IntEnum):
    RED = 5


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Loud(5), 5),
        (Colour.RED, 5),
        (Name("x"), "x"),
        (np.bool_(True), True),
        (np.int8(-5), -5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float16(0.5), 0.5),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(0.1), 0.1),
        (np.longdouble(2.5), 2.5),
        (np.str_("x"), "x"),
    ],
)
def test_subclasses_and_numpy_scalars_count_by_value(value: Any, plain: Any) -> None:
    (found,) = flatten({"a": [value]})["a"]
    assert (type(found), found) == (type(plain), plain)
    assert str(parse("a = :p", p=value)) == str(parse("a = :p", p=plain))
    assert flatten({Name("k"): 1}) == {"k": [1]}


@pytest.mark.parametrize(
    "value",
    [
        np.datetime64(1, "s"),
        np.timedelta64(5, "s"),
        np.timedelta64(5),
        np.bytes_(b"x"),
        np.complex64(1),
        np.void(b"x"),
        np.array(5),
        np.array([1, 2]),
        np.array([]),
    ],
)
def test_other_numpy_objects_are_no_values(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a value"):
        reference.check_event({"a": value})


# ---- details -----------------------------------------------------------------------------------


def test_a_filter_may_be_deeper_than_the_stack_of_python() -> None:
    depth = 5 * sys.getrecursionlimit()
    for prefix, suffix in [("NOT ", ""), ("(", ")"), ("NOT (b OR ", ")"), ("b AND (c OR ", ")")]:
        node = parse(prefix * depth + "a" + suffix * depth)
        assert str(parse(str(node))) == str(node)
        assert evaluate(node, {}) is None
        del node  # freeing it must not recurse either


def test_folding_is_that_of_unicode_14() -> None:
    """Whatever Python runs this. The digest is of CaseFolding.txt, statuses C and S."""
    points = itertools.chain(range(0xD800), range(0xE000, 0x110000))
    table = [f"{p:04X} {ord(fold(chr(p))):04X}\n" for p in points if fold(chr(p)) != chr(p)]
    assert len(table) == 1454
    assert hashlib.sha256("".join(table).encode()).hexdigest() == (
        "243f191ec4cd1be712abcde3624817ed2a7122e0bed37c4cdeb57ee0b5378a42"
    )


def test_like_takes_linear_time() -> None:
    assert not matches(parse(f"a LIKE '{'%a' * 200}%b'"), {"a": "a" * 2000})


def test_reference_matcher_ids() -> None:
    matcher = ReferenceMatcher()
    assert matcher.add("a = 1", id=0) == 0
    assert matcher.add("a = 2") == 1  # 0 is taken
    assert matcher.add("a = 1", id="x") == "x"
    with pytest.raises(ValueError, match="taken"):
        matcher.add("a = 3", id="x")
    assert matcher.match({"a": 1}) == [0, "x"]
    matcher.replace("x", "a = 2")
    assert matcher.match({"a": 2}) == [1, "x"]
    with pytest.raises(reference.FilterSyntaxError):
        matcher.replace("x", "a =")
    assert matcher.match({"a": 2}) == [1, "x"]
    matcher.remove(1)
    assert (len(matcher), 1 in matcher, "x" in matcher) == (2, False, True)
    for missing in (lambda: matcher.remove(1), lambda: matcher.replace(1, "a")):
        with pytest.raises(KeyError):
            missing()


def test_counting_matcher_ids() -> None:
    matcher = CountingMatcher()
    assert matcher.add("a = 1", "x") == "x"
    with pytest.raises(ValueError, match="taken"):
        matcher.add("a = 2", "x")
    with pytest.raises(reference.FilterSyntaxError):
        matcher.add("a =", "y")
    assert len(matcher) == 1
    assert matcher.match({"a": 1}) == ["x"]
    matcher.add("a >= 1", "y")  # after a match, the arrays are sorted again
    matcher.add("a >= 0", "z")
    assert sorted(matcher.match({"a": 0})) == ["z"]  # type: ignore[type-var]
    assert sorted(matcher.match({"a": 1})) == ["x", "y", "z"]  # type: ignore[type-var]
    with pytest.raises(ValueError, match="not a value"):
        matcher.match({"unwanted": b""})


def test_the_twin_shares_no_code() -> None:
    """Its modules import each other and the standard library."""
    for module in twin():
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
                assert node.level == 0
            else:
                continue
            for name in names:
                ours = name.startswith(("matchengine._reference", "matchengine.reference"))
                assert ours or name.split(".")[0] in sys.stdlib_module_names, (module, name)


def test_examples() -> None:
    results = [doctest.testmod(module) for module in twin()]
    assert sum(result.attempted for result in results) >= 5
    assert not any(result.failed for result in results)


def twin() -> Iterator[ModuleType]:
    names = ["_reference_values", "_reference_filter", "_reference_parser", "reference"]
    return (importlib.import_module(f"matchengine.{name}") for name in names)


# ---- random filters and events -----------------------------------------------------------------

# Few paths and few values, so that filters and events meet.
PATHS = st.sampled_from(["a", "b", "a.b"])
NUMBERS = st.sampled_from([0, 1, 2, 3, -0.0, 1.0, 1.5, 2**53, 2.0**53, 2**53 + 1, float("inf")])
STRINGS = st.sampled_from(["", "a", "b", "ab", "B", "\uff61", "😀"])
BOOLS = st.booleans()
ORDERED = NUMBERS | STRINGS
CONSTANTS = ORDERED | BOOLS


@st.composite
def leaves(draw: st.DrawFn) -> reference.Node:
    path = draw(PATHS)
    kind = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "between", "in", "like", "null"]))
    if kind in ("=", "<>"):
        return reference.Compare(path, kind, draw(CONSTANTS))
    if kind == "between":
        ends = draw(st.tuples(NUMBERS, NUMBERS) | st.tuples(STRINGS, STRINGS))
        return reference.Between(path, *ends)
    if kind == "in":
        return reference.In(path, tuple(draw(st.lists(CONSTANTS, min_size=1, max_size=4))))
    if kind == "like":
        affix = st.sampled_from(["STARTS_WITH", "ENDS_WITH", "CONTAINS"])
        like = st.builds(reference.Like, st.just(path), STRINGS, st.none(), BOOLS)
        return draw(like | st.builds(reference.Affix, st.just(path), affix, STRINGS))
    if kind == "null":
        return draw(st.sampled_from([reference.IsNull(path), reference.Exists(path)]))
    return reference.Compare(path, kind, draw(ORDERED))


def conjunctions(parts: st.SearchStrategy[reference.Node]) -> st.SearchStrategy[reference.Node]:
    texts = st.lists(parts, min_size=1, max_size=4)
    return texts.map(lambda nodes: parse(" AND ".join(f"({node})" for node in nodes)))


def disjunctions(parts: st.SearchStrategy[reference.Node]) -> st.SearchStrategy[reference.Node]:
    texts = st.lists(parts, min_size=1, max_size=3)
    return texts.map(lambda nodes: parse(" OR ".join(f"({node})" for node in nodes)))


FILTERS = st.recursive(
    leaves() | st.builds(reference.Constant, BOOLS),
    lambda parts: (
        conjunctions(parts) | disjunctions(parts) | parts.map(lambda node: parse(f"NOT ({node})"))
    ),
    max_leaves=6,
)
SCALARS = CONSTANTS | st.none() | st.just(float("nan"))
VALUES = (
    SCALARS | st.lists(SCALARS, max_size=3) | st.fixed_dictionaries({}, optional={"b": SCALARS})
)
EVENTS = st.dictionaries(PATHS, VALUES, max_size=3)


@given(
    st.lists(conjunctions(leaves()) | leaves() | FILTERS, min_size=1, max_size=12),
    st.lists(EVENTS, min_size=1, max_size=6),
)
def test_counting_agrees_with_the_evaluator(filters: list[Any], events: list[Any]) -> None:
    counting = CountingMatcher()
    plain = ReferenceMatcher()
    for id, node in enumerate(filters):
        counting.add(node, id)
        plain.add(node, id)
    for event in events:
        found = counting.match(event)
        assert len(found) == len(set(found))
        assert set(found) == set(plain.match(event))


@given(FILTERS, EVENTS)
def test_canonical_text_keeps_the_meaning(node: Any, event: Any) -> None:
    again = parse(str(node))
    assert str(again) == str(node)
    assert evaluate(again, flatten(event)) is evaluate(node, flatten(event))


@given(leaves(), EVENTS)
def test_several_values_are_the_or_of_one(leaf: Any, event: Any) -> None:
    """The law of arrays, from outside: an array is any of its values, tested alone."""
    assume(not isinstance(leaf, (reference.IsNull, reference.Exists)))
    values = flatten(event)
    alone = [evaluate(leaf, {leaf.path: [value]}) for value in values.get(leaf.path, [])]
    expected = True if True in alone else False if alone and None not in alone else None
    assert evaluate(leaf, values) is expected
