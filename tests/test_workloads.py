"""The workloads of the benchmarks are the same text everywhere, and are what they claim to be."""

from collections import Counter

import numpy as np
import pytest

from baselines import expected
from matchengine import Matcher
from workloads import (
    EVENTS,
    JSON_BYTES,
    MATCHES,
    PREDICATES,
    PRESENT,
    SIZES,
    WARMUP,
    Conjunctions,
    Raw,
    dense_width,
    json_small,
    keys,
    w1_dense,
    w1_sparse,
)

MAKE = {"w1_dense": w1_dense, "w1_sparse": w1_sparse}

DIGESTS = {
    "w1_dense": "b76e55cc871ca195385a38553cbb92444d49b5fc193ee9d5ba4b457b63d6a071",
    "w1_sparse": "ecb6cbd3bb2e149cbed253f6f689ef0c608a2a6be0254e6e0ce04366c9146122",
    "keys": "ef2ccb3bfaabd6ece270372a1a1d6781b01890348a3ab6f40a04a5d56d52035f",
    "json_small_150": "8d7805b24b2edf6e2930159b9a2eacc38c872db9c22f0ccfd20fb2d8abb82b6e",
    "json_small_300": "d5495d2081fef14785a45fb3e88daea6ea43138df4eca2d987549c9f6cde3f20",
    "json_small_600": "17afc530bd0d730ce72a204363b759271880e3f71ae9492ccd3b08f5b8902360",
    "json_small_1500": "08dd546c91f4f52179aa1d14da257219b6babf81670da63d11fd05fa2b6c4a35",
}


@pytest.fixture(scope="module", params=MAKE)
def w1(request: pytest.FixtureRequest) -> Conjunctions:
    return MAKE[request.param](10_000)


def test_raw_integers_are_those_of_the_generator() -> None:
    assert Raw(1).below(1_000, 2, 3).tolist() == [[511, 950, 144], [948, 311, 423]]
    assert sorted(Raw(1).distinct(5, 1, 5)[0].tolist()) == [0, 1, 2, 3, 4]
    assert sorted(Raw(1).order(1, 4)[0].tolist()) == [0, 1, 2, 3]


def test_distinct_integers_are_even() -> None:
    chosen = Raw(7).distinct(10, 20_000, 3)
    assert all(len(set(row)) == 3 for row in chosen.tolist())
    counts = Counter(chosen.ravel().tolist())
    assert set(counts) == set(range(10))
    assert all(abs(count - 6_000) < 300 for count in counts.values())


def test_w1_is_the_same_text_everywhere(w1: Conjunctions) -> None:
    assert w1.digest() == DIGESTS[w1.name]


@pytest.mark.parametrize("size", JSON_BYTES)
def test_json_small_is_the_same_text_everywhere(size: int) -> None:
    workload = json_small(size)
    assert workload.digest() == DIGESTS[workload.name]
    assert len(set(workload.lines)) == len(workload.events) == EVENTS
    lengths = list(map(len, workload.lines))
    assert size <= np.mean(lengths) <= 1.08 * size
    assert (min(lengths) >= 300) == (size >= 300)
    found = [len(expected(workload, event)) for event in workload.events[:300]]
    assert max(found) <= MATCHES
    assert 0.5 < np.mean(found) < 1.5


def test_keys_are_the_same_text_everywhere() -> None:
    workload = keys()
    assert workload.digest() == DIGESTS["keys"]
    assert len(set(workload.lines)) == len(workload.events) == EVENTS
    matcher: Matcher[int] = Matcher()
    matcher.add_many(list(enumerate(workload.filters)))
    found = [matcher.match(event) for event in workload.events[:300]]
    assert 10 < np.mean(list(map(len, found))) < 12
    for event, answer in zip(workload.events[:5], found, strict=False):
        assert sorted(answer) == expected(workload, event)


def test_w1_has_the_shape_it_claims(w1: Conjunctions) -> None:
    assert len(w1.events) == len(set(w1.lines)) == EVENTS
    assert len(w1.warmup) == WARMUP
    assert not [event for event in w1.warmup if event in w1.events[:1_000]]
    assert all(len(event) == PRESENT for event in w1.events + w1.warmup)
    assert all(len(set(row)) == PREDICATES for row in w1.attrs.tolist())
    equal = np.mean([text.count(" = ") for text in w1.filters]) / PREDICATES
    assert 0.19 < equal < 0.21


def test_w1_matches_as_many_as_it_claims(w1: Conjunctions) -> None:
    found = [len(matching(w1, number)) for number in range(1_000)]
    assert MATCHES - 0.3 < np.mean(found) < MATCHES + 0.3
    assert max(found) <= 20
    assert np.mean([count == 0 for count in found]) < 0.05


def matching(w1: Conjunctions, number: int) -> list[int]:
    """The subscriptions that match an event, from the arrays."""
    values = np.full(w1.attributes, -1)
    values[w1.event_attrs[number]] = w1.event_values[number]
    found = values[w1.attrs]
    return np.flatnonzero(((w1.least <= found) & (found <= w1.greatest)).all(axis=1)).tolist()


def test_text_intervals_and_arrays_agree(w1: Conjunctions) -> None:
    matcher: Matcher[int] = Matcher()
    matcher.add_many(list(enumerate(w1.filters)))
    for number in range(20):
        event = w1.events[number]
        assert sorted(matcher.match(event)) == matching(w1, number) == expected(w1, event)
        assert sorted(matcher.match_json(w1.lines[number])) == expected(w1, event)


def test_widths_keep_the_number_of_matches() -> None:
    widths = [dense_width(size, 100) for size in SIZES]
    assert widths == sorted(widths, reverse=True)
    with pytest.raises(ValueError, match="no width"):
        dense_width(1_000, 100)
