"""add_many does what add does, for as many as there are: same filters, same errors, same order."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from matchengine import (
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    Limits,
    Matcher,
    attr,
    parse,
)
from matchengine.matcher import SLICE


class Text(str):
    """No plain str."""

    __slots__ = ("__weakref__",)


MIXED: list[Any] = [
    "a = 1",
    b"a = 2",
    parse("a = 3"),
    Text("a = 4"),
    "größe = 5",
    attr("a") > 6,
    "",
    "a LIKE '%é%'",
]


def test_all_forms_in_any_order() -> None:
    for order in itertools.islice(itertools.permutations(range(len(MIXED))), 0, 40_320, 1_001):
        one: Matcher[int] = Matcher()
        many: Matcher[int] = Matcher()
        for at in order:
            one.add(MIXED[at], id=at)
        assert many.add_many((at, MIXED[at]) for at in order) == list(order)
        assert [many[at].filter for at in order] == [one[at].filter for at in order]


@pytest.mark.parametrize("place", [0, 1, SLICE - 1, SLICE, 2 * SLICE + 5])
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("a =", FilterSyntaxError),
        ("größe =", FilterSyntaxError),
        (b"a =", FilterSyntaxError),
        ("a = NULL", FilterTypeError),
        (7, TypeError),
        ("a\ud800 = 1", FilterSyntaxError),
        ("a IN (1, 2, 3)", LimitExceeded),
    ],
)
def test_the_error_of_a_bad_filter_is_that_of_add(
    bad: Any, kind: type[Exception], place: int
) -> None:
    matcher: Matcher[str] = Matcher(limits=Limits(in_values=2))
    with pytest.raises(kind) as one:
        matcher.add(bad)
    pairs: list[Any] = [(f"id {n}", "a = 1") for n in range(3 * SLICE)]
    pairs[place] = (f"id {place}", bad)
    with pytest.raises(kind) as many:
        matcher.add_many(pairs)
    assert str(many.value) == str(one.value)
    assert many.value.__notes__ == [f"in item {place}, the filter of 'id {place}'"]
    assert len(matcher) == 0


def test_the_first_fault_is_reported() -> None:
    matcher: Matcher[Any] = Matcher()
    with pytest.raises(FilterSyntaxError, match=r"in|expected") as raised:
        matcher.add_many('{"id": 1, "filter": "a ="}\nno JSON')
    assert raised.value.__notes__ == ["in line 1"]
    with pytest.raises(FilterSyntaxError, match="line 2: not JSON"):
        matcher.add_many('{"id": 1, "filter": "a = 1"}\nno JSON')

    def endless() -> Iterator[tuple[int, str]]:
        yield from ((number, "a = 1") for number in range(10))
        yield 10, "a ="
        yield from ((number, "a = 1") for number in itertools.count(11))

    with pytest.raises(FilterSyntaxError):
        matcher.add_many(endless())

    def broken() -> Iterator[tuple[int, str]]:
        yield 1, "a = 1"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        matcher.add_many(broken())
    assert len(matcher) == 0


LONG, DEEP = "1" * 5_000, "[" * 5_000 + "1" + "]" * 5_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f'{{"id": {LONG}, "filter": "a"}}', "an integer has more than 4300 digits"),
        (f'{{"id": {DEEP}, "filter": "a"}}', "nested too deep: no id has arrays deeper than 16"),
        ("\ufeff{}", "begins with a byte order mark of UTF-8"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark of UTF-8"),
        ('{"filter": "a"}'.encode("utf-16"), "begins with a byte order mark of UTF-16"),
        ('{"id": NaN, "filter": "a"}', "not JSON: NaN is no value"),
    ],
    ids=["long", "deep", "mark", "mark in bytes", "UTF-16", "NaN"],
)
def test_json_that_is_not_taken(line: str | bytes, message: str) -> None:
    """In our words, not in those of Python's reader."""
    matcher: Matcher[Any] = Matcher()
    with pytest.raises(FilterSyntaxError, match=f"^line 1: {message}"):
        matcher.add_many(line)
    longest = "1" * sys.get_int_max_str_digits()
    assert matcher.add_many(f'{{"id": {longest}, "filter": "a"}}') == [int(longest)]


def test_a_mapping_whose_keys_come_and_go() -> None:
    kept = Text("a = 1")
    filters: Any = weakref.WeakValueDictionary({"kept": kept, "gone": Text("a = 2")})
    matcher: Matcher[str] = Matcher()
    assert matcher.add_many(filters) == ["kept"]


class Counted:
    """An id that counts how often it is hashed."""

    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return id(self) >> 4


def test_the_cost_of_a_small_batch_does_not_follow_what_is_there() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many([(Counted(), "a = 1") for _ in range(5_000)])
    Counted.hashed = 0
    matcher.add_many([(Counted(), "a = 1")])
    assert Counted.hashed < 10


def test_filters_are_read_once() -> None:
    """Not by copying the rest of the list for each: this would take minutes."""
    f = parse("a = 1")
    matcher: Matcher[int] = Matcher()
    matcher.add_many((number, f) for number in range(100_000))
    assert len(matcher) == 100_000


def test_json_lines_say_where_events_go() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many('{"id": "a", "filter": "x = 1", "to": 7}\n{"id": "b", "filter": "x = 1"}')
    assert (matcher["a"].to, matcher["b"].to) == (7, None)
    assert matcher.destinations({"x": 1}) == [7]
    for bad in ("-1", "true", '"7"', "4294967295", "1.0"):
        with pytest.raises(FilterSyntaxError, match="line 1"):
            matcher.add_many(f'{{"id": "c", "filter": "x = 1", "to": {bad}}}')
    assert len(matcher) == 2


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ('{"a": 2}', "an object cannot be an id"),
        ('[1, {"a": 2}]', "nor part of one"),
        ("[1, [[{}]]]", "nor part of one"),
        ("[" * 17 + "]" * 17, "deeper than 16"),
        ("[" * 900 + "]" * 900, "deeper than 16"),
    ],
)
def test_json_that_is_no_id(id: str, words: str) -> None:
    matcher: Matcher[Any] = Matcher()
    with pytest.raises(FilterSyntaxError, match=f"^line 2: .*{words}"):
        matcher.add_many(f'{{"filter": ""}}\n{{"id": {id}, "filter": "a = 1"}}')
    assert len(matcher) == 0
    deepest = "[" * 16 + "]" * 16
    (taken,) = matcher.add_many(f'{{"id": {deepest}, "filter": "a = 1"}}')
    assert isinstance(taken, tuple)


def test_a_line_has_a_limit() -> None:
    matcher: Matcher[Any] = Matcher(limits=Limits(line_bytes=30))
    line = '{"id": 1, "filter": "é = 1   "}'
    assert len(line.encode()) == 32
    for good in (line.replace("  ", ""), b'{"filter": "a = 1          "}'):
        matcher.add_many(good)
    assert len(matcher) == 2
    for bad in (line[:28] + line[29:], line, line.encode(), b"\n\n" + line.encode()):
        with pytest.raises(LimitExceeded, match=r"^line [13] exceeds") as caught:
            matcher.add_many(bad)
        assert (caught.value.limit, caught.value.maximum) == ("line_bytes", 30)
        assert caught.value.value > 30
    assert len(matcher) == 2
