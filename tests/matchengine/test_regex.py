"""MATCHES against Python's ``re`` on what the two languages share, and against the twin.

Regexes are made together with strings that nearly match them. A normal run tries some thousands;
``MATCHENGINE_REGEX_PAIRS=100000`` (or any number) tries so many pairs.
"""

from __future__ import annotations

import os
import random
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchengine import (
    Filter,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    Limits,
    Matcher,
    attr,
    parse,
    reference,
)

PAIRS = int(os.environ.get("MATCHENGINE_REGEX_PAIRS") or 6_000)
EACH = 10  # strings tried with a regex


def quoted(regex: str) -> str:
    return "'" + regex.replace("'", "''") + "'"


def matches(regex: str, text: str) -> bool:
    matcher: Matcher[int] = Matcher()
    matcher.add(attr("a").matches(regex), id=1)
    return matcher.matches_any({"a": text})


# ---- random regexes ------------------------------------------------------------------------------

#: Without \r, which is the only character that the dots of the two languages differ in.
LETTERS = ["a", "b", "c", "é", "😀", "\n", "-", "0", "A", " ", "."]
SPELLED = {"\n": "\\n", "-": "\\-", ".": "\\."}
CLASSES = [
    "[ab]",
    "[^a]",
    "[a-c]",
    "[^a-b\\n]",
    "[-a]",
    "[a-]",
    "[\\-\\]b]",
    "[é-😀]",
    "[^^]",
    "[.]",
]


