"""What filters mean, as a table. The twin and the C core are both held to it.

`VECTORS` are filters and events with the outcome: "T", "F" or "U" (unknown). A matcher shows only
whether a filter is true, so a checker asks twice:

    T: `f` matches,           `NOT (f)` does not
    F: `f` does not match,    `NOT (f)` does
    U: neither matches

An event that is a `str` is JSON text, for `match_json`; anything else is for `match`. Sections
follow ``docs/semantics.md``. The other tables are the texts that have to be refused, canonical
texts, and the events that have to be refused or accepted whoever subscribes.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Vector(NamedTuple):
    name: str
    filter: str
    params: dict[str, Any]
    event: Any
    expected: str


NAN = float("nan")
INF = float("inf")
MISSING = object()
EMPTY_FILTERS = ["", " ", "\n", " \t\r\n\v\f "]

VECTORS: list[Vector] = []


def _add(section: str, filter: str, params: dict[str, Any], event: Any, expected: str) -> None:
    VECTORS.append(Vector(f"{section}-{len(VECTORS)}", filter, params, event, expected))


def on_a(
    section: str,
    filter: str,
    T: Iterable[Any] = (),
    F: Iterable[Any] = (),
    U: Iterable[Any] = (),
    **params: Any,
) -> None:
    """The outcomes of a filter for values of `a`, where MISSING is the event without it."""
    for expected, values in (("T", T), ("F", F), ("U", U)):
        for value in values:
            event = {} if value is MISSING else {"a": value}
            _add(section, filter, params, event, expected)


def on_event(
    section: str,
    filter: str,
    T: Iterable[Any] = (),
    F: Iterable[Any] = (),
    U: Iterable[Any] = (),
    **params: Any,
) -> None:
    """The outcomes of a filter for whole events."""
    for expected, events in (("T", T), ("F", F), ("U", U)):
        for event in events:
            _add(section, filter, params, event, expected)


# ---- leaf kinds: right type, other type, null, missing, several values, NaN ---------------------

on_a(
    "eq-integer",
    "a = 5",
    T=[5, 5.0, [4, 5], [5, 5], [None, 5], ["5", 5], [[5], 6]],
    F=[4, 6, 5.5, -5, 0, "5", "", True, False, NAN, INF, [4, 6], ["5", True], [NAN, 4]],
    U=[None, MISSING, [], {}, [[]], [None], [None, 4], [4, None], ["5", None], [NAN, None]],
)
on_a(
    "eq-double",
    "a = 5.5",
    T=[5.5, [5, 5.5]],
    F=[5, 6, "5.5", True, NAN, [5, 6]],
    U=[None, MISSING, [5, None]],
)
on_a(
    "eq-string",
    "a = 'x'",
    T=["x", ["y", "x"], [None, "x"]],
    F=["X", "xx", "", " x", 5, 0.0, True, NAN, ["y", "z"]],
    U=[None, MISSING, ["y", None]],
)
on_a("eq-empty-string", "a = ''", T=["", ["x", ""]], F=["x", 0, False], U=[None, MISSING, []])
on_a(
    "eq-true",
    "a = TRUE",
    T=[True, [False, True], [None, True]],
    F=[False, 1, 1.0, "TRUE", "true", "", NAN, [False, False], [1, "x"]],
    U=[None, MISSING, [False, None]],
)
on_a("eq-false", "a = FALSE", T=[False], F=[True, 0, 0.0, "", "FALSE"], U=[None, MISSING])
on_a("bare-name", "a", T=[True, [False, True]], F=[False, 1, "x", "true"], U=[None, MISSING])
on_a("not-bare-name", "NOT a", T=[False, 1, "x"], F=[True, [False, True]], U=[None, MISSING])

on_a(
    "ne-integer",
    "a <> 5",
    T=[4, 4.5, -5, INF, [5, 4], [4, 4], [None, 4]],
    F=[5, 5.0, "4", "x", True, False, NAN, [5, 5], ["x", NAN]],
    U=[None, MISSING, [5, None], ["x", None]],
)
on_a("ne-string", "a <> 'x'", T=["y", "", ["x", "y"]], F=["x", 5, True], U=[None, MISSING])
on_a("ne-true", "a <> TRUE", T=[False, [True, False]], F=[True, 0, 1, "x"], U=[None, MISSING])
on_a("ne-spelling", "a != 5", T=[4], F=[5, "4"], U=[None])
on_a(
    "not-eq-is-not-ne",
    "NOT a = 5",
    T=[4, "x", True, NAN, [4, 6]],
    F=[5, [5, 4], [None, 5]],
    U=[None, MISSING, [4, None]],
)
on_a("not-ne", "NOT a <> 5", T=[5, "x", NAN, [5, 5]], F=[4, [5, 4]], U=[None, MISSING, [5, None]])

on_a(
    "lt",
    "a < 5",
    T=[4, 4.999, -INF, [6, 4], [None, 4]],
    F=[5, 5.0, 6, INF, "4", "", True, False, NAN, [5, 6]],
    U=[None, MISSING, [5, None]],
)
on_a("le", "a <= 5", T=[5, 5.0, 4, -INF], F=[6, 5.001, "5", True, NAN], U=[None, MISSING])
on_a(
    "gt",
    "a > 5",
    T=[6, 5.001, INF, [1, 6]],
    F=[5, 5.0, 4, "6", "x", True, NAN, [1, 2]],
    U=[None, MISSING, [1, None]],
)
on_a("ge", "a >= 5", T=[5, 5.0, 6, INF], F=[4, 4.999, "6", True, NAN], U=[None, MISSING])
on_a(
    "not-gt-is-no-complement",
    "NOT (a > 5)",
    T=[5, 4, "x", "9", True, NAN, [1, 2]],
    F=[6, [6, 1]],
    U=[None, MISSING, [1, None]],
)
on_a(
    "lt-string", "a < 'm'", T=["a", "", "M", "lz"], F=["m", "ma", "z", 5, False], U=[None, MISSING]
)
on_a("le-string", "a <= 'm'", T=["m", "a"], F=["ma", 5], U=[None])
on_a("gt-string", "a > 'm'", T=["ma", "n"], F=["m", "", "Z", 99], U=[None])
on_a("ge-string", "a >= 'm'", T=["m", "ma"], F=["l", 99, True], U=[None])
on_a("gt-empty-string", "a > ''", T=["a", "\0"], F=["", 1], U=[None])

on_a(
    "between",
    "a BETWEEN 1 AND 5",
    T=[1, 1.0, 3, 5, 5.0, [0, 3], [None, 3]],
    F=[0, 0.999, 5.001, 6, INF, "3", True, NAN, [0, 6]],
    U=[None, MISSING, [0, None]],
)
on_a(
    "not-between",
    "a NOT BETWEEN 1 AND 5",
    T=[0, 6, "3", True, NAN, [0, 6]],
    F=[1, 5, [0, 3]],
    U=[None, MISSING, [0, None]],
)
on_a("between-mixed-numbers", "a BETWEEN 1 AND 2.5", T=[1, 2.5], F=[2.6, 0.9], U=[None])
on_a("between-upside-down", "a BETWEEN 5 AND 1", F=[1, 3, 5, [1, 5]], U=[None, MISSING])
on_a("between-point", "a BETWEEN 5 AND 5", T=[5, 5.0], F=[4, 6], U=[None])
on_a("between-strings", "a BETWEEN 'b' AND 'd'", T=["b", "cz", "d"], F=["a", "da", 3], U=[None])

on_a(
    "in",
    "a IN (1, 'x', TRUE)",
    T=[1, 1.0, "x", True, [2, "x"], [None, True]],
    F=[2, "y", "1", False, 0, NAN, [2, "y"], ["TRUE", 0]],
    U=[None, MISSING, [2, None]],
)
on_a(
    "not-in",
    "a NOT IN (1, 'x', TRUE)",
    T=[2, "y", False, NAN, [2, "y"]],
    F=[1, "x", True, [2, 1]],
    U=[None, MISSING, [2, None]],
)
on_a("in-numbers", "a IN (1, 2)", T=[1, 2.0], F=[True, "1", 3], U=[None, MISSING])
on_a("in-bools", "a IN (FALSE)", T=[False], F=[0, 0.0, "", True], U=[None])
on_a("in-one", "a IN (5)", T=[5], F=[4, "5"], U=[None])
on_a("in-duplicates", "a IN (1, 1, 1.0)", T=[1, [1, 1]], F=[2, True], U=[None])
on_a("in-infinity", "a IN (1e400)", T=[INF], F=[-INF, NAN, 1], U=[None])

on_a(
    "like",
    "a LIKE 'x%'",
    T=["x", "xy", "x\ny", ["y", "xy"], [None, "x"]],
    F=["yx", "X", "", 5, True, NAN, ["y", 5]],
    U=[None, MISSING, ["y", None]],
)
on_a("not-like", "a NOT LIKE 'x%'", T=["yx", 5, True], F=["xy", ["y", "x"]], U=[None, MISSING])
on_a("ilike", "a ILIKE 'x%'", T=["x", "Xy"], F=["yx", 5, True], U=[None, MISSING])
on_a("not-ilike", "a NOT ILIKE 'x%'", T=["yx", 5], F=["x", "XY"], U=[None, MISSING, ["y", None]])
on_a(
    "starts-with",
    "STARTS_WITH(a, 'xy')",
    T=["xy", "xyz", ["a", "xyz"]],
    F=["x", "axy", "XY", "", 5, True, NAN, ["a", "b"]],
    U=[None, MISSING, ["a", None]],
)
on_a("not-starts-with", "NOT STARTS_WITH(a, 'xy')", T=["x", 5], F=["xy"], U=[None, MISSING])
on_a(
    "ends-with",
    "ENDS_WITH(a, 'xy')",
    T=["xy", "zxy", ["a", "zxy"]],
    F=["y", "xyz", "", 5, False, ["a", "b"]],
    U=[None, MISSING, ["a", None]],
)
on_a("not-ends-with", "NOT ENDS_WITH(a, 'xy')", T=["x", 5], F=["zxy"], U=[None, MISSING])
on_a(
    "contains",
    "CONTAINS(a, 'xy')",
    T=["xy", "axyb", "xxy", ["a", "xy"]],
    F=["yx", "x", "", 5, True, ["x", "y"]],
    U=[None, MISSING, ["a", None]],
)
on_a("not-contains", "NOT CONTAINS(a, 'xy')", T=["x", 5, ["x", "y"]], F=["xy"], U=[None, MISSING])
on_a("starts-with-empty", "STARTS_WITH(a, '')", T=["", "x"], F=[5], U=[None])
on_a("ends-with-empty", "ENDS_WITH(a, '')", T=["", "x"], F=[5], U=[None])
on_a("contains-empty", "CONTAINS(a, '')", T=["", "x"], F=[5], U=[None])

on_a(
    "matches",
    "MATCHES(a, 'x[0-9]+')",
    T=["x1", "x007", ["y", "x1"], [None, "x1"]],
    F=["x", "ax1", "x1a", "X1", "", 5, 0.0, True, NAN, ["y", "z"], [5, "x"]],
    U=[None, MISSING, [], {}, ["y", None], [5, None]],
)
on_a(
    "not-matches",
    "NOT MATCHES(a, 'x.*')",
    T=["yx", "x\n", "", 5, True, NAN, ["y", "z"]],
    F=["x", "xy", ["y", "x"]],
    U=[None, MISSING, ["y", None]],
)
on_a("matches-empty", "MATCHES(a, '')", T=["", ["x", ""]], F=["x", 5], U=[None])
on_a("matches-branches", "matches (a, 'ab|(c|d){2}|')", T=["ab", "cd", "dd", ""], F=["c", "abcd"])
on_a(
    "matches-dot", "MATCHES(a, '.')", T=["x", "é", "😀", "\0"], F=["", "\n", "\r", "xy", "e\u0301"]
)
on_a("matches-counts", "MATCHES(a, 'a{2}b{1,2}c{2,}')", T=["aabcc", "aabbccc"], F=["aabc", "abbcc"])
on_a("matches-classes", "MATCHES(a, '[-a-c][^a-c][x\\]-]')", T=["-x-", "b\n]"], F=["-a-", "dxx"])
on_a("matches-anchors", "MATCHES(a, '^a$')", T=["^a$"], F=["a"])
on_a("matches-escapes", "MATCHES(a, '\\.\\^\\n\\t\\r\\\\')", T=[".^\n\t\r\\"], F=["x^\n\t\r\\"])
on_a("matches-quote", "MATCHES(a, 'it''s')", T=["it's"], F=["it''s"])
on_a(
    "matches-category",
    "MATCHES(a, '\\p{Lu}\\P{Lu}[\\p{L}\\p{Nd}]*')",
    T=["Ab", "Éa9", "A\n٣"],
    F=["ab", "AB", "Σ", "Ab ", "AbⅫ"],
)
on_a("matches-unassigned", "MATCHES(a, '\\p{Cn}')", T=["\u0378", "\uffff"], F=["a", "\ue000"])
on_a("matches-nothing", "MATCHES(a, '[^\\p{L}\\P{L}]')", F=["", "a", "1"], U=[None])
on_a("matches-hostile", "MATCHES(a, '(a+)+b')", T=["aab"], F=["a" * 500], U=[None])
on_a(
    "matches-ways",
    "MATCHES(a, '(a|b)*a(a|b){12}')",
    T=["ba" + "ab" * 6, "a" * 40],
    F=["a" * 12, "b" * 40, "bb" + "ab" * 6],
)
on_a("matches-parameter", "MATCHES(a, :p)", T=["x'y"], F=["x''y"], p="x'y+")

on_a(
    "is-null",
    "a IS NULL",
    T=[None, MISSING, [], {}, [[], {}], {"b": 1}, [None], [1, None], [[None], 1]],
    F=[5, 0, "", False, NAN, [1, 2]],
)
on_a("is-not-null", "a IS NOT NULL", T=[5, "", NAN, [1, 2]], F=[None, MISSING, [], [1, None]])
on_a(
    "exists",
    "EXISTS(a)",
    T=[None, 5, 0, "", False, NAN, [1], [None], [[], 1]],
    F=[MISSING, [], {}, [[], {}], {"b": 1}, {"b": None}],
)
on_a("not-exists", "NOT EXISTS(a)", T=[MISSING, [], {"b": 1}], F=[None, 5, [None]])
on_a("true", "TRUE", T=[5, None, MISSING])
on_a("false", "FALSE", F=[5, None, MISSING])

# ---- several values: every leaf on its own ------------------------------------------------------

on_a("array-each-leaf", "a > 5 AND a < 3", T=[[10, 1], [1, [10]]], F=[4, 10, 1, [4, 5]])
on_a("array-one-leaf", "a BETWEEN 3 AND 5", T=[[10, 4]], F=[[10, 1]], U=[[10, None]])
on_a("array-two-equal", "a = 1 AND a = 2", T=[[1, 2], [2, 3, 1]], F=[1, [1, 1], [1, 3]])
on_a("array-eq-and-ne", "a = 1 AND a <> 1", T=[[1, 2]], F=[1, [1, 1], [1, "x"]], U=[[1, None]])
on_a("array-and-not", "a = 1 AND NOT a = 2", T=[[1, 3]], F=[[1, 2]], U=[[1, None]])
on_a("array-null-too", "a = 1 AND a IS NULL", T=[[1, None]], F=[1, [1, 2]], U=[None, MISSING])
on_a("array-mixed-types", "a < 5 AND a < 'm'", T=[["a", 1]], F=["a", 1], U=[["a", None]])
on_a("array-in", "a IN (1, 2) AND a IN (3)", T=[[1, 3]], F=[[1, 2], 3])

# ---- from an event to values --------------------------------------------------------------------

on_event("nested", "a.b = 1", T=[{"a": {"b": 1}}], F=[{"a": {"b": 2}}], U=[{"a": 1}, {"b": 1}])
on_event("nested-deep", "a.b.c.d = 1", T=[{"a": {"b": {"c": {"d": 1}}}}], U=[{"a": {"b": 1}}])
on_event("object-is-no-value", "a IS NULL", T=[{"a": {"b": 1}}, {"a": {"b": {}}}], F=[{"a": 0}])
on_event("object-and-value", "a = 1 AND a.b = 2", T=[{"a": [1, {"b": 2}]}], U=[{"a": 1}])
on_event(
    "array-of-objects",
    "a.b = 1",
    T=[{"a": [{"b": 2}, {"b": 1}]}, {"a": [[{"b": 1}]]}, {"a": [{"c": 1}, {"b": [3, [1]]}]}],
    F=[{"a": [{"b": 2}, {"c": 1}]}, {"a": [{"b": 2}, 1]}],
    U=[{"a": [{"c": 1}]}, {"a": [1, 2]}, {"a": [{"b": 2}, {"b": None}]}],
)
on_event(
    "no-same-element",
    "a.b = 1 AND a.c = 2",
    T=[{"a": [{"b": 1}, {"c": 2}]}, {"a": [{"b": 1, "c": 3}, {"b": 4, "c": 2}]}],
    F=[{"a": [{"b": 1, "c": 3}]}],
    U=[{"a": [{"b": 1}]}],
)
on_event("elements-that-lack-it", "EXISTS(a.b)", T=[{"a": [{}, {"b": None}]}], F=[{"a": [{}, 1]}])
on_event("lack-is-not-null", "a.b IS NULL", T=[{"a": [{"c": 1}]}], F=[{"a": [{"c": 1}, {"b": 1}]}])
on_event("keys-are-no-positions", "a.0 = 1", T=[{"a": {"0": 1}}], U=[{"a": [1]}])
on_event("tuples", "a = 1", T=[{"a": (2, 1)}, {"a": ((1,),)}], F=[{"a": (2, 3)}], U=[{"a": ()}])
on_event(
    "dotted-key",
    "a.b = 1",
    T=[{"a.b": 1}, {"a.b": 2, "a": {"b": 1}}, {"a.b": 1, "a": {"b": 2}}, {"a.b": [2, 1]}],
    F=[{"a.b": 2, "a": {"b": 3}}],
    U=[{"a.b": {"c": 1}}, {"a.b": 2, "a": {"b": None}}],
)
on_event(
    "dotted-key-inside",
    "a.b.c = 1",
    T=[{"a": {"b.c": 1}}, {"a.b": {"c": 1}}, {"a.b.c": 1}, {"a": [{"b.c": 2}, {"b": {"c": 1}}]}],
    F=[{"a.b": {"c": 2}}],
    U=[{"a.b": 1}],
)
on_event("dotted-is-null", "a.b IS NULL", T=[{"a.b": 1, "a": {"b": None}}], F=[{"a.b": 1, "a": {}}])
on_event("odd-keys", '"" = 1', T=[{"": 1}], F=[{"": 2}], U=[{"a": 1}, {}])
on_event("odd-keys", '"a." = 1', T=[{"a": {"": 1}}, {"a.": 1}], U=[{"a": 1}])
on_event("odd-keys", '".a" = 1', T=[{"": {"a": 1}}, {".a": 1}], U=[{"a": 1}])
on_event("odd-keys", '"." = 1', T=[{"": {"": 1}}, {".": 1}], U=[{"": 1}])
on_event("odd-keys", '"a b" = 1', T=[{"a b": 1}], U=[{"a": {"b": 1}}])
on_event("odd-keys", '"a""b" = 1', T=[{'a"b': 1}], U=[{"ab": 1}])
on_event("odd-keys", '"a\0b" = 1', T=[{"a\0b": 1}, '{"a\\u0000b": 1}'], U=[{"a": 1}])
on_event("names-have-case", "Price = 1", T=[{"Price": 1}], U=[{"price": 1}])
on_event("names-not-normalised", "\u00e9 = 1", T=[{"\u00e9": 1}], U=[{"e\u0301": 1}])
on_event("unicode-names", "größe.数 > 1", T=[{"größe": {"数": 2}}], F=['{"größe": {"数": 1}}'])
on_event("keyword-names", '"in" = 1 AND a.in = 1', T=[{"in": 1, "a": {"in": 1}}], U=[{"in": 1}])
on_event("keyword-first-segment", "in.a = 1 AND not.b", T=[{"in": {"a": 1}, "not.b": True}])
on_event("function-names", "exists = 1 AND contains", T=[{"exists": 1, "contains": True}])
on_event("dollar-names", "$a_1.2b = 1", T=[{"$a_1": {"2b": 1}}], U=[{"a_1": {"2b": 1}}])

# ---- JSON text ----------------------------------------------------------------------------------

on_event("json", "a = 1", T=['{"a":1}', ' \t\r\n{ "a" : 1 }\n'], F=['{"a":2}'], U=["{}"])
on_event("json-array", "a = 1", T=['{"a":[[],[2,[1]]]}'], U=['{"a":[{},[]]}', '{"a":[null,2]}'])
on_event(
    "json-duplicates",
    "a = 1",
    T=['{"a":2,"a":1}', '{"a":{"b":2},"a":1}', '{"a":null,"a":1}', '{"a":2,"b":3,"\\u0061":1}'],
    F=['{"a":1,"a":2}'],
    U=['{"a":1,"a":null}', '{"a":1,"a":[]}', '{"a":1,"a":{"b":1}}'],
)
on_event(
    "json-duplicates-whole",
    "a.b = 1",
    T=['{"a":5,"a":{"b":1}}', '{"a":{"b":2},"a.b":1}', '{"a":[{"b":2,"b":1}]}'],
    U=['{"a":{"b":1},"a":{"c":1}}', '{"a":{"b":1},"a":{}}', '{"a":{"b":1},"a":5}'],
)
on_event("json-duplicates-spellings", "a.b = 1 AND a.b = 2", T=['{"a.b":1,"a":{"b":2}}'])
on_event("json-escapes", "a = 'A\"\\/\n\té'", T=['{"a":"\\u0041\\"\\\\\\/\\n\\t\\u00E9"}'])
on_event("json-pair", "a = '😀'", T=['{"a":"\\ud83d\\ude00"}', '{"a":"😀"}', {"a": "😀"}])
on_event("json-nul", "a = 'x\0y'", T=['{"a":"x\\u0000y"}', {"a": "x\0y"}], F=['{"a":"xy"}'])
on_event("json-escaped-key", "ab = 1", T=['{"a\\u0062":1}', '{"\\u0061b":1}'])
on_event("json-literals", "a", T=['{"a":true}'], F=['{"a":false}', '{"a":1}'], U=['{"a":null}'])

# ---- exact numbers ------------------------------------------------------------------------------

P53 = 2**53
on_a("2^53+1", "a = 9007199254740993", T=[P53 + 1], F=[P53, float(P53), P53 + 2.0, P53 + 2])
on_a("2^53+1", "a = 9007199254740992.0", T=[P53, float(P53)], F=[P53 + 1, P53 - 1])
on_a("2^53+1", "a > 9007199254740992.0", T=[P53 + 1, P53 + 2.0], F=[P53, float(P53)])
on_a("2^53+1", "a < 9007199254740993", T=[P53, float(P53)], F=[P53 + 1, P53 + 2.0])
on_a("2^53+1", "a >= 9007199254740993", T=[P53 + 1, P53 + 2.0], F=[P53, float(P53)])
on_a("2^53+1", "a <> 9007199254740992", T=[P53 + 1], F=[P53, float(P53)])
on_a("2^53+1", "a IN (9007199254740993)", T=[P53 + 1], F=[P53, float(P53)])
on_a("2^53+1", "a NOT IN (9007199254740993)", T=[P53, float(P53)], F=[P53 + 1])
on_a("2^53+1", "a = 9007199254740993.0", T=[P53], F=[P53 + 1])
on_a("-2^53-1", "a = -9007199254740993", T=[-P53 - 1], F=[-P53, -float(P53)])
on_a("-2^53-1", "a < -9007199254740992.0", T=[-P53 - 1], F=[-P53, P53])
on_a("int64-max", "a = 9223372036854775807", T=[2**63 - 1], F=[2.0**63, 2**63, 2**63 - 2])
on_a("int64-max", "a < 9223372036854775808.0", T=[2**63 - 1], F=[2**63, 2.0**63])
on_a("2^63", "a = 9223372036854775808", T=[2**63, 2.0**63], F=[2**63 - 1, -(2**63)])
on_a("2^63", "a > 9223372036854775807", T=[2**63, 2.0**63, 1e30], F=[2**63 - 1])
on_a("int64-min", "a = -9223372036854775808", T=[-(2**63), -(2.0**63)], F=[2**63, -(2**63) + 1])
on_a("int64-min", "a < -9223372036854775808", T=[-(2**63) - 1, -1e30], F=[-(2**63), -(2.0**63)])
on_a("2^64", "a = 18446744073709551616", T=[2**64, 2.0**64], F=[2**64 - 1, 2**64 + 1, 0])
on_a("2^64", "a > 18446744073709551615", T=[2**64, 2.0**64, 2**64 + 1], F=[2**64 - 1, 2**63])
on_a("2^64", "a BETWEEN 18446744073709551615 AND 18446744073709551616", T=[2.0**64, 2**64 - 1])
on_a("2^64", "a <= 18446744073709551615", T=[2**64 - 1, -(10**30)], F=[2**64, 2.0**64])
on_a("10^30", f"a = {10**30}", T=[10**30], F=[1e30, 10**30 + 1, 10**30 - 1])
on_a("10^30", f"a > {10**30}", T=[10**30 + 1, 1e30, INF], F=[10**30, 10**30 - 1, 9.9e29])
on_a("10^30", "a = 1e30", T=[1e30, int(1e30)], F=[10**30])
on_a("10^30", "a < 1e30", T=[10**30, 5], F=[int(1e30), int(1e30) + 1])
on_a("10^30", f"a < -{10**30}", T=[-(10**30) - 1, -1e30, -INF], F=[-(10**30), 10**31])
on_a("10^400", f"a = {10**400}", T=[10**400], F=[INF, 10**400 + 1, 1e308])
on_a("10^400", f"a < {10**400}", T=[10**400 - 1, 1.7e308, -INF], F=[INF, 10**400, "x"])
on_a("infinity", "a = 1e400", T=[INF], F=[-INF, NAN, 10**400, 1.7976931348623157e308])
on_a("infinity", "a < 1e400", T=[10**400, 1.7e308, -INF, 0], F=[INF, NAN, "x"])
on_a("infinity", "a > -1e400", T=[-(10**400), INF], F=[-INF, NAN])
on_a("infinity", "a >= 1e400", T=[INF], F=[10**999, NAN])
on_event("json-infinity", "a = 1e999", T=['{"a":1e400}', '{"a":1E+9999999999}'], F=['{"a":-1e400}'])
on_event("json-infinity", "a = -1e999", T=['{"a":-1e400}'], F=['{"a":1e308}'])
on_event("json-underflow", "a = 0", T=['{"a":1e-400}', '{"a":-1e-99999999999}', '{"a":0e99}'])
on_event("json-digits", f"a = {10**999}", T=[f'{{"a":{10**999}}}'], F=[f'{{"a":{10**999 - 1}}}'])
on_event(
    "json-2^53+1",
    "a = 9007199254740993",
    T=['{"a":9007199254740993}'],
    F=['{"a":9007199254740992}', '{"a":9007199254740993.0}', '{"a":9007199254740993e0}'],
)
on_event(
    "json-int64",
    "a = -9223372036854775808",
    T=[
        '{"a":-9223372036854775808}',
        '{"a":-9223372036854775808.0}',
        '{"a":-9.223372036854775808e18}',
    ],
    F=['{"a":-9223372036854775807}', '{"a":-9223372036854775809}', '{"a":9223372036854775808}'],
)
on_event("json-2^64", f"a = {2**64}", T=[f'{{"a":{2**64}}}'], F=[f'{{"a":{2**64 - 1}}}', '{"a":0}'])
on_event("json-10^30", f"a >= {10**30}", T=[f'{{"a":{10**30}}}', '{"a":1e30}'], F=['{"a":1e29}'])
on_event("json-doubles", "a = 0.1", T=['{"a":0.1}', '{"a":1e-1}', '{"a":0.1000000000000000055}'])
on_event("json-halfway", "a = 1.0", T=['{"a":1.00000000000000011102230246251565404}'])
on_event("json-halfway", "a > 1.0", T=['{"a":1.000000000000000111022302462515654042364}'])
on_event("json-smallest", "a = 5e-324", T=['{"a":4.9406564584124654e-324}'], F=['{"a":2e-324}'])
on_a("zero", "a = 0", T=[0, 0.0, -0.0], F=[False, "", 5e-324, NAN])
on_a("zero", "a = -0.0", T=[0, 0.0, -0.0], F=[5e-324])
on_a("zero", "a = -0", T=[0, -0.0], F=[1])
on_a("zero", "a < 0", T=[-1, -5e-324], F=[0, 0.0, -0.0, True])
on_event("json-zero", "a = 0", T=['{"a":-0}', '{"a":-0.0}', '{"a":0E5}'], F=['{"a":false}'])
on_a("fractions", "a > 2", T=[2.0000000000000004, 3], F=[2, 2.0, 1.9999999999999998])
on_a("fractions", "a < 2.5", T=[2, 2.4999999999999996], F=[3, 2.5])
on_a("fractions", "a = 0.3", T=[0.3], F=[0.1 + 0.2])
on_a("literals", "a = 5e0", T=[5, 5.0], F=[4])
on_a("literals", "a = 1.5E+3", T=[1500, 1500.0], F=[15])
on_a("literals", "a = 25e-1", T=[2.5], F=[25])
on_a("literals", "a = 007", T=[7], F=[0])
on_a("literals", "a = - 5", T=[-5, -5.0], F=[5])
on_a("nan", "a = 5 OR a <> 5 OR a < 5 OR a >= 5", T=[5, 4, INF], F=[NAN, [NAN, NAN]])
on_a("nan", "a BETWEEN -1e999 AND 1e999", T=[INF, -INF, 0], F=[NAN])
on_a("nan", "EXISTS(a) AND a IS NOT NULL AND NOT a = 5", T=[NAN, 4], F=[5, None, MISSING])

# ---- strings ------------------------------------------------------------------------------------

# U+FF61 comes before U+1F600 by code point and by UTF-8, and after it by UTF-16.
on_a("code-points", "a > '\uff61'", T=["😀", "\uff62"], F=["\uff61", "\ufb00", "z"])
on_a("code-points", "a < '😀'", T=["\uff61", "\uffff", "z"], F=["😀", "😁", "😀a"])
on_a("code-points", "a BETWEEN '\ue000' AND '\U00010000'", T=["\uffff", "\U00010000"], F=["\ud7ff"])
on_a("code-points", "a < 'a'", T=["Z", "A", " ", "9"], F=["a", "b", "ä"])
on_a("code-points", "a > 'z'", T=["ä", "Ω", "zz"], F=["z", "Z"])
on_a("prefix-order", "a < 'ab'", T=["a", "aa", "", "a\0"], F=["ab", "ab\0", "b"])
on_a("not-normalised", "a = '\u00e9'", T=["\u00e9"], F=["e\u0301", "e", "\u00c9"])
on_a("not-normalised", "a LIKE '_'", T=["\u00e9", "e", "😀"], F=["e\u0301", "", "ab"])
on_a("quotes", "a = 'it''s'", T=["it's"], F=["its", "it''s"])
on_a("quotes", "a = ''''", T=["'"], F=["", "''"])
on_a("quotes", "a = 'a\"b\\n'", T=['a"b\\n'], F=['a"b\n'])
on_a("quotes", "a = 'line\nbreak'", T=["line\nbreak"], F=["line break"])
on_a("quotes", "a = 'x'' OR a = ''y'", T=["x' OR a = 'y"], F=["x", "y"])
on_a("numeric-strings", "a = '5'", T=["5"], F=[5, 5.0, "5.0", " 5"])

# ---- LIKE ---------------------------------------------------------------------------------------

on_a("like-none", "a LIKE 'abc'", T=["abc"], F=["ab", "abcd", "ABC", ""])
on_a("like-empty", "a LIKE ''", T=[""], F=["a", " ", 0], U=[None])
on_a("like-any", "a LIKE '%'", T=["", "a", "\n", "😀\n"], F=[5, True], U=[None, MISSING])
on_a("like-one", "a LIKE '_'", T=["a", "\n", "😀", "\0", "%"], F=["", "ab", "👍🏽"])
on_a("like-two", "a LIKE '__'", T=["ab", "😀😀", "👍🏽", "e\u0301"], F=["a", "abc", "😀"])
on_a("like-newlines", "a LIKE 'a%b'", T=["ab", "a\nb", "a\r\n\nb", "a%b"], F=["a\nb\n", "\nab"])
on_a("like-newlines", "a LIKE 'a_b'", T=["a\nb", "a_b"], F=["a\r\nb", "ab"])
on_a("like-middle", "a LIKE '%b%'", T=["b", "abc", "bb"], F=["", "ac", "B"])
on_a("like-suffix", "a LIKE '%ab'", T=["ab", "aab", "abab"], F=["aba", "b"])
on_a("like-parts", "a LIKE 'a%b%c'", T=["abc", "axbxc", "abbcc", "acbc"], F=["acb", "ab", "abcx"])
on_a("like-overlap", "a LIKE 'aba%aba'", T=["abaaba", "abaxaba"], F=["aba", "ababa"])
on_a("like-backtrack", "a LIKE '%ab%ab_'", T=["ababx", "ab-abab-"], F=["abx", "ababxy"])
on_a("like-runs", "a LIKE '%%a%%'", T=["a", "xax"], F=["", "b"])
on_a("like-run-one", "a LIKE '%_'", T=["a", "ab", "\n"], F=[""])
on_a("like-run-one", "a LIKE '_%_'", T=["ab", "abc"], F=["a", ""])
on_a("like-slow", f"a LIKE '{'%a' * 30}%b'", T=["a" * 40 + "b"], F=["a" * 300, "a" * 29 + "b"])
on_a("like-no-escape", "a LIKE 'a\\%b'", T=["a\\b", "a\\xb"], F=["a%b"])
on_a("like-no-regex", "a LIKE '[a-z].*'", T=["[a-z].*"], F=["b", "bcd", ""])
on_a("like-escape", "a LIKE 'a\\%b' ESCAPE '\\'", T=["a%b"], F=["a\\b", "axb", "a\\%b"])
on_a("like-escape", "a LIKE 'a!_b' ESCAPE '!'", T=["a_b"], F=["axb", "a!_b", "a!xb"])
on_a("like-escape", "a LIKE 'a!!%' ESCAPE '!'", T=["a!", "a!xyz"], F=["a", "ax", "ab!"])
on_a("like-escape", "a LIKE 'a!bc' ESCAPE '!'", T=["abc"], F=["a!bc"])
on_a("like-escape", "a LIKE '!%!%' ESCAPE '!'", T=["%%"], F=["%", "%x%", ""])
on_a("like-escape-wildcard", "a LIKE 'x%_' ESCAPE '%'", T=["x_"], F=["xa", "x%_", "xya"])
on_a("like-escape-wildcard", "a LIKE '__%' ESCAPE '_'", T=["_", "_x"], F=["", "ab"])
on_a("like-escape-astral", "a LIKE '😀%' ESCAPE '😀'", T=["%"], F=["😀", "x"])
on_a("like-escape-quote", "a LIKE 'a''%' ESCAPE ''''", T=["a%"], F=["a'", "ab"])
on_a("not-like-escape", "a NOT LIKE '!%' ESCAPE '!'", T=["x", 5], F=["%"], U=[None])
on_a("like-unicode", "a LIKE 'größe%'", T=["größe", "größer"], F=["grosse", "GRÖSSE"])

on_a("ilike", "a ILIKE 'abc'", T=["abc", "ABC", "aBc"], F=["abd", "ab"])
on_a("ilike", "a ILIKE 'ÄÖ%é'", T=["äöÉ", "ÄÖxyé"], F=["AO e", "äöe"])
on_a("ilike-sharp-s", "a ILIKE 'ß'", T=["ß", "ẞ"], F=["ss", "SS", "s"])
on_a("ilike-sharp-s", "a ILIKE 'ss'", T=["ss", "SS", "ſs"], F=["ß", "ẞ"])
on_a("ilike-kelvin", "a ILIKE 'k'", T=["k", "K", "\u212a"], F=["x"])
on_a("ilike-kelvin", "a ILIKE '\u212a_'", T=["kk", "K\u212a"], F=["k"])
on_a("ilike-turkish", "a ILIKE 'i'", T=["i", "I"], F=["\u0130", "\u0131", "i\u0307"])
on_a("ilike-turkish", "a ILIKE '\u0130'", T=["\u0130"], F=["i", "I", "i\u0307", "\u0131"])
on_a("ilike-turkish", "a ILIKE '\u0131'", T=["\u0131"], F=["i", "I", "\u0130"])
on_a("ilike-sigma", "a ILIKE 'ΟΔΟΣ'", T=["οδος", "οδοσ", "ΟΔΟΣ"], F=["οδο"])
on_a("ilike-micro", "a ILIKE '\u00b5'", T=["\u00b5", "\u03bc", "\u039c"], F=["u", "m"])
on_a("ilike-ligature", "a ILIKE '\ufb01'", T=["\ufb01"], F=["fi", "FI"])
on_a("ilike-titlecase", "a ILIKE '\u01c4'", T=["\u01c4", "\u01c5", "\u01c6"], F=["d\u017e"])
on_a("ilike-iota", "a ILIKE '\u1f88'", T=["\u1f88", "\u1f80"], F=["\u1f00\u03b9"])
on_a("ilike-cherokee", "a ILIKE '\uab70'", T=["\uab70", "\u13a0"], F=["\u13a1"])
on_a("ilike-astral", "a ILIKE '\U00010400'", T=["\U00010400", "\U00010428"], F=["\U00010401"])
on_a("ilike-lengths", "a ILIKE 'ⱥ%'", T=["ⱥ", "Ⱥ", "Ⱥx"], F=["a"])
on_a("ilike-escape", "a ILIKE 'AxB%' ESCAPE 'x'", T=["ab", "AB", "ABC"], F=["axb"])
on_a("ilike-escape", "a ILIKE 'aX%' ESCAPE 'x'", T=["aX", "axb"], F=["a%", "a"])
on_a("like-has-case", "a LIKE 'k'", T=["k"], F=["K", "\u212a"])

# ---- computed predicates ------------------------------------------------------------------------
# fmt: off

MAX, MIN = 2**63 - 1, -(2**63)


def on_ab(filter: str, T: Any = (), F: Any = (), U: Any = (), **params: Any) -> None:
    """The outcomes of a filter for pairs of values of `a` and `b`."""
    events = {
        expected: [
            {key: v for key, v in zip("ab", pair, strict=True) if v is not MISSING}
            for pair in pairs
        ]
        for expected, pairs in (("T", T), ("F", F), ("U", U))
    }
    on_event("computed", filter, **events, **params)


on_ab(
    "a < b",
    T=[
        (1, 2), (1, 1.5), ("a", "b"), (2**53, 2**53 + 1), (2.0**53, 2**53 + 1), (10**30, 1e31),
        (10**30, 10**30 + 1), (-INF, MIN), ([5, 1], [0, 2]), ([None, 1], 2),
    ],
    F=[
        (2, 1), (1, 1), (1, 1.0), ("b", "a"), (1, "x"), ("x", 1), (True, False), (False, True),
        (False, 1), (NAN, 1), (1, NAN), (NAN, NAN), ([2, "x"], [1, True]), ("", ""),
    ],
    U=[
        (1, None), (None, 1), (1, MISSING), (MISSING, MISSING), (1, []), ([None, 2], 1),
        ("x", None), (None, None), ([1, 2], [0, None]),
    ],
)
on_ab(
    "a = b",
    T=[
        (1, 1.0), ("x", "x"), (True, True), (2**64, 2.0**64), (0, -0.0), (INF, INF),
        ([1, 2], [3, 2]), (10**999, 10**999),
    ],
    F=[
        (1, 2), (True, 1), ("1", 1), (NAN, NAN), (2**53 + 1, 2.0**53), (10**30, 1e30),
        ([1], [2, "1"]),
    ],
    U=[(1, None), (MISSING, 1), ([1, None], 2)],
)
# fmt: on
on_ab(
    "a <> b",
    T=[(1, 2), ("x", "y"), (True, False), (2**53 + 1, 2.0**53), ([1, 2], 1)],
    F=[(1, 1.0), ("x", 1), (True, 1), (NAN, 1), (NAN, NAN), (True, True), ([1, "x"], [1, 1])],
    U=[(None, 1), (1, MISSING), (["x", None], 1)],
)
on_ab("NOT a < b", T=[(2, 1), (1, "x"), (NAN, 1)], F=[(1, 2)], U=[(1, None), (MISSING, 1)])
on_ab("a >= b", T=[(2, 2), ("b", "a")], F=[(1, 2), (True, True)], U=[(None, None)])
on_ab("a > b OR a <= b", T=[(1, 2), (2, 1)], F=[(NAN, 1), (1, "x")], U=[(1, None)])
on_ab("a = a", T=[(1, 0), ("x", 0), (True, 0)], F=[(NAN, 0)], U=[(None, 0), (MISSING, 0)])
# A path has one value at a time, in both places.
on_ab("a + 0 = a", T=[([1, 2], 0), (0.5, 0)], F=[("x", 0)], U=[(None, 0)])
on_ab("a + 0 <> a", F=[([1, 2], 0), (NAN, 0)], U=[([1, None], 0)])
on_ab("a < a", F=[([1, 2], 0), ("x", 0)], U=[([1, None], 0)])
on_ab("a - a = 0", T=[([1, 2], 0)], F=[("x", 0), (INF, 0)])
on_ab("a + b = 5 AND a - b = 1", T=[(3, 2), ([3, 9], [4, 2, -4])], F=[(3, 3), (2, 3)])
on_ab("a <> a", F=[([1, 2], 0), (NAN, 0)])
# Integers are exact while in int64, then the double nearest to the exact result.
on_ab("a + b = 9223372036854775807", T=[(MAX, 0), (MAX - 1, 1)], F=[(MAX, 1)])
on_ab("a + b = 9223372036854775808.0", T=[(MAX, 1), (2**62, 2**62), (MAX, 512)], F=[(MAX, 0)])
on_ab("a + b > 9223372036854775808.0", T=[(MAX, 1537)], F=[(MAX, 1), (MAX, 1025)])
on_ab("a + b = -9223372036854775808", T=[(MIN, 0), (MIN + 1, -1), (MIN, -1)], F=[(MIN, 1)])
on_ab("a + b = -18446744073709551616", T=[(MIN, MIN), (-(2.0**63), MIN)], F=[(MIN, 0)])
on_ab("a - b = 9223372036854775808", T=[(0, MIN), (MAX, -1)], F=[(MIN, 0), (MAX, 0)])
on_ab(
    "a * b = 9223372036854775808", T=[(MIN, -1), (2**32, 2**31), (-(2**31), -(2**32))], F=[(MIN, 1)]
)
on_ab("a * b = -9223372036854775808", T=[(MIN, 1), (2**31, -(2**32)), (2, -(2**62))], F=[(MIN, -1)])
on_ab("a * b = 85070591730234615847396907784232501249", F=[(MAX, MAX)])
on_ab("a * b = 85070591730234615865843651857942052864", T=[(MAX, MAX), (MIN, MIN), (MAX, MAX - 1)])
on_ab("a * b = 9007199254740993", T=[(2**53 + 1, 1), (3, 3002399751580331)], F=[(2**53 + 1, 1.0)])
on_ab("a * b = 9007199254740992", T=[(2**53 + 1, 1.0), (2.0**53, 1)], F=[(2**53 + 1, 1)])
on_ab("a + b = 9007199254740993", T=[(2**53, 1)], F=[(2.0**53, 1), (2**53, 1.0), (2**53, True)])
on_ab("-a = 9223372036854775808", T=[(MIN, 0), (-(2.0**63), 0)], F=[(MAX, 0)])
on_ab(
    "-a = b", T=[(1, -1), (0, 0), (0.0, 0), (MAX, -MAX)], F=[("x", "x"), (True, -1)], U=[(None, 1)]
)
on_ab("a + 0 = b", T=[(2**63, 2.0**63), (10**30, 1e30), (10**999, INF)], F=[(10**30, 10**30)])
on_ab("a - 1 = b", T=[(-(10**999), -INF)], F=[(10**30, 10**30 - 1)])
# Doubles.
on_ab("a + b = 0.30000000000000004", T=[(0.1, 0.2), (0.2, 0.1)], F=[(0.1, 0.1)])
on_ab(
    "a * b > 1e308",
    T=[(1e308, 10), (INF, 2), (10**300, 10**300)],
    F=[(INF, 0), (INF, -1), (NAN, 1)],
)
on_ab("a - b = a - b", T=[(1, 2), (INF, 1)], F=[(INF, INF), (NAN, 1), ("x", 1)])
on_ab("NOT a - b = 0", T=[(INF, INF), (2, 1)], F=[(1, 1)])
# Division is of doubles.
on_ab(
    "a / b = 3.5",
    T=[(7, 2), (7.0, 2), (-7, -2)],
    F=[(6, 2), ("x", 2)],
    U=[(7, 0), (7, 0.0), (7, None)],
)
on_ab("a / b = 3", T=[(6, 2)], F=[(7, 2)], U=[(6, -0.0)])
on_ab("a / b * b = a", T=[(6, 3), (2**53, 1)], F=[(2**53 + 1, 1)], U=[(1, 0)])
on_ab("NOT a / b > 1", T=[(1, 2), ("x", 2), ("x", 0), (1, True)], F=[(4, 2)], U=[(1, 0), (NAN, 0)])
on_ab("a / b > 1", T=[(4, [0, 2])], F=[(1, [2, 3])], U=[(1, [0, 2]), (1, [0])])
on_ab("a / b > 'x'", F=[(1, 0), (1, 2)], U=[(None, 0)])
on_ab("1 / a + b > 0", T=[(1, 1)], F=[(0, "x"), (0, True)], U=[(0, 1), (0, None), ("x", None)])
# Precedence and parentheses.
for _filter, _expected in [
    ("2 + 3 * 4 = n + 9", "T"),
    ("(2 + 3) * 4 = n * 4", "T"),
    ("10 - 3 - 2 = n", "T"),
    ("10 - (3 - 2) = n", "F"),
    ("40 / 4 / 2 = n", "T"),
    ("40 / (4 / 2) = n", "F"),
    ("-n * -n = 25", "T"),
    ("-n - -n = 0", "T"),
    ("- - n = 5", "T"),
    ("-(n - 7) = 2", "T"),
    ("n-1=4", "T"),
    ("n -1 = 4", "T"),
    ("n - -1 = 6", "T"),
    ("1 + n BETWEEN n AND n * 2", "T"),
    ("n NOT BETWEEN n + 1 AND 10", "T"),
    ("7 BETWEEN n AND n + 1", "F"),
    ("n + 1 > 5 AND NOT n + 1 > 6", "T"),
    ("NOT n + 1 > 6 OR n - 1 > 100", "T"),
    ("((n + 1) * 2 > 11) AND (t)", "T"),
    ("((n) + 1) > 5 AND ((t))", "T"),
    ("(n) > 4 AND (5) >= (n)", "T"),
    ("(n) IN (5) AND (t) IS NOT NULL AND (s) LIKE 'x'", "T"),
    ("(t) AND NOT (f)", "T"),
    ("((t)) = ((TRUE))", "T"),
    ("n*n/n+n-n=5", "T"),
    ("n * 0.2 = 1", "T"),
    ("n + :p = 8", "T"),
    ("n = -:p + 8", "T"),
    ("n > 60 * 60", "F"),
    ("2 * 2 < n AND 2 * 3 > n AND n = 10 / 2 AND n <> 2 + 2 AND n BETWEEN 2 + 2 AND 3 * 2", "T"),
    ("n = 1 / 0", "U"),
    ("NOT n = 1 / 0", "U"),
    ("n < 1e999 - 1e999", "F"),
    ("n BETWEEN 1 + 1 AND 'x'", "F"),
    ("n = 2.5 + 2.5", "T"),
    ("s < n", "F"),
    ("s = s", "T"),
    ("t = f", "F"),
    ("t <> f", "T"),
    ("s BETWEEN s AND 'z'", "T"),
    ("s BETWEEN 1 AND s", "F"),
]:
    _needs = {"p": 3} if ":p" in _filter else {}
    _add("computed-order", _filter, _needs, {"t": True, "f": False, "n": 5, "s": "x"}, _expected)
on_ab("a BETWEEN b AND b + 2", T=[(3, 2), ([9, 3], [20, 1])], F=[(5, 2), ("x", 1)], U=[(None, 1)])
on_ab("a NOT BETWEEN b AND 9", T=[(1, 2), ("x", 2)], F=[(3, 2)], U=[(3, MISSING)])
# A filter's computed predicates share 2^20 by their names, constants and operators. These paths are
# asked for by no other filter: all filters are asked about all events.
_WIDE = list(range(16))
_FALSE = " OR " + " + ".join(["we"] * 2046) + " < 1"  # with `wa + wb = 30`, 4,096 steps: 256 each
for _filter, _event, _expected in [
    ("wa + wb = 30", {"wa": [*_WIDE, 0], "wb": _WIDE}, "T"),
    ("wa + wb = 30" + _FALSE, {"wa": _WIDE, "wb": _WIDE, "we": 1}, "T"),
    ("wa + wb = 31" + _FALSE, {"wa": _WIDE, "wb": _WIDE, "we": 1}, "F"),
    ("wa + wb = 30" + _FALSE, {"wa": [*_WIDE, 0], "wb": _WIDE, "we": 1}, "U"),
    ("wa * 2 = 30" + _FALSE, {"wa": _WIDE * 16, "we": 1}, "T"),
    ("wa * 2 = 30" + _FALSE, {"wa": [*_WIDE * 16, 0], "we": 1}, "U"),
    ("NOT -wa > 3" + _FALSE, {"wa": [*_WIDE * 16, 0], "we": 1}, "U"),
    ("(FALSE" + _FALSE + ") AND EXISTS(wa) OR wa < wb", {"wa": [0] * 257, "wb": 1, "we": 1}, "U"),
    # A plain leaf with a result has no bound, and counts nothing.
    ("wa = 60 / 4" + _FALSE, {"wa": [*_WIDE * 32, 0], "we": 1}, "T"),
    ("60 / 4 = wa" + _FALSE, {"wa": [*_WIDE * 32, 0], "we": 1}, "T"),
    ("wa BETWEEN 10 + 5 AND 99" + _FALSE, {"wa": [*_WIDE * 32, 0], "we": 1}, "T"),
    ("wa > 1 / 0" + _FALSE, {"wa": ["x"] * 257, "we": 1}, "U"),
    ("wa > 1 / 0" + _FALSE, {"wa": ["x"] * 256, "we": 1}, "F"),
    ("wa + wb = 30 AND wa < 9 * 9" + _FALSE, {"wa": _WIDE, "wb": _WIDE, "we": 1}, "T"),
    ("wa = " + "1 + 2 * (" * 300 + "0" + ")" * 300 + _FALSE, {"wa": [0] * 257, "we": 1}, "F"),
    ("wc + wc = 1", {"wc": [1] * 60_000}, "F"),
]:
    _add("computed-wide", _filter, {}, _event, _expected)
on_event(
    "computed-json",
    "a.b * c > 10",
    T=['{"a": {"b": 5}, "c": 2.5}', '{"a": [{"b": 1}, {"b": 6}], "c": [1, 2]}'],
    F=['{"a.b": 5, "c": 2}', '{"a.b": "5", "c": 20}'],
    U=['{"a": {"b": 5}}', '{"a": {"b": 5}, "c": null}', '{"a": 5, "c": 20}'],
)
on_event("computed-json", "a * 1.0 = 9007199254740992", T=['{"a": 9007199254740993}'])
on_event("computed-json", "a * 1 = 9007199254740993", T=['{"a": 9007199254740993}'])
on_event("computed-json", "a + 1 = 9007199254740993", F=['{"a": 9007199254740992.0}'])
_add("computed-depth", "(" * 900 + "da" + " + 1)" * 900 + " = 900", {}, {"da": 0}, "T")
_add("computed-depth", "da - (" * 900 + "da" + ")" * 900 + " = 1", {}, {"da": 1}, "T")
_add("computed-depth", "-" * 899 + "da = -1", {}, {"da": 1}, "T")
_add("computed-width", " + ".join(["da"] * 3000) + " = 6000", {}, {"da": 2}, "T")
_add("computed-width", " + ".join(f"p{n}" for n in range(300)) + " > 0", {}, {"p0": 1}, "U")

# ---- connectives --------------------------------------------------------------------------------

# t is true, f is false, and u is missing: a = 1 is T, F, U for them.
KLEENE = {"T": "t = 1", "F": "f = 1", "U": "u = 1"}
KLEENE_EVENT = {"t": 1, "f": 2}
for _left, _right, _and, _or in [
    ("T", "T", "T", "T"),
    ("T", "U", "U", "T"),
    ("T", "F", "F", "T"),
    ("U", "T", "U", "T"),
    ("U", "U", "U", "U"),
    ("U", "F", "F", "U"),
    ("F", "T", "F", "T"),
    ("F", "U", "F", "U"),
    ("F", "F", "F", "F"),
]:
    _add("kleene-and", f"{KLEENE[_left]} AND {KLEENE[_right]}", {}, KLEENE_EVENT, _and)
    _add("kleene-or", f"{KLEENE[_left]} OR {KLEENE[_right]}", {}, KLEENE_EVENT, _or)
for _operand, _not in ("TF", "FT", "UU"):
    _add("kleene-not", f"NOT {KLEENE[_operand]}", {}, KLEENE_EVENT, _not)
    _add("kleene-not-not", f"NOT NOT {KLEENE[_operand]}", {}, KLEENE_EVENT, _operand)
    _add("kleene-and-true", f"{KLEENE[_operand]} AND TRUE", {}, KLEENE_EVENT, _operand)
    _add("kleene-or-false", f"FALSE OR {KLEENE[_operand]}", {}, KLEENE_EVENT, _operand)
    _add("kleene-and-false", f"{KLEENE[_operand]} AND FALSE", {}, KLEENE_EVENT, "F")
    _add("kleene-or-true", f"TRUE OR {KLEENE[_operand]}", {}, KLEENE_EVENT, "T")
for _filter, _expected in [
    ("t = 1 AND t = 1 AND u = 1", "U"),
    ("t = 1 AND u = 1 AND f = 1", "F"),
    ("f = 1 OR u = 1 OR f = 1", "U"),
    ("f = 1 OR u = 1 OR t = 1", "T"),
    ("NOT (u = 1 AND f = 1)", "T"),
    ("NOT (u = 1 OR t = 1)", "F"),
    ("NOT (u = 1 OR f = 1)", "U"),
    ("u = 1 OR NOT u = 1", "U"),
    ("u = 1 AND NOT u = 1", "U"),
    ("u IS NULL AND NOT u = 1", "U"),
    ("u IS NULL OR u = 1", "T"),
    ("NOT EXISTS(u) AND t = 1", "T"),
]:
    _add("kleene", _filter, {}, KLEENE_EVENT, _expected)

# ---- precedence ---------------------------------------------------------------------------------

for _filter, _expected in [
    ("t OR f AND f", "T"),
    ("(t OR f) AND f", "F"),
    ("f AND f OR t", "T"),
    ("f AND (f OR t)", "F"),
    ("t OR t AND f OR f", "T"),
    ("NOT f AND f", "F"),
    ("NOT (f AND f)", "T"),
    ("NOT t OR t", "T"),
    ("NOT (t OR t)", "F"),
    ("NOT n = 5", "F"),
    ("NOT n = 5 OR t", "T"),
    ("NOT NOT t AND NOT f", "T"),
    ("NOT NOT NOT t", "F"),
    ("n BETWEEN 1 AND 9 AND f", "F"),
    ("n BETWEEN 1 AND 9 AND t OR f", "T"),
    ("NOT n BETWEEN 1 AND 9 OR f", "F"),
    ("NOT n NOT BETWEEN 1 AND 9", "T"),
    ("NOT n NOT IN (5)", "T"),
    ("NOT n IS NOT NULL", "F"),
    ("t AND NOT f OR f AND NOT t", "T"),
    ("((((t))))", "T"),
    ("(t)AND(NOT(f))", "T"),
    ("not t or T or tRuE", "T"),
    ("n in(5)and n between 1 and 9", "T"),
    ("t\tAND\r\nNOT\ff\v", "T"),
    ("5=n AND 4<n AND 6>n AND 5>=n AND 5<=n AND 4<>n AND 4!=n", "T"),
    ("'x' = s AND 'a' < s AND TRUE = t AND FALSE <> t", "T"),
    ("4 > n", "F"),
    ("6 < n", "F"),
    ("6 <= n", "F"),
    ("4 >= n", "F"),
    ("-5 = n", "F"),
    ("n>-5", "T"),
]:
    _add("precedence", _filter, {}, {"t": True, "f": False, "n": 5, "s": "x"}, _expected)
_add("depth", "(" * 900 + "a = 1" + ")" * 900, {}, {"a": 1}, "T")
_add("depth", "NOT " * 899 + "a = 1", {}, {"a": 1}, "F")
_add("depth", "a = 1 AND (a = 2 OR (" * 450 + "a" + "))" * 450, {}, {"a": 1}, "F")
_add("width", " OR ".join(f"a = {n}" for n in range(3000)), {}, {"a": 2999}, "T")
_add("width", " AND ".join(f"a <> {n}" for n in range(3000)), {}, {"a": 2999}, "F")
_add("width", f"a IN ({', '.join(map(str, range(9000)))})", {}, {"a": 8999.0}, "T")

# ---- parameters ---------------------------------------------------------------------------------

on_a("parameter", "a = :p", T=[5, 5.0], F=[4, "5"], U=[None], p=5)
on_a("parameter", ":p < a", T=[6], F=[5], U=[None], p=5)
on_a("parameter", "a = :p", T=["x' OR TRUE --"], F=["x"], p="x' OR TRUE --")
on_a("parameter", "a = :p", T=[True], F=[1, False], U=[None], p=True)
on_a("parameter", "a = :p", T=[P53 + 1], F=[float(P53)], p=P53 + 1)
on_a("parameter", "a < :p", T=[10**40], F=[INF, "x"], p=INF)
on_a("parameter", "a IN (:p, :q, 3)", T=[1, "x", 3], F=["3", True], U=[None], p=1, q="x")
on_a("parameter", "a BETWEEN :low AND :high", T=[1, 2], F=[3], U=[None], low=1, high=2.5)
on_a("parameter", "a LIKE :p ESCAPE :e", T=["50%"], F=["50x"], U=[None], p="50!%", e="!")
on_a("parameter", "a LIKE :p", T=["x%", "x'"], F=["yx"], p="x_")
on_a("parameter", "STARTS_WITH(a, :p)", T=["%x"], F=["x"], U=[None], p="%")
on_a("parameter", "a = :p OR a = :p", T=[5], F=[4], p=5)
on_a("parameter", ":p", T=[5, None, MISSING], p=True)
on_a("parameter", "NOT :p AND a", F=[True], p=True)
on_a("parameter", "a = :in AND a = :text", T=["x"], F=["y"], **{"in": "x", "text": "x"})
on_a("parameter", "a = :größe_1", T=[1], F=[2], **{"größe_1": 1})
on_a("parameter", "a = :p AND a = :P", T=[[1, 2]], F=[1], p=1, P=2)


# ---- texts that are refused ---------------------------------------------------------------------


class BadFilter(NamedTuple):
    filter: str
    position: int  #: in code points
    params: Mapping[str, Any] = MappingProxyType({})


#: What looks like a space, or like nothing, and is no white space of the grammar.
BLANKS = "\x85\xa0\u1680\u2000\u2005\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
#: Their neighbours are letters of a name.
NO_BLANKS = (
    "\x84\x86\x9f\xa1\u167f\u1681\u1fff\u200c\u2027\u202a\u202e\u2030\u205e\u2060\u2fff\u3001"
    "\ufefe\uff00"
)

SYNTAX_ERRORS = [
    *[BadFilter(f"price{blank}< 10", 5) for blank in BLANKS],
    *[BadFilter(f"{blank}a = 1", 0) for blank in BLANKS],
    *[BadFilter(f"a = 1{blank}", 5) for blank in BLANKS],
    *[BadFilter(f"a.{blank} = 1", 2) for blank in BLANKS],
    *[BadFilter(f"a = :{blank}p", 4) for blank in BLANKS],
    # The text ends too early.
    BadFilter("a =", 3),
    BadFilter("a = ", 4),
    BadFilter("NOT", 3),
    BadFilter("a AND", 5),
    BadFilter("a OR ", 5),
    BadFilter("(", 1),
    BadFilter("(a", 2),
    BadFilter("((a)", 4),
    BadFilter("a IS", 4),
    BadFilter("a IS NOT", 8),
    BadFilter("a NOT", 5),
    BadFilter("a IN", 4),
    BadFilter("a IN (", 6),
    BadFilter("a IN (1", 7),
    BadFilter("a IN (1,", 8),
    BadFilter("a BETWEEN", 9),
    BadFilter("a BETWEEN 1", 11),
    BadFilter("a BETWEEN 1 AND", 15),
    BadFilter("a LIKE", 6),
    BadFilter("a LIKE 'x' ESCAPE", 17),
    BadFilter("EXISTS(", 7),
    BadFilter("EXISTS(a", 8),
    BadFilter("CONTAINS(a,", 11),
    BadFilter("5", 1),
    BadFilter("'x'", 3),
    BadFilter("NULL", 4),
    BadFilter("5 <", 3),
    # A token that cannot be there.
    BadFilter(")", 0),
    BadFilter("()", 1),
    BadFilter("a)", 1),
    BadFilter("(a))", 3),
    BadFilter("AND a", 0),
    BadFilter("a AND OR b", 6),
    BadFilter("a OR AND b", 5),
    BadFilter("a NOT b", 6),
    BadFilter("a NOT = 5", 6),
    BadFilter("a NOT NOT IN (1)", 6),
    BadFilter("a b", 2),
    BadFilter("a 5", 2),
    BadFilter("a 'x'", 2),
    BadFilter("a = 5 6", 6),
    BadFilter("a = 5 b", 6),
    BadFilter("a = 5 = 5", 6),
    BadFilter("1 < a < 5", 6),
    BadFilter("a = = 5", 4),
    BadFilter("a == 5", 3),
    BadFilter("a =< 5", 3),
    BadFilter("a < > 5", 4),
    BadFilter("a = AND", 4),
    BadFilter("a = NOT b", 4),
    BadFilter("(a = 5) = TRUE", 8),
    BadFilter("a IS 5", 5),
    BadFilter("a IS TRUE", 5),
    BadFilter("a IS NOT 5", 9),
    BadFilter("a IN 5", 5),
    BadFilter("a IN ()", 6),
    BadFilter("a IN (,)", 6),
    BadFilter("a IN (1,)", 8),
    BadFilter("a IN (1 2)", 8),
    BadFilter("a IN ((1))", 6),
    BadFilter("a BETWEEN 1, 5", 11),
    BadFilter("a BETWEEN 1 OR 5", 12),
    BadFilter("a BETWEEN 1 AND 2 AND 3", 23),
    BadFilter("a LIKE x", 7),
    BadFilter("a ESCAPE 'x'", 2),
    BadFilter("a = 'x' ESCAPE 'x'", 8),
    BadFilter("a LIKE 'x' ESCAPE e", 18),
    BadFilter("5 IS NULL", 2),
    BadFilter("5 IN (5)", 2),
    BadFilter("'x' LIKE 'x'", 4),
    BadFilter("5 BETWEEN 1 AND 9", 16),
    BadFilter("TRUE IS NULL", 5),
    BadFilter("TRUE FALSE", 5),
    BadFilter("5 AND a", 2),
    BadFilter("NULL OR a", 5),
    BadFilter("in = 5", 0),
    BadFilter("a AND between", 6),
    BadFilter("a, b", 1),
    BadFilter("a :p", 2, {"p": 1}),
    BadFilter(":p", 2, {"p": 5}),
    BadFilter(":p AND a", 3, {"p": None}),
    # Functions.
    BadFilter("EXISTS()", 7),
    BadFilter("EXISTS(5)", 7),
    BadFilter("EXISTS('a')", 7),
    BadFilter("EXISTS(a, b)", 8),
    BadFilter("EXISTS((a))", 7),
    BadFilter("EXISTS a", 7),
    BadFilter('"EXISTS"(a)', 8),
    BadFilter("EXISTS(a) = TRUE", 10),
    BadFilter("STARTS_WITH(a)", 13),
    BadFilter("STARTS_WITH('x', a)", 12),
    BadFilter("STARTS_WITH(a, 'x', 'y')", 18),
    BadFilter("a = EXISTS(b)", 4),
    BadFilter("5 < EXISTS(a)", 4),
    BadFilter("NOT UPPER(a) = 'X'", 4),
    BadFilter("a AND b.c (d)", 6),
    BadFilter("EXISTS(EXISTS(a))", 7),
    # Characters, names and numbers.
    BadFilter("a = 5;", 5),
    BadFilter("a & b", 2),
    BadFilter("a || b", 2),
    BadFilter("!a", 0),
    BadFilter("a ! = 5", 2),
    BadFilter("[a] = 5", 0),
    BadFilter("a = `x`", 4),
    BadFilter("a @ 5", 2),
    BadFilter("a = {5}", 4),
    BadFilter("a = \\", 4),
    BadFilter("\0", 0),
    BadFilter("a = \x7f", 4),
    BadFilter("a.", 2),
    BadFilter("a..b", 2),
    BadFilter("a.b. = 5", 4),
    BadFilter("a .b", 2),
    BadFilter("a. b", 2),
    BadFilter(".a", 0),
    BadFilter('a."b" = 5', 2),
    BadFilter('"a".b = 5', 3),
    BadFilter("in. = 5", 3),
    BadFilter("a = .5", 4),
    BadFilter("a = 5.", 4),
    BadFilter("a = -5.", 5),
    BadFilter("a = 5.e3", 4),
    BadFilter("a = 5x", 4),
    BadFilter("a = 5_000", 4),
    BadFilter("a = 0x10", 4),
    BadFilter("a = 1e", 4),
    BadFilter("a = 1e+", 4),
    BadFilter("a = 1.5e-x", 4),
    BadFilter("a = 1.2.3", 4),
    BadFilter("a = 5é", 4),
    BadFilter("2a = 5", 0),
    BadFilter("a IN (1, 2, 3x)", 12),
    BadFilter("a = 'x", 4),
    BadFilter("a = '", 4),
    BadFilter("a = 'it's'", 8),
    BadFilter("a = 'x''", 4),
    BadFilter('"a', 0),
    BadFilter('a AND "b = 5', 6),
    BadFilter("a = :", 4),
    BadFilter("a = : p", 4, {"p": 1}),
    BadFilter("a = :1", 4),
    BadFilter("a = ::p", 4, {"p": 1}),
    BadFilter("a = :p.q", 6, {"p": 1}),
    BadFilter("a = '\ud800'", 5),
    BadFilter("a = = '\udc00'", 7),
    # The position counts code points, not bytes or UTF-16 units.
    BadFilter("a = '😀é' b", 9),
    BadFilter("größe = 'größe' ?", 16),
    # Two constants; what takes no names.
    BadFilter("1 = 1", 4),
    BadFilter("1 < -1", 4),
    BadFilter("'x' = 'y'", 6),
    BadFilter("TRUE = TRUE", 7),
    BadFilter("TRUE = NULL", 7),
    BadFilter("1 = :p", 4, {"p": 1}),
    BadFilter("a IN (1, b)", 9),
    BadFilter("a LIKE b", 7),
    BadFilter("CONTAINS(a, b)", 12),
    BadFilter("a = +5", 4),
    # Arithmetic.
    BadFilter("a +", 3),
    BadFilter("a + ", 4),
    BadFilter("a + b", 5),
    BadFilter("a + b AND c", 6),
    BadFilter("a * = 5", 4),
    BadFilter("a + * b = 5", 4),
    BadFilter("a = b c", 6),
    BadFilter("a < b < c", 6),
    BadFilter("a < b + c < d", 10),
    BadFilter("a = (b", 6),
    BadFilter("a = (b = c)", 7),
    BadFilter("a = ()", 5),
    BadFilter("a = b)", 5),
    BadFilter("a + (b", 6),
    BadFilter("(a + b", 6),
    BadFilter("((a + b) > 1", 12),
    BadFilter("(a + b)) > 1", 7),
    BadFilter("(a AND b) + 1 > 2", 10),
    BadFilter("(a = 1) + 1 > 2", 8),
    BadFilter("(NOT a) + 1 > 2", 8),
    BadFilter("(NOT a + 1) > 2", 10),
    BadFilter("(a OR b + 1) > 2", 11),
    BadFilter("NOT a + 1", 9),
    BadFilter("a + NOT b > 1", 4),
    BadFilter("-", 1),
    BadFilter("a = -", 5),
    BadFilter("a = - AND b", 6),
    BadFilter("--5", 3),
    BadFilter("a + 1 IN (2)", 6),
    BadFilter("a + 1 NOT IN (2)", 10),
    BadFilter("a + 1 LIKE 'x'", 6),
    BadFilter("-a IS NULL", 3),
    BadFilter("5 NOT IN (5)", 6),
    BadFilter("5 NOT BETWEEN 1 AND 9", 20),
    BadFilter("a + 1 NOT b", 10),
    BadFilter("MATCHES(a + b, 'x')", 10),
    BadFilter("EXISTS(a * 2)", 9),
    BadFilter("EXISTS(-a)", 7),
    BadFilter("EXISTS(a) + 1 > 2", 10),
    BadFilter("a + EXISTS(b) > 2", 4),
    BadFilter("a > f(b)", 4),
    BadFilter("a IN (1 + 2)", 8),
    BadFilter("a IN (-b)", 7),
    BadFilter("a IN (--1)", 7),
    BadFilter("a LIKE 'x' + 'y'", 11),
    BadFilter("a BETWEEN 1 + b", 15),
    BadFilter("a BETWEEN 1 AND b +", 19),
    BadFilter("1 + 1 = 2", 8),
    BadFilter("2 = 1 + 1", 4),
    BadFilter("1 < (2)", 5),
    BadFilter("1 < (2) + 3", 4),
    BadFilter("5 < NULL", 4),
    BadFilter("1 + 1 < 'x'", 8),
    BadFilter("-:p = 1", 6, {"p": 5}),
    BadFilter("a + 5x > 1", 4),
    BadFilter("a + 'x", 4),
    BadFilter("a - -b;", 6),
    BadFilter("a % 2 = 0", 2),
    BadFilter("a ^ 2 = 0", 2),
    BadFilter("a // 2 = 0", 3),
    BadFilter("a ** 2 = 0", 3),
    # Regular expressions.
    BadFilter("MATCHES(a, '*')", 12),
    BadFilter("a AND matches (b, 'é(')", 21),
    BadFilter("MATCHES(a, 'it''s**')", 18),
    BadFilter("MATCHES(a, 'a+?')", 14),
    BadFilter("MATCHES(a, 'a++')", 14),
    BadFilter("MATCHES(a, '(?:a)')", 13),
    BadFilter("MATCHES(a, '(?=a)')", 13),
    BadFilter("MATCHES(a, 'a)b')", 13),
    BadFilter("MATCHES(a, '\\d')", 13),
    BadFilter("MATCHES(a, '(a)\\1')", 16),
    BadFilter("MATCHES(a, '\\$')", 13),
    BadFilter("MATCHES(a, 'a\\')", 14),
    BadFilter("MATCHES(a, '\\p{Xx}')", 15),
    BadFilter("MATCHES(a, '\\p{Lx}')", 16),
    BadFilter("MATCHES(a, '\\p{IsGreek}')", 15),
    BadFilter("MATCHES(a, '\\p{Cs}')", 16),
    BadFilter("MATCHES(a, '\\pL')", 14),
    BadFilter("MATCHES(a, '[]')", 13),
    BadFilter("MATCHES(a, '[a')", 14),
    BadFilter("MATCHES(a, '[b-a]')", 15),
    BadFilter("MATCHES(a, '[a-b-c]')", 17),
    BadFilter("MATCHES(a, '[a-[b]]')", 15),
    BadFilter("MATCHES(a, 'a{2,1}')", 16),
    BadFilter("MATCHES(a, 'a{,2}')", 14),
    BadFilter("MATCHES(a, 'a]')", 13),
    BadFilter("MATCHES(a, :p)", 11, {"p": "(("}),
    BadFilter("MATCHES(a, b)", 11),
    BadFilter("MATCHES(a 'x')", 10),
    BadFilter("MATCHES(a, 'x'", 14),
    BadFilter("NOT a MATCHES 'x'", 6),
    # ESCAPE.
    BadFilter("a LIKE 'x' ESCAPE ''", 18),
    BadFilter("a LIKE 'x' ESCAPE 'ab'", 18),
    BadFilter("a LIKE 'x!' ESCAPE '!'", 7),
    BadFilter("a LIKE 'x!!!' ESCAPE '!'", 7),
    BadFilter("a ILIKE '%' ESCAPE '%'", 8),
    BadFilter("a LIKE :p ESCAPE '!'", 7, {"p": "!"}),
]

TYPE_ERRORS = [
    # Arithmetic takes numbers, and comparisons what they compare.
    BadFilter("a + 'x' > 1", 4),
    BadFilter("'x' + a > 1", 0),
    BadFilter("a * TRUE = 1", 4),
    BadFilter("a = 1 + FALSE", 8),
    BadFilter("a - NULL > 1", 4),
    BadFilter("NULL + a > 1", 0),
    BadFilter("-'x' = a", 1),
    BadFilter("a = -'x'", 5),
    BadFilter("a = -TRUE", 5),
    BadFilter("a = -(NULL)", 6),
    BadFilter("('x') + a > 1", 1),
    BadFilter("a + (('x')) > 1", 6),
    BadFilter("a + ('x' ;", 5),
    BadFilter("a > 'x' / ;", 4),
    BadFilter("a + :p > 1", 4, {"p": "x"}),
    BadFilter("a + :p > 1", 4, {"p": None}),
    BadFilter("a + b = NULL", 8),
    BadFilter("NULL = a + b", 0),
    BadFilter("a + b > TRUE", 8),
    BadFilter("TRUE < a + b", 0),
    BadFilter("a > (TRUE)", 5),
    BadFilter("a BETWEEN b AND TRUE", 16),
    BadFilter("a BETWEEN NULL AND b", 10),
    BadFilter("a + b BETWEEN 1 AND 'x'", 20),
    BadFilter("NULL BETWEEN a AND b", 0),
    BadFilter("5 BETWEEN NULL AND 9", 10),
    BadFilter("a = NULL", 4),
    BadFilter("a <> NULL", 5),
    BadFilter("a < null", 4),
    BadFilter("NULL = a", 0),
    BadFilter("a IN (1, NULL)", 9),
    BadFilter("a NOT IN (NULL)", 10),
    BadFilter("a BETWEEN NULL AND 5", 10),
    BadFilter("a BETWEEN 5 AND NULL", 16),
    BadFilter("a LIKE NULL", 7),
    BadFilter("a LIKE 'x' ESCAPE NULL", 18),
    BadFilter("CONTAINS(a, NULL)", 12),
    BadFilter("MATCHES(a, NULL)", 11),
    BadFilter("MATCHES(a, 5)", 11),
    BadFilter("MATCHES(a, TRUE)", 11),
    BadFilter("MATCHES(a, :p)", 11, {"p": 5}),
    BadFilter("a = :p", 4, {"p": None}),
    # The first problem in the text is the one that is reported.
    BadFilter("a = NULL 'x", 4),
    BadFilter("a < TRUE ;", 4),
    BadFilter("a < TRUE", 4),
    BadFilter("a >= FALSE", 5),
    BadFilter("TRUE > a", 0),
    BadFilter("a BETWEEN FALSE AND TRUE", 10),
    BadFilter("a BETWEEN 1 AND TRUE", 16),
    BadFilter("a < :p", 4, {"p": True}),
    BadFilter("a BETWEEN 1 AND 'x'", 16),
    BadFilter("a BETWEEN 'x' AND 1", 18),
    BadFilter("a BETWEEN :p AND :q", 17, {"p": 1.5, "q": "x"}),
    BadFilter("a LIKE 5", 7),
    BadFilter("a LIKE TRUE", 7),
    BadFilter("a ILIKE -5", 8),
    BadFilter("a LIKE :p", 7, {"p": 5}),
    BadFilter("a LIKE 'x' ESCAPE 5", 18),
    BadFilter("STARTS_WITH(a, 5)", 15),
    BadFilter("ENDS_WITH(a, TRUE)", 13),
    BadFilter("CONTAINS(a, :p)", 12, {"p": 5.0}),
    # Parameters that are no values.
    BadFilter("a = :p", 4, {"p": NAN}),
    BadFilter("a = :p", 4, {"p": [1, 2]}),
    BadFilter("a IN (:p)", 6, {"p": (1, 2)}),
    BadFilter("a = :p", 4, {"p": b"x"}),
    BadFilter("a = :p", 4, {"p": decimal.Decimal(1)}),
    BadFilter("a = :p", 4, {"p": 1j}),
    BadFilter("a = :p", 4, {"p": "\ud800"}),
    BadFilter("a = :p", 4),
    BadFilter("a = :p", 4, {"P": 1}),
    BadFilter("a = :p 5x", 4),
    BadFilter("a = 5", 0, {"p": 1}),
    BadFilter("a = :p", 0, {"p": 1, "q": 2}),
    BadFilter("", 0, {"p": 1}),
]

#: Refused with LimitExceeded.
LIMIT_ERRORS = [
    BadFilter(f"a = {10**1000}", 4),
    BadFilter(f"a = -{10**1000}", 5),
    BadFilter(f"a IN (1, {'9' * 5000})", 9),
    BadFilter("a = :p", 4, {"p": 10**1000}),
]


# ---- canonical text: what is written, and what is printed ---------------------------------------

CANONICAL: list[tuple[str, dict[str, Any], str]] = [
    (text, {}, canonical)
    for text, canonical in [
        ("", "TRUE"),
        (" \n ", "TRUE"),
        ("true", "TRUE"),
        ("(FALSE)", "FALSE"),
        ("a", "a = TRUE"),
        ("a = TRUE", "a = TRUE"),
        ("not a", "NOT a = TRUE"),
        ("a=5", "a = 5"),
        ("a  !=\n5", "a <> 5"),
        ("a<=5 and b>=6 or c<7", "a <= 5 AND b >= 6 OR c < 7"),
        ("5 = a", "a = 5"),
        ("5 <> a", "a <> 5"),
        ("5 < a", "a > 5"),
        ("5 <= a", "a >= 5"),
        ("5 > a", "a < 5"),
        ("5 >= a", "a <= 5"),
        ("'x' = a", "a = 'x'"),
        ("TRUE <> a", "a <> TRUE"),
        # Connectives.
        ("a = 1 AND (b = 2 AND c = 3)", "a = 1 AND b = 2 AND c = 3"),
        ("(a = 1 AND b = 2) AND c = 3", "a = 1 AND b = 2 AND c = 3"),
        ("a = 1 OR ((b = 2 OR c = 3) OR d = 4)", "a = 1 OR b = 2 OR c = 3 OR d = 4"),
        ("(a = 1 AND b = 2) OR c = 3", "a = 1 AND b = 2 OR c = 3"),
        ("a = 1 AND (b = 2 OR c = 3)", "a = 1 AND (b = 2 OR c = 3)"),
        ("(a = 1 OR b = 2) AND (c = 3)", "(a = 1 OR b = 2) AND c = 3"),
        ("b = 1 AND a = 2 AND b = 1", "b = 1 AND a = 2 AND b = 1"),
        ("a = 1 AND TRUE AND FALSE", "a = 1 AND TRUE AND FALSE"),
        ("((((a = 1))))", "a = 1"),
        ("NOT (a = 1)", "NOT a = 1"),
        ("NOT ((a = 1) AND b = 2)", "NOT (a = 1 AND b = 2)"),
        ("NOT (a = 1 OR b = 2)", "NOT (a = 1 OR b = 2)"),
        ("NOT a = 1 AND b = 2", "NOT a = 1 AND b = 2"),
        ("NOT (NOT (NOT a = 1))", "NOT NOT NOT a = 1"),
        ("NOT NOT (a = 1 AND b = 2)", "NOT NOT (a = 1 AND b = 2)"),
        ("NOT (NOT (a = 1 AND b = 2) AND c = 3)", "NOT (NOT (a = 1 AND b = 2) AND c = 3)"),
        ("a = 1 AND NOT (b = 2 AND c = 3)", "a = 1 AND NOT (b = 2 AND c = 3)"),
        ("NOT TRUE", "NOT TRUE"),
        ("NOT a <> 5", "NOT a <> 5"),
        ("NOT a < 5", "NOT a < 5"),
        # NOT inside the leaf.
        ("NOT a IN (1)", "a NOT IN (1)"),
        ("a not in (1)", "a NOT IN (1)"),
        ("NOT (a LIKE 'x')", "a NOT LIKE 'x'"),
        ("a NOT ILIKE 'x'", "a NOT ILIKE 'x'"),
        ("NOT a BETWEEN 1 AND 2", "a NOT BETWEEN 1 AND 2"),
        ("NOT a IS NULL", "a IS NOT NULL"),
        ("a is not null", "a IS NOT NULL"),
        ("NOT a IS NOT NULL", "NOT a IS NOT NULL"),
        ("NOT NOT a IN (1)", "NOT a NOT IN (1)"),
        ("NOT NOT NOT a LIKE 'x'", "NOT NOT a NOT LIKE 'x'"),
        ("NOT EXISTS(a)", "NOT EXISTS(a)"),
        ("NOT CONTAINS(a, 'x')", "NOT CONTAINS(a, 'x')"),
        # Leaves.
        ("a BETWEEN 5 AND 1", "a BETWEEN 5 AND 1"),
        ("a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b = TRUE"),
        ("a IN(1,'x' ,TRUE,false,-2.5)", "a IN (1, 'x', TRUE, FALSE, -2.5)"),
        ("a IN (1, 1, 1.0)", "a IN (1, 1, 1.0)"),
        ("a LIKE '%x_'", "a LIKE '%x_'"),
        ("a like '!%' escape '!'", "a LIKE '!%' ESCAPE '!'"),
        ("a LIKE 'abc' ESCAPE '!'", "a LIKE 'abc' ESCAPE '!'"),
        ("NOT a ILIKE '!%' ESCAPE '!'", "a NOT ILIKE '!%' ESCAPE '!'"),
        ("exists ( a )", "EXISTS(a)"),
        ("Starts_With(a,'x')", "STARTS_WITH(a, 'x')"),
        ("ends_with (a , 'x')", "ENDS_WITH(a, 'x')"),
        ("contains(a,'')", "CONTAINS(a, '')"),
        ("exists AND matches", "exists = TRUE AND matches = TRUE"),
        ("matches( a ,'x''[a-z]*')", "MATCHES(a, 'x''[a-z]*')"),
        ("NOT MATCHES(a, '')", "NOT MATCHES(a, '')"),
        # Constants.
        ("a = 'it''s'", "a = 'it''s'"),
        ("a = ''", "a = ''"),
        ("a = 'line\nbreak\\ \"q\" 😀'", "a = 'line\nbreak\\ \"q\" 😀'"),
        ("a = 007", "a = 7"),
        ("a = - 5", "a = -5"),
        ("a = -0", "a = 0"),
        ("a = -0.0", "a = -0.0"),
        ("a = 0.0", "a = 0.0"),
        ("a = 5.0", "a = 5.0"),
        ("a = 5e0", "a = 5.0"),
        ("a = 1E300", "a = 1e+300"),
        *[(f'"a{blank}b" = 1', f'"a{blank}b" = 1') for blank in BLANKS],
        *[(f'"a{letter}b" = {letter}', f"a{letter}b = {letter}") for letter in NO_BLANKS],
        ("a = 1e16", "a = 1e+16"),
        ("a = 1e15", "a = 1000000000000000.0"),
        ("a = 123456789012345680.0", "a = 1.2345678901234568e+17"),
        ("a = 0.1", "a = 0.1"),
        ("a = 0.10000000000000000555", "a = 0.1"),
        ("a = 0.0001", "a = 0.0001"),
        ("a = 0.00001", "a = 1e-05"),
        ("a = 5e-324", "a = 5e-324"),
        ("a = 1e-400", "a = 0.0"),
        ("a = 1.7976931348623157e308", "a = 1.7976931348623157e+308"),
        ("a = 9007199254740993", "a = 9007199254740993"),
        ("a = 9007199254740993.0", "a = 9007199254740992.0"),
        ("a = -9223372036854775808", "a = -9223372036854775808"),
        ("a = 18446744073709551616", "a = 18446744073709551616"),
        (f"a = {10**30}", f"a = {10**30}"),
        (f"a = -{10**999}", f"a = -{10**999}"),
        (f"a = {'0' * 2000}5", "a = 5"),
        ("a = 1e400", "a = 1e+999"),
        ("a = -1e400", "a = -1e+999"),
        # Names.
        ('"a" = 1', "a = 1"),
        ('"a.b" = 1', "a.b = 1"),
        ('"a b" = 1', '"a b" = 1'),
        ('"a""b" = 1', '"a""b" = 1'),
        ('"" = 1', '"" = 1'),
        ('"in" = 1', '"in" = 1'),
        ('"True" = 1', '"True" = 1'),
        ('"in.a" = 1', "in.a = 1"),
        ('"a.in" = 1', "a.in = 1"),
        ('"1a" = 1', '"1a" = 1'),
        ('"a.1" = 1', "a.1 = 1"),
        ('"a." = 1', '"a." = 1'),
        ('"a..b" = 1', '"a..b" = 1'),
        ('".a" = 1', '".a" = 1'),
        ('"a-b" = 1', '"a-b" = 1'),
        ('"$a_1" = 1', "$a_1 = 1"),
        ('"größe.数" = 1', "größe.数 = 1"),
        ('"exists" = 1', "exists = 1"),
        ('EXISTS("a b")', 'EXISTS("a b")'),
        ('"\u0131n" = 1', "\u0131n = 1"),
        ('"a\n" = 1', '"a\n" = 1'),
    ]
] + [
    ("a = :p", {"p": "it's"}, "a = 'it''s'"),
    ("a = :p", {"p": -5}, "a = -5"),
    ("a = :p", {"p": 5.0}, "a = 5.0"),
    ("a = :p", {"p": INF}, "a = 1e+999"),
    ("a = :p", {"p": True}, "a = TRUE"),
    (":p OR :q", {"p": True, "q": False}, "TRUE OR FALSE"),
    (":p < a", {"p": -1}, "a > -1"),
    ("a IN (:p, :q)", {"p": 1, "q": "x"}, "a IN (1, 'x')"),
    ("a LIKE :p ESCAPE :e", {"p": "!%", "e": "!"}, "a LIKE '!%' ESCAPE '!'"),
]
CANONICAL += [
    ("a<b", {}, "a < b"),
    ("b>a", {}, "b > a"),
    ("a!=b", {}, "a <> b"),
    ("5<a+b", {}, "5 < a + b"),
    ("a = (5)", {}, "a = 5"),
    ("((5)) >= (a)", {}, "a <= 5"),
    ("(a)", {}, "a = TRUE"),
    ("((a)) AND (TRUE)", {}, "a = TRUE AND TRUE"),
    ("(a) BETWEEN (1) AND ((2))", {}, "a BETWEEN 1 AND 2"),
    ("(a+b)+c=1", {}, "a + b + c = 1"),
    ("a+(b+c)=1", {}, "a + (b + c) = 1"),
    ("a-(b-c)=1", {}, "a - (b - c) = 1"),
    ("(a-b)-(c)=1", {}, "a - b - c = 1"),
    ("(a*b)+(c/d)=1", {}, "a * b + c / d = 1"),
    ("(a+b)*(c-d)=1", {}, "(a + b) * (c - d) = 1"),
    ("a*(b*c)=1", {}, "a * (b * c) = 1"),
    ("a/(b*c)=1", {}, "a / (b * c) = 1"),
    ("(a/b)*c=1", {}, "a / b * c = 1"),
    ("-a=1", {}, "-a = 1"),
    ("-(a)=1", {}, "-a = 1"),
    ("- - a=1", {}, "--a = 1"),
    ("-(a+b)=1", {}, "-(a + b) = 1"),
    ("-(a*b)=1", {}, "-(a * b) = 1"),
    ("(-a)*b=1", {}, "-a * b = 1"),
    ("a*(-b)=1", {}, "a * -b = 1"),
    ("a-(-b)=1", {}, "a - -b = 1"),
    ("a - 1 = 0", {}, "a - 1 = 0"),
    ("a - -1 = 0", {}, "a - -1 = 0"),
    ("-1 * a = 0", {}, "-1 * a = 0"),
    ("a = -(1)", {}, "a = -(1)"),
    ("a = -(-1)", {}, "a = --1"),
    ("a = --1", {}, "a = --1"),
    ("a = -(0.0) + -0.0", {}, "a = -(0.0) + -0.0"),
    ("a = -:p", {"p": 5}, "a = -(5)"),
    ("a = -:p", {"p": -5}, "a = --5"),
    ("a = :p + 1", {"p": 2.0}, "a = 2.0 + 1"),
    ("a = -9223372036854775808 + 1e999", {}, "a = -9223372036854775808 + 1e+999"),
    ("a = -(9223372036854775808)", {}, "a = -(9223372036854775808)"),
    ("ts > 60*60*24", {}, "ts > 60 * 60 * 24"),
    ("a not between b and c+1", {}, "a NOT BETWEEN b AND c + 1"),
    ("NOT (a BETWEEN b AND c)", {}, "a NOT BETWEEN b AND c"),
    ("NOT NOT a BETWEEN b AND c", {}, "NOT a NOT BETWEEN b AND c"),
    ("NOT (a + 1 > b)", {}, "NOT a + 1 > b"),
    ("(a < b OR c < d) AND NOT (a < b AND c)", {}, "(a < b OR c < d) AND NOT (a < b AND c = TRUE)"),
    ('"a b" * "in" > "x""y"', {}, '"a b" * "in" > "x""y"'),
]


# ---- events that are refused, or not, whoever has subscribed ------------------------------------


def _nested(depth: int) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for _ in range(depth - 1):
        event = {"a": event}
    return event


def _cyclic() -> dict[str, Any]:
    event: dict[str, Any] = {"a": []}
    event["a"].append(event["a"])
    return event


BAD_EVENTS: list[Any] = [
    None,
    5,
    "text",
    [],
    [{"a": 1}],
    ("a", 1),
    {"a"},
    {1: 1},
    {None: 1},
    {b"a": 1},
    {"a": {1: 1}},
    {"a": [{("b",): 1}]},
    {"\ud800": 1},
    {"a": {"\udfff": 1}},
    {"a": "x\ud83d"},
    {"a": ["\udc00\ud800"]},
    {"a": b"x"},
    {"a": bytearray(b"x")},
    {"a": memoryview(b"x")},
    {"a": {1, 2}},
    {"a": frozenset()},
    {"a": iter([1])},
    {"a": range(3)},
    {"a": 1j},
    {"a": decimal.Decimal(1)},
    {"a": fractions.Fraction(1, 2)},
    {"a": datetime.datetime(2020, 1, 1)},
    {"a": datetime.date(2020, 1, 1)},
    {"a": datetime.timedelta(1)},
    {"a": object()},
    {"a": int},
    {"a": len},
    {"a": [1, [2, object()]]},
    {"a": 10**1000},
    {"a": -(10**1000)},
    _nested(513),
    {"a": [_nested(511)]},
    _cyclic(),
]

GOOD_EVENTS: list[Any] = [
    {},
    {"": ""},
    {"a": 10**1000 - 1},
    {"a": -(10**1000) + 1},
    {"a": NAN, "b": INF, "c": -INF},
    {"a": "\0\uffff\U0010ffff\ufeff"},
    {"\0": None, "\U0010ffff": 1},
    _nested(512),
    {"a": [_nested(510)]},
    {"a": (1, [2, (3,)])},
]

BAD_JSON: list[str | bytes] = [
    "",
    " ",
    "null",
    "5",
    '"a"',
    "[]",
    '[{"a":1}]',
    "{",
    "}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,"a":1}',
    '{"a":1 "b":2}',
    '{"a":1}}',
    '{"a":1} {}',
    '{"a":1}x',
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    '{"a":01}',
    '{"a":-}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":5.}',
    '{"a":1e}',
    '{"a":1e+}',
    '{"a":0x10}',
    '{"a":1_0}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":-Infinity}',
    '{"a":[NaN]}',
    '{"a":nan}',
    '{"a":True}',
    '{"a":nul}',
    '{"a":[1,]}',
    '{"a":[1}',
    '{"a":"x}',
    '{"a":"\n"}',
    '{"a":"\t"}',
    '{"a":"\0"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a":"\\u+123"}',
    '{"a":"\\ud800"}',
    '{"a":"\\udc00\\ud800"}',
    '{"a":"\\ud800\\u0041"}',
    '{"a":"\\ud83d\\ud83d\\ude00"}',
    '{"\\ud800":1}',
    '{"a":{"\\udfff":1}}',
    '{"a":"\ud800"}',
    '{"a":1} // comment',
    '\ufeff{"a":1}',
    '\u00a0{"a":1}',
    '{"a":1}\0',
    f'{{"a":{10**1000}}}',
    f'{{"a":-{10**1000}}}',
    f'{{"a":{"9" * 5000}}}',
    '{"a":' * 512 + "{}" + "}" * 512,
    '{"a":' + "[" * 512 + "]" * 512 + "}",
    '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    b'\xef\xbb\xbf{"a":1}',
    b'{"a":"\xff"}',
    b'{"a":"\xc3"}',
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}',
    b'{"\xe9":1}',
    '{"a":1}'.encode("utf-16"),
    '{"a":1}'.encode("utf-16-le"),
    '{"a":1}'.encode("utf-32"),
]

GOOD_JSON: list[str | bytes] = [
    "{}",
    b"{}",
    b' {"a" : [ ] }\r\n',
    '{"a":1,"a":2}',
    '{"a":1e400,"b":-1e400,"c":1e-400,"d":1E+400}',
    f'{{"a":{"9" * 1000},"b":-{"9" * 1000}}}',
    f'{{"a":{"1" * 5000}.5,"b":0.{"1" * 5000},"c":{"1" * 5000}e-4990}}',
    '{"a":"\\u0000\\uffff\\ud83d\\ude00\\ufeff"}',
    '{"a":"\x7f\u2028\ufeff"}',
    '{"\\u0000":{"":1}}',
    '{"a":' * 511 + "{}" + "}" * 511,
    '{"a":' + "[" * 511 + "]" * 511 + "}",
    '{"größe":"😀"}'.encode(),
    bytearray(b'{"a":1}'),
]
