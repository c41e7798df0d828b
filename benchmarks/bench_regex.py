"""10,000 regular expressions on one attribute, against running them one by one with ``re``.

Three families of filters, as rules on request paths have them: *literals*, where each regex has a
part of its own that every matching string holds; *prefixes*, where they hold nothing but one of
eight common beginnings; and *shapes*, where none has any and all are tried on every string.
The unit of a round is `CHUNK` events, each of which is used once.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from matchengine import Matcher, attr

REGEXES = 10_000
CHUNK = 20
ROUNDS = 15
KINDS = ["literals", "prefixes", "shapes"]
#: Some regexes of each kind match one of these, and hardly any of the events.
TELLING = ["/api/v1/photos/46770", "/api/v2/users/7x", "7x"]
NOUNS = ["users", "orders", "items", "photos", "carts", "teams", "files", "events"]


class Case(NamedTuple):
    regexes: list[str]
    events: list[dict[str, Any]]
    matcher: Matcher[int]


def literal_regex(rng: random.Random) -> str:
    head, tail = rng.choice(NOUNS), rng.choice(NOUNS)
    number = rng.randrange(100_000)
    return rng.choice(
        [
            f"/api/v[0-9]+/{head}/{number}(/.*)?",
            f".*/{head}-{number}/{tail}/[a-z]+",
            f"/({head}|{tail})/[0-9a-f]{{4,8}}/{number}[.]json",
        ]
    )


def prefix_regex(rng: random.Random) -> str:
    return f"/api/v2/{rng.choice(NOUNS)}/{shape_regex(rng)}"


def shape_regex(rng: random.Random) -> str:
    """A sequence of classes: other ones for nearly every regex."""
    classes = ["[0-9]", "[a-z]", "[A-Z]", "[a-f0-9]", "[/.-]", "\\p{L}", "[^/]"]
    counts = ["+", "*", "{2}", "{1,4}", "{3,}"]
    return "".join(rng.choice(classes) + rng.choice(counts) for _ in range(rng.randrange(3, 9)))


def some_path(rng: random.Random) -> str:
    head, tail, number = rng.choice(NOUNS), rng.choice(NOUNS), rng.randrange(100_000)
    return rng.choice(
        [
            f"/api/v{rng.randrange(10)}/{head}/{number}/{tail}/{rng.randrange(1000)}",
            f"/static/{head}-{number}/{tail}/index",
            f"/api/v2/{head}/{number}-{tail}/{rng.randrange(1000)}",
            f"/{head}/{rng.randrange(16**6):06x}/{number}.json",
        ]
    )


@cache
def case_of(kind: str) -> Case:
    rng = random.Random(9485)
    make = {"literals": literal_regex, "prefixes": prefix_regex, "shapes": shape_regex}[kind]
    chosen: dict[str, None] = {}
    while len(chosen) < REGEXES:
        chosen[make(rng)] = None
    regexes = list(chosen)
    events = [{"path": some_path(rng)} for _ in range(2 * CHUNK * ROUNDS)]
    matcher: Matcher[int] = Matcher()
    matcher.add_many((i, attr("path").matches(regex)) for i, regex in enumerate(regexes))
    return Case(regexes, events, matcher)


@cache
def with_re(kind: str) -> list[Callable[[str], Any]]:
    """One function for each regex. To `re` a dot takes \\r, and \\p{L} is spelled otherwise."""
    spelled = (one.replace("\\p{L}", "[^\\W\\d_]") for one in case_of(kind).regexes)
    return [re.compile(one).fullmatch for one in spelled]


def agrees_with_re(kind: str) -> bool:
    """Do the matcher and `re` find the same, and something? Nothing is timed that does not."""
    matcher, compiled = case_of(kind).matcher, with_re(kind)
    found = [sorted(matcher.match({"path": path})) for path in TELLING]
    right = [[i for i, fullmatch in enumerate(compiled) if fullmatch(path)] for path in TELLING]
    return found == right and any(found)


@pytest.mark.parametrize("kind", KINDS)
def test_match(benchmark: BenchmarkFixture, kind: str) -> None:
    case = case_of(kind)
    assert agrees_with_re(kind)
    benchmark.group = f"{kind}: {REGEXES:,} regexes on one attribute"
    benchmark.extra_info.update(events=CHUNK)
    chunks = iter(range(0, CHUNK * ROUNDS, CHUNK))

    def match(events: list[dict[str, Any]]) -> None:
        for event in events:
            case.matcher.match(event)

    def setup() -> tuple[tuple[list[dict[str, Any]]], dict[str, Any]]:
        start = next(chunks)
        return (case.events[start : start + CHUNK],), {}

    benchmark.pedantic(match, setup=setup, rounds=ROUNDS)


@pytest.mark.parametrize("kind", KINDS)
def test_re_one_by_one(benchmark: BenchmarkFixture, kind: str) -> None:
    case = case_of(kind)
    compiled = with_re(kind)
    assert agrees_with_re(kind)
    benchmark.group = f"{kind}: {REGEXES:,} regexes on one attribute"
    benchmark.extra_info.update(events=CHUNK)
    chunks = iter(range(CHUNK * ROUNDS, 2 * CHUNK * ROUNDS, CHUNK))

    def match(events: list[dict[str, Any]]) -> None:
        for event in events:
            path = event["path"]
            [i for i, fullmatch in enumerate(compiled) if fullmatch(path)]

    def setup() -> tuple[tuple[list[dict[str, Any]]], dict[str, Any]]:
        start = next(chunks)
        return (case.events[start : start + CHUNK],), {}

    benchmark.pedantic(match, setup=setup, rounds=3)


@pytest.mark.parametrize("kind", KINDS)
def test_add(benchmark: BenchmarkFixture, kind: str) -> None:
    """From regexes to a matcher that finds them."""
    case = case_of(kind)
    benchmark.group = f"{kind}: adding {REGEXES:,} regexes"
    filters = [attr("path").matches(regex) for regex in case.regexes]

    def load() -> int:
        matcher: Matcher[int] = Matcher()
        matcher.add_many(enumerate(filters))
        return len(matcher)

    assert benchmark.pedantic(load, rounds=3) == REGEXES