def some_regex(rng: random.Random, depth: int) -> tuple[str, str]:
    """A regex that means the same to ``re``, and a string of it."""
    branches = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        pieces = [some_piece(rng, depth) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        branches.append(("".join(p for p, _ in pieces), "".join(s for _, s in pieces)))
    return "|".join(regex for regex, _ in branches), rng.choice(branches)[1]


def some_piece(rng: random.Random, depth: int) -> tuple[str, str]:
    kind = rng.choice(["letter"] * 4 + ["dot", "class"] + ["group"] * (3 if depth else 0))
    if kind == "letter":
        text = rng.choice(LETTERS[: rng.choice([2, 3, len(LETTERS)])])
        regex = SPELLED.get(text, text)
    elif kind == "dot":
        regex, text = ".", rng.choice("abé")
    elif kind == "class":
        regex = rng.choice(CLASSES)
        text = next(one for one in rng.sample(LETTERS, len(LETTERS)) if re.fullmatch(regex, one))
    else:
        inner, text = some_regex(rng, depth - 1)
        regex = f"({inner})"
    if kind == "group" and any(one in regex for one in "*+,"):  # `re` would take for ever
        quantifier, times = rng.choice([("", 1), ("", 1), ("?", 1), ("{2}", 2)])
        return regex + quantifier, text * times
    low, high = rng.choice([0, 1, 2]), rng.choice([2, 3])
    quantifier, times = rng.choice(
        [("", 1)] * 6
        + [("*", rng.choice([0, 1, 3])), ("+", rng.choice([1, 2])), ("?", rng.choice([0, 1]))]
        + [(f"{{{low}}}", low), (f"{{{low},}}", low + 1), (f"{{{low},{high}}}", high)]
    )
    return regex + quantifier, text * times


def spoiled(rng: random.Random, text: str) -> str:
    """The string, or one that differs in a character or two."""
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice([*LETTERS, ""]) + text[at + rng.choice([0, 1]) :]
    return text


def test_random_pairs_against_re() -> None:
    rng = random.Random(9485)
    outcomes = {True: 0, False: 0}
    for _ in range(PAIRS // EACH):
        regex, text = some_regex(rng, 3)
        oracle = re.compile(regex)
        twin = node_of(regex)
        matcher: Matcher[str] = Matcher()
        matcher.add(attr("a").matches(regex), id="alone")
        matcher.validate()
        text = text[:16]  # even so: `re` goes back, and forth again
        for tried in [text, *(spoiled(rng, text) for _ in range(EACH - 1))]:
            expected = oracle.fullmatch(tried) is not None
            assert matcher.matches_any({"a": tried}) is expected, (regex, tried)
            assert reference.matches(twin, {"a": tried}) is expected, (regex, tried)
            outcomes[expected] += 1
    assert min(outcomes.values()) > PAIRS // 10


def test_many_regexes_in_one_index() -> None:
    """All together on one path, added and removed, with literals and without."""
    rng = random.Random(17)
    matcher: Matcher[int] = Matcher()
    regexes: dict[int, str] = {}
    for number in range(600):
        regex, text = some_regex(rng, 2)
        regexes[number] = regex
        matcher.add(attr("a").matches(regex), id=number)
        if number % 3 == 2:
            gone = rng.choice(list(regexes))
            del regexes[gone]
            matcher.remove(gone)
        if number % 20 == 0:
            matcher.validate()
            tried = spoiled(rng, text)
            expected = {
                i for i, one in regexes.items() if reference.matches(node_of(one), {"a": tried})
            }
            assert set(matcher.match({"a": tried})) == expected
    matcher.clear()
    matcher.validate()
    assert matcher.stats()["patterns"] == 0


def node_of(regex: str) -> reference.Node:
    return reference.parse("MATCHES(a, :r)", r=regex)


NOISE = st.text(st.sampled_from("ab(|)*+?{}[]^-,\\pPLu.012n'"), max_size=12)


@given(NOISE, st.lists(st.text(st.sampled_from("ab1L-'"), max_size=5), max_size=4))
def test_noise_against_the_twin(regex: str, texts: list[str]) -> None:
    """Both refuse a text at the same place, or both give it the same meaning."""
    filter = f"b AND MATCHES(a, {quoted(regex)})"
    try:
        node = reference.parse(filter)
    except reference.FilterSyntaxError as error:
        position = error.position
    else:
        position = -1
    if position >= 0:
        with pytest.raises(FilterSyntaxError) as caught:
            parse(filter)
        assert caught.value.position == position
        assert caught.value.expected
        return
    matcher: Matcher[int] = Matcher()
    matcher.add(filter, id=1)
    for text in texts:
        event = {"a": text, "b": True}
        assert matcher.matches_any(event) is reference.matches(node, event)


# ---- categories ----------------------------------------------------------------------------------


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="the table is that of Unicode 14.0"
)
def test_every_code_point_has_its_category() -> None:
    points = [chr(i) for i in range(sys.maxunicode + 1) if not 0xD800 <= i <= 0xDFFF]
    categories = sorted({unicodedata.category(one) for one in points})
    assert len(categories) == 29
    matcher: Matcher[str] = Matcher()
    for name in [*categories, *{name[0] for name in categories}]:
        matcher.add(attr("a").matches(f"\\p{{{name}}}"), id=name)
        matcher.add(attr("a").matches(f"[^\\P{{{name}}}]x"), id=name + "x")
    step = 1 if PAIRS > 50_000 else 61
    for one in [*points[:0x600], *points[0x600::step]]:
        category = unicodedata.category(one)
        assert set(matcher.match({"a": one})) == {category, category[0]}
        assert set(matcher.match({"a": one + "x"})) == {category + "x", category[0] + "x"}


# ---- errors and bounds ---------------------------------------------------------------------------


def test_an_error_points_into_the_regex() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse("größe = 5 AND MATCHES(é, 'it''s (?:é)')")
    error = caught.value
    assert error.text[error.position :] == "?:é)')"
    assert str(error).splitlines()[-1].index("^") == 2 + error.position
    assert error.expected.startswith("a character")


def test_an_error_of_the_builder_shows_the_regex() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        attr("a").matches("é[z-a]")
    assert (caught.value.text, caught.value.position) == ("é[z-a]", 4)
    with pytest.raises(FilterTypeError, match="string"):
        attr("a").matches(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("regex", "limit"),
    [
        ("a{2048}", "regex_states"),
        ("(a{50}){50}", "regex_states"),
        ("a{99999999999999999999}", "regex_states"),
        ("((((a{9}){9}){9}){9}){9}", "regex_states"),
        ("a" * 3000, "regex_states"),
        ("(" * 2000, "regex_depth"),
        ("[" + "ab" * 20_000 + "]", "regex_ranges"),
    ],
)
def test_bounds(regex: str, limit: str) -> None:
    for make in (lambda: attr("a").matches(regex), lambda: parse("MATCHES(a, :r)", r=regex)):
        with pytest.raises(LimitExceeded, match=limit) as caught:
            make()
        assert caught.value.limit == limit
        assert caught.value.value > caught.value.maximum
    matcher: Matcher[int] = Matcher()
    diagnosis = matcher.check(f"MATCHES(a, '{regex}')")
    assert isinstance(diagnosis.error, LimitExceeded)
    assert not diagnosis.ok
    assert len(matcher) == 0


@pytest.mark.parametrize(
    ("name", "maximum", "good", "bad"),
    [
        ("regex_states", 5, ["a{4}", "(a|b)"], ["a{5}", "a{6}", "abcde", "(a|bc)"]),
        ("regex_states", 16_384, ["a{16383}"], ["a{16384}"]),
        ("regex_ranges", 3, ["[ace]", "[ac][^a]"], ["[aceg]", "[ac][bd]"]),
        ("regex_depth", 2, ["((a))((b))"], ["(((a)))"]),
        ("filter_states", 10, ["abc", "abcdefghi"], ["abcdefghij"]),
    ],
)
def test_limits_of_a_matcher(name: str, maximum: int, good: list[str], bad: list[str]) -> None:
    """At each limit and one beyond it, as text and as bytes."""
    matcher: Matcher[int] = Matcher(limits=Limits(**{name: maximum}))
    for regex in good:
        matcher.add(f"MATCHES(a, '{regex}')")
        if maximum < 2_000:
            matcher.add(attr("a").matches(regex))
    for regex in bad:
        with pytest.raises(LimitExceeded) as caught:
            matcher.add(f"b = 1 AND MATCHES(a, '{regex}')")
        error = caught.value
        assert (error.limit, error.maximum) == (name, maximum)
        assert error.value > maximum
        assert error.text is not None
        assert error.position >= error.text.index("'") + 1
        assert str(error).endswith("^")
        if maximum < 2_000:
            with pytest.raises(LimitExceeded, match=name):
                matcher.add(attr("a").matches(regex))
    assert len(matcher) == len(good) * (1 + (maximum < 2_000))


def test_regexes_of_a_filter_together() -> None:
    """A filter of a megabyte could make a thousand times as much of its regexes."""
    one = "MATCHES(a, 'b{2047}')"  # 2,048 states, and 32 of them are the bound
    assert str(parse(" OR ".join([one] * 32))).count("b{2047}") == 32
    for make in (parse, lambda text: parse(text.split(" OR ")[0]) | parse(text[len(one) + 4 :])):
        with pytest.raises(LimitExceeded) as caught:
            make(" OR ".join([one] * 32 + ["MATCHES(a, '')"]))
        assert (caught.value.limit, caught.value.value) == ("filter_states", 65_537)


def test_a_regex_that_is_no_text() -> None:
    with pytest.raises(FilterTypeError, match="lone surrogate") as caught:
        attr("a").matches("ab\ud800")
    assert (caught.value.text, caught.value.position) == ("ab\ud800", 2)
    with pytest.raises(LimitExceeded) as beyond:
        attr("a").matches("x(a|b){2000}")
    assert (beyond.value.text, beyond.value.position) == ("x(a|b){2000}", 12)
    with pytest.raises(FilterSyntaxError) as missing:
        parse("MATCHES(a)")
    assert (missing.value.expected, missing.value.position) == ("a comma", 9)


def test_within_the_bounds() -> None:
    for regex in [
        "a{2047}",
        ".{0,1000}",
        "(" * 1000 + "a" + ")" * 1000,
        "\\p{L}" * 2000,
        "|" * 1000,
    ]:
        assert Filter(str(attr("a").matches(regex))) == attr("a").matches(regex)
    assert matches(".{0,1000}", "é" * 1000)
    assert not matches(".{0,1000}", "é" * 1001)


# ---- hostile -------------------------------------------------------------------------------------

HOSTILE = [
    "(a+)+b",
    "(a|a)*b",
    "(a|b)*a(a|b){20}",
    "((a?){30}){30}",
    "(.*)(.*)(.*)(.*)c",
    "(.*a){20}",
]


@pytest.mark.parametrize("regex", HOSTILE)
def test_a_long_string_is_no_attack(regex: str) -> None:
    """A backtracking matcher would not come back from these."""
    assert not matches(regex, "a" * 200_000 + "!")


# ---- in the engine -------------------------------------------------------------------------------


def test_filters_with_one_regex_share_it() -> None:
    matcher: Matcher[int] = Matcher()
    for number in range(100):
        matcher.add(f"MATCHES(a, '[ab]+') AND n = {number}", id=number)
    assert matcher.stats()["patterns"] == 1
    assert matcher.match({"a": "abba", "n": 7}) == [7]
    for number in range(100):
        matcher.remove(number)
    assert matcher.stats()["patterns"] == 0


def test_a_regex_is_an_anchor() -> None:
    matcher: Matcher[int] = Matcher()
    for number in range(1000):
        matcher.add(f"MATCHES(path, '/users/{number}/[a-z]+')", id=number)
    diagnosis = matcher.check("MATCHES(path, '/users/5/[a-z]+')")
    assert diagnosis.ok
    before = matcher.stats()["candidates"]
    assert matcher.match({"path": "/users/77/photos"}) == [77]
    assert matcher.stats()["candidates"] - before == 1
    assert matcher.stats()["unanchored"] == 0
    assert matcher.stats()["rows"]["pattern"] == 1000


def test_memory_is_counted_and_given_back() -> None:
    matcher: Matcher[int] = Matcher()
    empty = matcher.stats()["bytes"]
    matcher.add("MATCHES(a, '(a|b)*a(a|b){20}[\\p{L}]')", id=1)
    assert matcher.stats()["bytes"] - empty > 5000
    matcher.remove(1)
    assert matcher.stats()["bytes"] - empty < 5000


def test_paths_and_equality() -> None:
    filter = parse("NOT MATCHES(a.b, 'x|y') AND c")
    assert filter.paths == {"a.b", "c"}
    assert filter == ~attr("a.b").matches("x|y") & attr("c").is_true()
    assert attr("a").matches("x") != attr("a").like("x")
    assert str(filter) == "NOT MATCHES(a.b, 'x|y') AND c = TRUE"
