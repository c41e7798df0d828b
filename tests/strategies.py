"""Random filters and events over one small vocabulary, so that filters often speak of the event.

What is made is written once, against a `Source` of choices. Hypothesis is one source (`Drawn`),
which can shrink; a seeded generator is another (`Rolled`), which is fast. Filters come as text,
that being what the core and its twin both read. Events come as mappings, and as JSON texts with
every freedom that JSON leaves: white space, escapes, spellings of numbers, duplicate keys.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from matchengine import Filter, attr

T = TypeVar("T")

# ---- the vocabulary ------------------------------------------------------------------------------

#: Paths that filters ask for, as names are written in a filter.
NAMES = ["a", "b", "s", "a.b", "a.b.c", '"x y"', "größe", '"in"', '""', "b.s", '"a.0"']

#: Keys of events, at every depth: `a` may hold `b`, or be spelled together with it.
KEYS = ["a", "b", "s", "c", "a.b", "x y", "größe", "in", "", "b.s", "unwanted", "a.b.c", "0"]

#: Small numbers first: shrinking goes to the front, and most choices are made there.
SMALL = [0, 1, 2, 3, 4, 5, -1, -2, 0.5, 1.0, 2.5, 5.0, -0.0, 4.999999999999999]
EDGES = [
    2**53 - 1, 2**53, 2**53 + 1, 2.0**53, 2.0**53 + 2, -(2**53) - 1, -(2.0**53),
    2**63 - 1, 2**63, 2.0**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 1.8446744073709552e19,
    10**30, 1e30, 10**30 + 1, -(10**30), 10**999, 1e300, -1e300, 5e-324, 0.1, 1e-10, 2.0**31, 2**32,
]  # fmt: skip

#: Shared prefixes, suffixes and needles within needles; cases that fold and that do not; code
#: points whose order in UTF-16 is another one.
STRINGS = [
    "",
    "a",
    "ab",
    "abc",
    "abcd",
    "abd",
    "b",
    "ba",
    "bab",
    "abab",
    "ababab",
    "cab",
    "Ab",
    "AB",
]
ODD_STRINGS = [
    "é", "e\u0301", "É", "ß", "\u1e9e", "ss", "k", "\u212a", "σ", "ς", "İ", "ı", "\uffff",
    "\U00010000", "\U0001f600", "\U0001f600b", "a'b", 'a"b', "a%b", "a_b", "a\nb", "\0", "a\0b",
    "\\", "\\u0041", "1", "true", "abcdefghijklmnopqrstuvwxyz" * 3, "ab" * 40,
]  # fmt: skip
PATTERNS = [
    "%", "", "_", "a%", "%a", "%b%", "ab%", "%ab", "a_", "_b", "a%b", "%a%b%", "a%b%c", "__", "%_%",
    "abc", "A%", "%AB%", "k%", "%s%", "a_b%", "%é%", "_b%", "%aba%", "a%b%a%", "\U0001f600%", "_%_",
]  # fmt: skip
ESCAPED = [("a!%b", "!"), ("!_%", "!"), ("%!!%", "!"), ("a%%b", "%"), ("a__b%", "_"), ("éé", "é")]
REGEXES = [
    "a", "", "a*", "ab.*", ".*ab", ".*b.*", "(ab)+", "[ab]+", "[^a]*", "a|b|", "(a|b)*abb?", "a.b",
    "a{2}", "(ab){1,2}", "[A-Z].*", "\\p{L}+", "\\P{L}*", "[\\p{Lu}\\p{Nd}].*", ".*é.*", ".",
    "(.|\\n)*", "(ab|cd)*", "abc[d-z]*", ".*(c|d)", "[ß-ς]", "(a+)+b", "a\\.?b", ".*'.*", "x{0}",
    "\\p{Cn}*",
]  # fmt: skip
ORDERS = ["<", "<=", ">", ">="]
FUNCTIONS = ["STARTS_WITH", "ENDS_WITH", "CONTAINS"]

#: A leaf of each kind as often as it stands here.
LEAF_KINDS = [
    "equal", "equal", "order", "order", "order", "other", "between", "between", "in", "in",
    "like", "ilike", "function", "function", "regex", "exists", "null", "bare", "bool", "mirrored",
    "computed", "computed",
]  # fmt: skip


class Source(Protocol):
    """Where choices come from."""

    def choose(self, items: Sequence[T]) -> T: ...
    def number(self) -> int | float: ...
    def string(self) -> str: ...


class Rolled:
    """Choices of a seeded generator, fast and without memory."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.choose = self._random.choice

    def number(self) -> int | float:
        return self.choose(SMALL) if self._random.random() < 0.8 else self.choose(EDGES)

    def string(self) -> str:
        return self.choose(STRINGS) if self._random.random() < 0.8 else self.choose(ODD_STRINGS)


