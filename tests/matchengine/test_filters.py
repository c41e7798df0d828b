"""Filters as text and as objects, against the builder, the twin and the table of vectors."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matchengine import reference
from matchengine._filters import check_ir, nodes, parse_text
from matchengine.errors import FilterSyntaxError, FilterTypeError, LimitExceeded
from matchengine.filters import Attribute, Filter, _restore, attr, parse
from vectors import CANONICAL, EMPTY_FILTERS, LIMIT_ERRORS, SYNTAX_ERRORS, TYPE_ERRORS, VECTORS


class Wide:
    """Limits that no test reaches."""

    filter_bytes = filter_depth = predicates = in_values = 10**9
    event_bytes = event_depth = event_values = digits = 10**9
    regex_states = regex_ranges = regex_depth = filter_states = 10**9
    combinations = 10**9


def parse_wide(text: str) -> Filter:
    return _restore(parse_text(text, {}, Wide()))


def name_of(value: Any) -> str:
    return ascii(value[0])[:40]


# ---- the tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", SYNTAX_ERRORS, ids=name_of)
def test_syntax_errors(bad: Any) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse(bad.filter, **bad.params)
    assert (caught.value.text, caught.value.position) == (bad.filter, bad.position)


@pytest.mark.parametrize("bad", TYPE_ERRORS, ids=name_of)
def test_type_errors(bad: Any) -> None:
    with pytest.raises(FilterTypeError) as caught:
        parse(bad.filter, **bad.params)
    assert (caught.value.text, caught.value.position) == (bad.filter, bad.position)


@pytest.mark.parametrize("bad", LIMIT_ERRORS, ids=name_of)
def test_limit_errors(bad: Any) -> None:
    with pytest.raises(LimitExceeded) as caught:
        parse(bad.filter, **bad.params)
    assert (caught.value.limit, caught.value.maximum) == ("digits", 1000)
    assert caught.value.value > 1000


@pytest.mark.parametrize(("text", "params", "canonical"), CANONICAL)
def test_canonical_text(text: str, params: dict[str, Any], canonical: str) -> None:
    f = parse(text, params)
    assert str(f) == canonical
    assert parse(canonical) == f


def test_every_vector_reads_as_the_twin_reads_it() -> None:
    assert len(VECTORS) > 1000
    for vector in VECTORS:
        ours = parse(vector.filter, vector.params)
        assert str(ours) == str(reference.parse(vector.filter, **vector.params)), vector.name


@pytest.mark.parametrize("text", EMPTY_FILTERS)
def test_empty_text_is_true(text: str) -> None:
    assert parse(text) == parse("TRUE") == Filter()
    assert str(parse(text)) == "TRUE"


# ---- large, deep and odd ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("(" * 100_000 + "a" + ")" * 100_000, "a = TRUE"),
        ("NOT " * 100_000 + "a", "NOT " * 100_000 + "a = TRUE"),
        ("NOT(" * 100_000 + "a = 1" + ")" * 100_000, "NOT " * 100_000 + "a = 1"),
        ("(a OR (b AND " * 30_000 + "c" + "))" * 30_000, None),
        ("NOT (a OR " * 50_000 + "c" + ")" * 50_000, None),
    ],
    ids=["parentheses", "NOT", "both", "AND in OR", "OR in NOT"],
)
def test_depth_needs_no_recursion(text: str, canonical: str | None) -> None:
    f = parse_wide(text)
    printed = str(f)
    assert printed == canonical or canonical is None
    assert parse_wide(printed) == f
    with pytest.raises(LimitExceeded) as caught:
        parse(text)
    assert (caught.value.limit, caught.value.value) == ("filter_depth", 1001)


def test_depth_is_limited_exactly() -> None:
    assert str(parse("(" * 1000 + "a" + ")" * 1000)) == "a = TRUE"
    assert str(parse("(NOT " * 500 + "a" + ")" * 500)).count("NOT") == 500
    for text in ["(" * 1001 + "a" + ")" * 1001, "NOT " * 1001 + "a", "NOT (" * 501 + "a"]:
        with pytest.raises(LimitExceeded, match="filter_depth"):
            parse(text)
    f = parse("NOT " * 998 + "a")
    assert (~~f).paths == {"a"}
    for build in (lambda: ~~~f, lambda: ~~(f | f), lambda: f & (~~f | f)):
        with pytest.raises(LimitExceeded, match="filter_depth"):
            build()


@pytest.mark.parametrize("word", ["AND", "OR"])
def test_width_is_limited_exactly(word: str) -> None:
    f = parse(f" {word} ".join(["a"] * 100_000))
    assert nodes(f._ir)[-1] == (word, None, (100_000,))
    assert str(f).count(word) == 99_999
    with pytest.raises(LimitExceeded) as caught:
        parse(f" {word} ".join(["a"] * 100_001))
    assert (caught.value.limit, caught.value.maximum) == ("predicates", 100_000)
    with pytest.raises(LimitExceeded, match="predicates"):
        f & parse("a")


def test_large_in() -> None:
    f = parse(f"a IN ({', '.join(map(str, range(100_000)))})")
    assert f == attr("a").isin(range(100_000))
    assert nodes(f._ir) == [("IN", "a", tuple(range(100_000)))]
    with pytest.raises(LimitExceeded, match="in_values"):
        parse_text("a IN (1, 2)", {}, type("Tight", (Wide,), {"in_values": 1})())
    with pytest.raises(LimitExceeded, match="in_values"):
        attr("a").isin(range(1_000_001))


def test_text_is_limited_exactly() -> None:
    longest = "a = '" + "é" * ((2**20 - 6) // 2) + "'"
    assert len(longest.encode()) == 2**20
    assert parse(longest) == (attr("a") == longest[5:-1])
    with pytest.raises(LimitExceeded) as caught:
        parse(longest + " ")
    assert (caught.value.limit, caught.value.value) == ("filter_bytes", 2**20 + 1)


@pytest.mark.parametrize(
    "name",
    [
        *["", " ", ".", "a.", ".a", "a..b", "a b", "a.b", "in", "In", "NULL", "in.a", "a.in", "5a"],
        *["a.5", "it's", '"', '""', "a\0b", "a\nb", "\u202ea", "e\u0301", "ı", "İN", "$_", "a-b"],
        *["x" * 65536, "é" * 32768, "exists", "MATCHES", "\U0010ffff", "\x7f"],
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_any_name(name: str) -> None:
    f = attr(name) == 1
    assert f.paths == {name}
    assert parse(str(f)) == f
    assert parse('"' + name.replace('"', '""') + '" = 1') == f


@pytest.mark.parametrize(
    "value",
    [
        *["", "'", "''", "it's", '"', "\0", "\n", "\\", "%_", "\u202e", "\ufeff", "e\u0301", "😀"],
        *[0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, 10**999, -(10**999), True],
        *[0.0, -0.0, 5.0, 0.1, 1e300, 5e-324, 1e16, float("inf"), float("-inf"), 2.0**63],
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_any_constant(value: Any) -> None:
    f = parse("a = :p", p=value)
    assert f == (attr("a") == value) == parse(str(f))
    assert repr(nodes(f._ir)) == repr([("=", "a", (value,))])


def test_integers_beyond_the_interpreters_own_limit() -> None:
    digits = "7" * 10_000
    f = parse_wide(f"a IN (-{digits}, {digits})")
    assert str(f) == f"a IN (-{digits}, {digits})"


def test_equal_numbers_of_different_types_are_different_filters() -> None:
    assert len({parse("a = 1"), parse("a = 1.0"), parse("a = TRUE"), parse("a = '1'")}) == 4
    assert parse("a = 007") == parse("a = 7")
    assert parse("a = -0") == parse("a = 0") != parse("a = -0.0")


# ---- parameters ---------------------------------------------------------------------------------


class Loud(int):
    """A subclass whose own methods must not be asked."""

    def __str__(self) -> str:
        return "1 OR TRUE"

    __repr__ = __format__ = __str__  # type: ignore[assignment]

    def __int__(self) -> int:
        raise AssertionError


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Loud(5), "5"),
        (Loud(10**30), str(10**30)),
        (Text("x"), "'x'"),
        (np.int8(-5), "-5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.longdouble(2.5), "2.5"),
        (np.bool_(True), "TRUE"),
        (np.str_("x'"), "'x'''"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclasses_and_numpy_scalars_count_by_value(value: Any, expected: str) -> None:
    assert str(parse("a = :p", p=value)) == f"a = {expected}" == str(attr("a") == value)
    assert str(attr("a").isin([value])) == f"a IN ({expected})"


NO_CONSTANTS = [
    *[b"x", [1], (1,), {1}, {}, object(), 1j, np.array(1), np.array([1]), np.complex128(1)],
    *[np.datetime64(1, "s"), np.timedelta64(1, "s"), np.bytes_(b"x"), "\ud800", float("nan")],
    *[np.float64("nan"), None],
]


@pytest.mark.parametrize("value", NO_CONSTANTS, ids=lambda value: type(value).__name__)
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(FilterTypeError) as caught:
        parse("b AND a = :p", p=value)
    assert caught.value.position == 10
    with pytest.raises(FilterTypeError):
        operator.eq(attr("a"), value)
    with pytest.raises(FilterTypeError):
        attr("a").isin([1, value])


def test_parameters_from_a_mapping() -> None:
    assert parse("a = :x AND b = :y", {"x": 1, "y": 2}, y=3) == parse("a = 1 AND b = 3")
    with pytest.raises(FilterTypeError, match="name of a parameter"):
        parse("a = :x", {5: 1})  # type: ignore[dict-item]
    with pytest.raises(FilterTypeError, match="does not use the parameter :y"):
        parse("a = :x", x=1, y=2)


def test_a_long_integer_is_refused_quickly() -> None:
    for value in (1 << 10_000_000, 10**1000, -(10**1000)):
        for use in (lambda v: parse("a = :p", p=v), lambda v: attr("a") > v):
            with pytest.raises(LimitExceeded) as caught:
                use(value)
            assert (caught.value.limit, caught.value.value) == ("digits", 1001)


@pytest.mark.parametrize("text", [None, 5, ["a"], bytearray(b"a")])
def test_only_text_is_parsed(text: Any) -> None:
    with pytest.raises(FilterTypeError, match="the text of a filter is a str"):
        parse(text)


# ---- objects ------------------------------------------------------------------------------------


def test_builder() -> None:
    a, b = attr("a"), attr("b")
    assert (a == 1) & (b != 2) & (a < 3) == parse("a = 1 AND b <> 2 AND a < 3")
    assert (a <= 1) | (b > 2) | (a >= 3) == parse("a <= 1 OR b > 2 OR a >= 3")
    assert ~((a == 1) | (b == 1)) & parse("") == parse("NOT (a = 1 OR b = 1) AND TRUE")
    assert operator.lt(1, a) == parse("a > 1")
    assert (np.float64(1) < a) == parse("a > 1.0")
    assert a.like("x!%", escape="!") == parse("a LIKE 'x!%' ESCAPE '!'")
    assert a.isin(i for i in (1, "x")) == parse("a IN (1, 'x')")
    assert ~~a.exists() == parse("NOT NOT EXISTS(a)")


@pytest.mark.parametrize(
    "build",
    [
        lambda a: a < True,
        lambda a: a >= None,
        lambda a: a.between(1, "x"),
        lambda a: a.between(True, True),
        lambda a: a.isin([]),
        lambda a: a.isin("abc"),
        lambda a: a.like(5),
        lambda a: a.starts_with(b"x"),
        lambda a: a + "b" > 1,
        lambda a: a + True > 1,
        lambda a: None * a > 1,
        lambda a: a + 1 > True,
        lambda a: a + 1 == None,  # noqa: E711
        lambda a: a.between(a, True),
        lambda a: (a * 2).between("x", 1),
        lambda a: a + a.exists() > 1,
        lambda a: a.isin([a]),
        lambda a: attr("\ud800"),
        lambda a: attr(5),
    ],
)
def test_builder_refuses_what_the_parser_refuses(build: Callable[[Attribute], Filter]) -> None:
    with pytest.raises(FilterTypeError):
        build(attr("a"))


@pytest.mark.parametrize(("pattern", "escape"), [("x!", "!"), ("x", "ab"), ("x", "")])
def test_builder_refuses_escapes(pattern: str, escape: str) -> None:
    with pytest.raises(FilterSyntaxError):
        attr("a").like(pattern, escape)


def test_neither_filters_nor_attributes_are_true_or_false() -> None:
    with pytest.raises(TypeError, match="instead of and, or and not"):
        bool(parse("a"))
    with pytest.raises(TypeError, match="between"):
        1 < attr("a") < 5  # noqa: B015
    with pytest.raises(TypeError, match="is_true"):
        bool(attr("a"))
    with pytest.raises(TypeError):
        hash(attr("a"))


def test_filters_do_not_change() -> None:
    f = parse("a")
    with pytest.raises(AttributeError):
        f._ir = b""
    with pytest.raises(AttributeError):
        del f._ir
    with pytest.raises(TypeError):
        f & "b"  # type: ignore[operator]
    assert f != "a"
    assert str(f) == "a = TRUE"


def test_paths() -> None:
    assert parse("a.b = 1 AND (EXISTS(c) OR NOT a.b IN (1)) AND TRUE").paths == {"a.b", "c"}
    assert parse("").paths == frozenset()


@pytest.mark.parametrize("ir", [b"", b"\x00", b"\x03\x01a", b"\x01\x01", b"\x03\x01a\x03\x02x"])
def test_only_filters_are_restored(ir: bytes) -> None:
    with pytest.raises(FilterSyntaxError, match="the bytes are not a filter"):
        check_ir(ir)
    with pytest.raises(FilterTypeError):
        _restore(ir.decode("latin-1"))  # type: ignore[arg-type]
