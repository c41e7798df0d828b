"""Random filters: text, builder, printer and twin have to say the same."""

import copy
import functools
import operator
import pickle
import re
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from matchengine import reference
from matchengine.errors import FilterSyntaxError, FilterTypeError, LimitExceeded
from matchengine.filters import Filter, _restore, attr, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXT | st.sampled_from(
    ["a", "b", "price", "geo.lat", "in", "Not.x", "exists", ".", "a..b", "0a", "x.0", 'say "hi"']
)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([2**63, -(2**63), 10**30])
ORDERED = NUMBERS | TEXT
SCALARS = ORDERED | st.booleans()
KEYWORDS = ["AND", "OR", "NOT", "TRUE", "FALSE", "NULL", "IN", "LIKE", "ILIKE", "BETWEEN", "IS"]
COMPARE: dict[str, Callable[[Any, Any], Filter]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"=": "=", "<>": "!=", "!=": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def spelled(name: str) -> str:
    """A name as text: bare where that is surely possible."""
    if re.fullmatch(r"[a-z]+(\.[a-z]+)*", name) and name.upper() not in [*KEYWORDS, "ESCAPE"]:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value)
    return repr(value).replace("inf", "2e308")


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, Filter]:
    name, op = draw(NAMES), draw(st.sampled_from(list(COMPARE)))
    value = draw(SCALARS if op in ("=", "<>", "!=") else ORDERED)
    f = COMPARE[op](attr(name), value)
    if draw(st.booleans()):
        return f"{literal(value)}{MIRRORED[op]}{spelled(name)}", f
    return f"{spelled(name)} {op} {literal(value)}", f


@st.composite
def word_tests(draw: st.DrawFn) -> tuple[str, Filter]:
    name = draw(NAMES)
    a, bare = attr(name), spelled(name)
    kind = draw(st.sampled_from(["BETWEEN", "IN", "LIKE", "ILIKE", "NULL"]))
    if kind == "BETWEEN":
        low, high = draw(st.tuples(NUMBERS, NUMBERS) | st.tuples(TEXT, TEXT))
        test, f = f"between {literal(low)} and {literal(high)}", a.between(low, high)
    elif kind == "IN":
        values = draw(st.lists(SCALARS, min_size=1, max_size=4))
        test, f = f"In({' , '.join(map(literal, values))})", a.isin(values)
    elif kind == "NULL":
        test, f = "IS NULL", a.is_null()
        if draw(st.booleans()):
            return f"{bare} IS NOT NULL", a.is_not_null()
    else:
        pattern, escape = draw(TEXT).replace("!", "!!"), draw(st.sampled_from([None, "!"]))
        like = a.like if kind == "LIKE" else a.ilike
        test, f = f"{kind} {literal(pattern)}", like(pattern, escape)
        test += " ESCAPE '!'" if escape else ""
    if kind != "NULL" and draw(st.booleans()):
        return f"{bare} NOT {test}", ~f
    return f"{bare} {test}", f


@st.composite
def functions(draw: st.DrawFn) -> tuple[str, Filter]:
    name, text = draw(NAMES), draw(TEXT)
    a, bare = attr(name), spelled(name)
    return draw(
        st.sampled_from(
            [
                (f"starts_with ({bare}, {literal(text)})", a.starts_with(text)),
                (f"ENDS_WITH({bare},{literal(text)})", a.ends_with(text)),
                (f"Contains( {bare} , {literal(text)} )", a.contains(text)),
                (f"EXISTS({bare})", a.exists()),
                (bare, a.is_true()),
                (f"{bare} = FALSE", a.is_false()),
                ("TRUE", parse("TRUE")),
                ("false", parse("FALSE")),
            ]
        )
    )


@st.composite
def compounds(draw: st.DrawFn, inner: Any) -> tuple[str, Filter]:
    if draw(st.booleans()):
        text, f = draw(inner)
        return draw(st.sampled_from([f"NOT({text})", f"not\n(\t({text}))"])), ~f
    word, combine = draw(
        st.sampled_from([("AND", operator.and_), ("and", operator.and_), ("OR", operator.or_)])
    )
    operands = draw(st.lists(inner, min_size=2, max_size=4))
    text = f" {word} ".join(f"({text})" for text, _ in operands)
    return text, functools.reduce(combine, [f for _, f in operands])


FILTERS = st.recursive(comparisons() | word_tests() | functions(), compounds, max_leaves=12)


@given(FILTERS)
def test_parser_and_builder_agree(pair: tuple[str, Filter]) -> None:
    text, f = pair
    assert parse(text) == f
    assert hash(parse(text)) == hash(f)


@given(FILTERS)
def test_canonical_text_is_a_fixed_point(pair: tuple[str, Filter]) -> None:
    text, f = pair
    assert parse(str(f)) == f
    assert str(parse(str(f))) == str(f)
    assert str(f) == str(reference.parse(text))


@given(FILTERS, FILTERS)
def test_filters_are_equal_when_their_texts_are(
    one: tuple[str, Filter], two: tuple[str, Filter]
) -> None:
    assert (one[1] == two[1]) == (str(one[1]) == str(two[1]))


@given(FILTERS)
def test_copies_are_equal(pair: tuple[str, Filter]) -> None:
    f = pair[1]
    assert pickle.loads(pickle.dumps(f)) == f == copy.deepcopy(f) == copy.copy(f)
    assert eval(repr(f), {"Filter": Filter}) == f


@given(FILTERS, st.data())
def test_damaged_bytes_are_refused_or_another_filter(
    pair: tuple[str, Filter], data: st.DataObject
) -> None:
    ir = bytearray(pair[1]._ir)
    at = data.draw(st.integers(0, len(ir) - 1))
    ir[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        f = _restore(bytes(ir))
    except FilterSyntaxError:
        return
    assert parse(str(f)) == f


# ---- random texts -------------------------------------------------------------------------------

PIECES = [
    *["a", "b.c", '"q ""x"', '"in"', "(", ")", "AND", "OR", "NOT", "=", "<", "!=", "5", "-", "007"],
    *["1.5e3", "'x'", "'it''s'", "IN", "IN (1, 2)", ",", "LIKE", "ILIKE 'x!%'", "ESCAPE '!'", "IS"],
    *[
        "BETWEEN",
        "BETWEEN 1 AND",
        "NULL",
        "EXISTS(a)",
        "f(",
        "STARTS_WITH(",
        "MATCHES(",
        "MATCHES(a, '",
        "TRUE",
    ],
    *[":p", ":q", "é", "😀", ";", "'", '"', ".", "!", "a.", "5x", "+", "a = 1", "(a OR b)"],
    *["NOT c", "9" * 1001, "\ud800", "\0", " ", "\n"],
]


@given(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from(["", " "]))
def test_any_text_is_read_as_the_twin_reads_it(pieces: list[str], space: str) -> None:
    """Accepted with the same meaning, or refused for the same reason at the same place."""
    text = space.join(pieces)
    params = {name: value for name, value in (("p", True), ("q", "!")) if f":{name}" in text}
    assert outcome(parse, text, params) == outcome(reference.parse, text, params)


def outcome(parser: Callable[..., object], text: str, params: dict[str, Any]) -> object:
    try:
        return str(parser(text, **params))
    except (LimitExceeded, reference.FilterLimitError):
        return "limit"
    except (FilterSyntaxError, reference.FilterSyntaxError) as error:
        return "syntax", error.position
    except (FilterTypeError, reference.FilterTypeError) as error:
        return "type", error.position