_CHARACTERS = st.sampled_from("abAB'%_\\\"\n\0é\u0301ßK\U0001f600\uffff")
_NUMBERS = st.one_of(
    st.sampled_from(SMALL),
    st.sampled_from(EDGES),
    st.integers(-9, 9),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
_STRINGS = st.one_of(
    st.sampled_from(STRINGS), st.sampled_from(ODD_STRINGS), st.text(_CHARACTERS, max_size=8)
)


class Drawn:
    """Choices of Hypothesis, which shrinks towards the front of every list."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def choose(self, items: Sequence[T]) -> T:
        return self._draw(st.sampled_from(items))  # type: ignore[no-any-return]

    def number(self) -> int | float:
        return self._draw(_NUMBERS)  # type: ignore[no-any-return]

    def string(self) -> str:
        return self._draw(_STRINGS)  # type: ignore[no-any-return]


# ---- filters -------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(value: bool | int | float | str) -> str:
    """A constant as a filter spells it."""
    if isinstance(value, str):
        return quoted(value)
    return str(value).upper() if isinstance(value, bool) else repr(value)


def _constant(source: Source) -> str:
    kind = source.choose(["number", "number", "string", "string", "bool"])
    if kind == "bool":
        return source.choose(["TRUE", "FALSE"])
    return _ordered(source, kind)


def _ordered(source: Source, kind: str) -> str:
    return literal(source.number() if kind == "number" else source.string())


def operand_text(source: Source, depth: int) -> str:
    """A name, a number, or arithmetic on them at most `depth` deep."""
    kind = source.choose(["name", "name", "number", *["+", "-", "*", "/", "minus"][: 9 * depth]])
    if kind == "name":
        return source.choose(NAMES)
    if kind == "number":
        return literal(source.number())
    if kind == "minus":
        return f"-({operand_text(source, depth - 1)})"
    text = f"{operand_text(source, depth - 1)} {kind} {operand_text(source, depth - 1)}"
    return f"({text})" if source.choose([True, False]) else text


def computed_text(source: Source) -> str:
    """A comparison of expressions, a name in it; sometimes one that is as good as a plain leaf."""
    left = operand_text(source, source.choose([0, 1, 1, 2]))
    right = operand_text(source, source.choose([0, 0, 1]))
    left = left if any(name in left for name in NAMES) else f"{left} * {source.choose(NAMES)}"
    if source.choose([True] * 4 + [False]):
        relation = source.choose(["=", "<>", *ORDERS])
        if source.choose([True] * 8 + [False]):
            return f"{left} {relation} {right}"
        return f"{source.choose(NAMES)} {relation} 2 * ({literal(source.number())} + 1)"
    return f"{left} {source.choose(['', 'NOT '])}BETWEEN {right} AND {operand_text(source, 1)}"


def leaf_text(source: Source) -> str:
    """One leaf of any kind."""
    name = source.choose(NAMES)
    kind = source.choose(LEAF_KINDS)
    maybe_not = source.choose(["", "", "NOT "])
    order = source.choose(ORDERS)
    of = source.choose(["number", "number", "string"])
    match kind:
        case "equal":
            return f"{name} = {_constant(source)}"
        case "other":
            return f"{name} <> {_constant(source)}"
        case "order":
            return f"{name} {order} {_ordered(source, of)}"
        case "mirrored":
            return f"{_ordered(source, of)} {order} {name}"
        case "between":
            low, high = _ordered(source, of), _ordered(source, of)
            return f"{name} {maybe_not}BETWEEN {low} AND {high}"
        case "in":
            members = [_constant(source) for _ in range(source.choose([1, 2, 2, 3, 5]))]
            return f"{name} {maybe_not}IN ({', '.join(members)})"
        case "like" | "ilike":
            return f"{name} {maybe_not}{kind.upper()} {_pattern(source)}"
        case "function":
            return f"{source.choose(FUNCTIONS)}({name}, {quoted(source.string())})"
        case "regex":
            return f"{maybe_not}MATCHES({name}, {_regex(source)})"
        case "computed":
            return computed_text(source)
        case "exists":
            return f"EXISTS({name})"
        case "null":
            return f"{name} IS {maybe_not}NULL"
        case "bool":
            return f"{name} = {source.choose(['TRUE', 'FALSE'])}"
    return name


def _pattern(source: Source) -> str:
    if source.choose([True] * 5 + [False]):
        return quoted(source.choose(PATTERNS))
    pattern, escape = source.choose(ESCAPED)
    return f"{quoted(pattern)} ESCAPE {quoted(escape)}"


def _regex(source: Source) -> str:
    """One of the list, or two joined in a way of their own."""
    first, second = source.choose(REGEXES), source.choose(REGEXES)
    how = source.choose(["{0}", "{0}", "({0})({1})", "({0})|({1})", "(({0}){{0,2}}{1})*"])
    return quoted(how.format(first, f"({second})"))


def filter_text(source: Source, depth: int = 3) -> str:
    """A filter of any shape, at most `depth` connectives deep."""
    shape = source.choose(["leaf", "leaf", "leaf", "and", "or", "not"] if depth > 0 else ["leaf"])
    if shape == "leaf":
        rare = source.choose(["leaf"] * 40 + ["TRUE", "FALSE"])
        return leaf_text(source) if rare == "leaf" else rare
    if shape == "not":
        return f"NOT ({filter_text(source, depth - 1)})"
    parts = [filter_text(source, depth - 1) for _ in range(source.choose([2, 2, 3]))]
    return f" {shape.upper()} ".join(f"({part})" for part in parts)


def conjunction_text(source: Source) -> str:
    """What most subscriptions are: a few leaves that must all hold."""
    return " AND ".join(leaf_text(source) for _ in range(source.choose([1, 2, 2, 3, 4])))


def any_filter_text(source: Source) -> str:
    return (conjunction_text if source.choose([True, False]) else filter_text)(source)


def built_filter(source: Source, depth: int = 2) -> Filter:
    """A filter of the builder's, never parsed."""
    shape = source.choose(["leaf", "leaf", "and", "or", "not"] if depth > 0 else ["leaf"])
    if shape == "leaf":
        return _built_leaf(source)
    left = built_filter(source, depth - 1)
    if shape == "not":
        return ~left
    right = built_filter(source, depth - 1)
    return left & right if shape == "and" else left | right


def _built_leaf(source: Source) -> Filter:
    a, b = (attr(source.choose([name.strip('"') for name in NAMES])) for _ in range(2))
    number, text = source.number(), source.string()
    made: list[Callable[[], Filter]] = [
        lambda: a == number,
        lambda: a == text,
        lambda: a != text,
        lambda: a < number,
        lambda: text <= a,
        lambda: a > text,
        lambda: a >= number,
        lambda: a.between(number, source.number()),
        lambda: a.isin([number, text, True]),
        lambda: a.like(source.choose(PATTERNS)),
        lambda: a.ilike(*source.choose(ESCAPED)),
        lambda: a.starts_with(text),
        lambda: a.ends_with(text),
        lambda: a.contains(text),
        lambda: a < b,
        lambda: a == b * number,
        lambda: -a / (b + 1) >= number,
        lambda: (number - a).between(b, a * b),
        lambda: b.between(text, a),
        lambda: a.matches(source.choose(REGEXES)),
        a.exists,
        a.is_null,
        a.is_not_null,
        a.is_true,
        a.is_false,
    ]
    return source.choose(made)()


# ---- events --------------------------------------------------------------------------------------

_SHAPES = ["scalar"] * 6 + ["array", "array", "object", "objects"]


def _scalar(source: Source, only_json: bool) -> Any:
    kinds = ["number", "number", "string", "string", "bool", "null", "odd"]
    kind = source.choose(kinds)
    if kind == "number":
        return source.number()
    if kind == "string":
        return source.string()
    if kind == "bool":
        return source.choose([True, False])
    if kind == "odd" and not only_json:
        return source.choose([float("nan"), float("inf"), float("-inf")])
    return None


def _value(source: Source, depth: int, only_json: bool) -> Any:
    shape = source.choose(_SHAPES if depth > 0 else ["scalar"])
    if shape == "array":
        size = source.choose([0, 1, 2, 2, 3])
        return [_value(source, depth - 1, only_json) for _ in range(size)]
    if shape == "object":
        return event_of(source, depth - 1, only_json)
    if shape == "objects":
        return [event_of(source, depth - 1, only_json) for _ in range(source.choose([1, 2]))]
    return _scalar(source, only_json)


def event_of(source: Source, depth: int = 3, only_json: bool = False) -> dict[str, Any]:
    """A mapping with some of the keys, nested at most `depth` deep; no NaN where it is for JSON."""
    keys = [source.choose(KEYS) for _ in range(source.choose([0, 1, 2, 3, 4, 5, 6, 7]))]
    return {key: _value(source, depth, only_json) for key in keys}


# ---- JSON texts ----------------------------------------------------------------------------------

_SPACES = ["", "", "", " ", "\n", "\t\r ", "  "]


def spelled(source: Source, value: Any) -> str:
    """One of the many JSON texts of a value; of a key of an object, a duplicate may go before."""

    def space() -> str:
        return source.choose(_SPACES)

    if isinstance(value, dict):
        members = []
        for key, item in value.items():
            if source.choose([False] * 7 + [True]):
                members.append(f"{_string(source, key)}:{space()}[1, {{}}, null]")
            members.append(
                f"{space()}{_string(source, key)}{space()}:{space()}{spelled(source, item)}"
            )
        return "{" + ",".join(members) + space() + "}"
    if isinstance(value, list):
        return "[" + f"{space()},{space()}".join(spelled(source, i) for i in value) + space() + "]"
    if isinstance(value, str):
        return _string(source, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(source, value)
    return json.dumps(value)


def _string(source: Source, text: str) -> str:
    how = source.choose(["plain", "plain", "ascii", "escaped"])
    if how == "escaped":
        units = text.encode("utf-16-be")
        pairs = [units[i : i + 2].hex() for i in range(0, len(units), 2)]
        return '"' + "".join(f"\\u{source.choose([p, p.upper()])}" for p in pairs) + '"'
    return json.dumps(text, ensure_ascii=how == "ascii").replace("/", source.choose(["/", "\\/"]))


def _number(source: Source, value: int | float) -> str:
    text = json.dumps(value)
    if isinstance(value, float):
        return source.choose([text, text, text.upper(), f"{value:.25e}"])
    return source.choose([text] * 5 + [f"{text}.0", f"{text}e0", f"{text}.00E+0"])


def json_text(source: Source) -> str:
    """A JSON text on one line or several."""
    event = event_of(source, only_json=True)
    return f"{source.choose(_SPACES)}{spelled(source, event)}{source.choose(_SPACES)}"


def json_line(source: Source) -> str:
    return json_text(source).replace("\n", " ").replace("\r", " ")


# ---- for Hypothesis ------------------------------------------------------------------------------


@st.composite
def _drawn(draw: Any, make: Callable[[Source], Any]) -> Any:
    return make(Drawn(draw))


filter_texts: st.SearchStrategy[str] = _drawn(any_filter_text)
built_filters: st.SearchStrategy[Filter] = _drawn(built_filter)
events: st.SearchStrategy[dict[str, Any]] = _drawn(event_of)
json_texts: st.SearchStrategy[str] = _drawn(json_text)
json_lines: st.SearchStrategy[str] = _drawn(json_line)
