"""What an advert promises, and whom that keeps away: one value at each of its paths."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coverings
from broker_net import LINE, Net
from brokers.events.several import with_several
from brokers.interest.adverts import promises
from brokers.messages import Advertise, Done, Failed, Refused, Unadvertise
from brokers.publisher import EVERYTHING, Publisher
from brokers.reduce import reducer
from brokers.settings import Settings
from matchengine import Matcher, parse, reference
from strategies import KEYS, json_texts


def body(**attributes: object) -> bytes:
    return json.dumps(attributes).encode()


# ---- several values -----------------------------------------------------------------------------

PATHS = sorted({f"{a}.{b}" for a in KEYS for b in KEYS} | set(KEYS) | {"", ".", "a.b.c.a"})


@given(json_texts, st.sets(st.sampled_from(PATHS)))
def test_several_values_are_those_that_the_twin_counts(text: str, paths: set[str]) -> None:
    values = reference.flatten(reference.load_event(text))
    several = {path for path, some in values.items() if len(some) > 1}
    assert set(with_several(text.encode(), paths | values.keys())) == several
    assert set(with_several(text.encode(), paths)) == several & paths


@pytest.mark.parametrize(
    ("text", "path", "several"),
    [
        (b'{"a": [1, 2]}', "a", True),
        (b'{"a": [1, 1]}', "a", True),
        (b'{"a": [1]}', "a", False),
        (b'{"a": [[], [null, []]]}', "a", False),
        (b'{"a": [[1], [null]]}', "a", True),
        (b'{"a": [1, {"b": 2}]}', "a", False),
        (b'{"a": [{"b": 1}, {"b": 2}]}', "a.b", True),
        (b'{"a": {"b": 1}, "a.b": 2}', "a.b", True),
        (b'{"a": {"b": {"c": 1}, "b.c": 2}}', "a.b.c", True),
        (b'{"a\\u002eb": 1, "a": {"b": 2}}', "a.b", True),
        (b'{"a": {"": 1}, "a.": 2}', "a.", True),
        (b'{"a": 1, "a": 2}', "a", False),
        (b'{"a.b": [1, 2]}', "a", False),
        (b'{"a": ' + b"[" * 510 + b"1, 2" + b"]" * 510 + b"}", "a", True),
        (b'{"a": [' + b"9" * 1000 + b", " + b"9" * 1000 + b"]}", "a", True),
    ],
)
def test_several(text: bytes, path: str, several: bool) -> None:
    assert with_several(text, [path, "other", "a.b.c.d"]) == [path] * several
    publisher = Publisher()
    publisher.advertise(1, parse(f'EXISTS("{path}") OR TRUE'), 0)
    assert (publisher.refusal(text) is not None) == several


def test_an_event_built_to_be_slow_is_not() -> None:
    deep = {"k": 1}
    for _ in range(400):
        deep = {"k" * 2_000: deep, **{f"{i}": 1 for i in range(20)}}  # type: ignore[dict-item]
    path = ".".join(["k" * 2_000] * 400 + ["k"])
    assert with_several(json.dumps({"": [deep] * 2}).encode(), [f".{path}", path]) == [f".{path}"]


# ---- a publisher --------------------------------------------------------------------------------


def refusals(adverts: list[str], *bodies: bytes) -> list[str | None]:
    publisher = Publisher()
    for number, advert in enumerate(adverts):
        publisher.advertise(number, parse(advert), 0)
    return [publisher.refusal(body) for body in bodies]


def test_a_refusal_says_what_is_wrong() -> None:
    none, several, mixed = refusals(
        ["symbol = 'A' AND price > 1", "symbol = 'A' AND volume > 1"],
        body(symbol="B", price=5),
        body(symbol=["A", "B"], price=[5, 6], volume=5),
        body(symbol="A", price=[5, 6]),
    )
    assert none == "no advert of its publisher matches this event"
    assert several == (
        "several values at 'price', 'symbol', where the adverts that match this event promise one"
    )
    assert mixed is not None
    assert "'price'" in mixed
    assert "symbol" not in mixed


def test_one_advert_that_holds_is_enough() -> None:
    adverts = ["symbol = 'A'", "price > 1"]
    assert (
        refusals(adverts, body(symbol="A", price=[5, 6]), body(symbol=["A"], price=5)) == [None] * 2
    )
    assert refusals(["tags = 'x' OR symbol = 'A'"], body(symbol="A", tags=["y", "z"])) != [None]


def test_who_advertises_everything_may_publish_anything() -> None:
    publisher = Publisher()
    publisher.advertise(EVERYTHING, parse(""), 0)
    assert publisher.refusal(body(symbol=["A", "B"])) is None


def test_dots_are_remembered_as_long_as_their_advert() -> None:
    publisher, twice = Publisher(), b'{"a": {"b": 1}, "a.b": 2, "c": 1}'
    publisher.advertise(1, parse("a.b = 1"), 0)
    assert publisher.refusal(twice) is not None
    publisher.unadvertise(1)
    publisher.advertise(1, parse("c = 1"), 0)
    assert publisher.refusal(twice) is None
    publisher.unadvertise(1)
    publisher.advertise(1, parse("a.b = 1"), 0)
    publisher.unadvertise(1)
    publisher.advertise(2, parse("c = 1"), 0)
    assert publisher.refusal(twice) is None


@pytest.mark.parametrize("seed", range(3))
def test_who_wants_what_may_be_published_is_never_kept_away(seed: int) -> None:
    """A broker says a reduced set of adverts, and gets the interest that one of these meets."""
    rng = random.Random(seed)
    delivered = kept_away = 0
    for _ in range(150):
        adverts = [some_filter(rng) for _ in range(rng.randint(1, 4))]
        merging = reducer("merging", count())
        for number, advert in enumerate(adverts):
            merging.add(number, parse(advert))
        said = list(merging.outputs().values())
        wanted = [some_filter(rng) for _ in range(8)]
        sent = [any(promises(advert, parse(one)) for advert in said) for one in wanted]
        kept_away += sent.count(False)
        matcher: Matcher[int] = Matcher()
        matcher.add_many(enumerate(wanted))
        for event in [some_event(rng) for _ in range(20)]:
            if refusals(adverts, event) == [None]:
                for number in matcher.match_json(event):
                    delivered += 1
                    assert sent[number], (adverts, wanted[number], event)
    assert delivered > 500
    assert kept_away > 100


def some_filter(rng: random.Random) -> str:
    return rng.choice([coverings.exact_filter, coverings.any_filter])(rng)


def some_event(rng: random.Random) -> bytes:
    values = [value for value in coverings.VALUES if not isinstance(value, float)]
    held = {path: rng.sample(values, rng.choice([0, 1, 1, 2])) for path in coverings.PATHS}
    return body(**held)


# ---- in a net -----------------------------------------------------------------------------------


def advertised(net: Net, at: str, *adverts: str) -> str:
    publisher = net.client(at)
    for number, advert in enumerate(adverts, 1):
        net.say(publisher, Advertise(number, number, advert))
    net.run()
    assert len(net.heard(publisher, Done)) == len(adverts)
    return publisher


@pytest.mark.parametrize("interest_first", [True, False])
def test_an_advert_of_a_value_keeps_interest_in_another_away(interest_first: bool) -> None:
    net = Net(LINE)
    subscribers = {"ACME": net.client("D"), "OTHER": net.client("C")}

    def subscribe() -> None:
        for symbol, client in subscribers.items():
            net.subscribe(client, f"symbol = '{symbol}'")
        net.run()

    def advertise() -> None:
        advertised(net, "A", "symbol = 'ACME'")

    steps: list[Callable[[], None]] = [subscribe, advertise]
    for step in steps if interest_first else reversed(steps):
        step()
    for name in "AB":
        assert net.entries(name) == {"symbol = 'ACME'": "D"}


def test_an_array_where_one_value_is_promised_is_refused() -> None:
    net = Net(LINE)
    other, acme = net.client("D"), net.client("D")
    net.subscribe(other, "symbol = 'OTHER'")
    net.subscribe(acme, "symbol = 'ACME'")
    publisher = advertised(net, "A", "symbol = 'ACME'")
    net.publish(publisher, body(symbol=["ACME", "OTHER"]), body(symbol=["ACME"]))
    net.run()
    (refused,) = net.heard(publisher, Refused)
    assert (refused.number, refused.error) == (1, "NotAdvertised")
    assert "'symbol'" in refused.text
    assert net.got(acme) == [body(symbol=["ACME"])]
    assert net.got(other) == []


def test_arrays_elsewhere_reach_who_wants_them() -> None:
    net = Net(LINE)
    by_tag, by_both = net.client("D"), net.client("D")
    net.subscribe(by_tag, "tags = 'new' AND tags = 'cheap'")
    net.subscribe(by_both, "symbol = 'OTHER' AND tags = 'new'")
    publisher = advertised(net, "A", "symbol = 'ACME'")
    event = body(symbol="ACME", tags=["new", "cheap"])
    net.publish(publisher, event)
    net.run()
    assert not net.heard(publisher, Refused)
    assert net.got(by_tag) == [event]
    assert net.got(by_both) == []
    assert list(net.entries("A")) == ["tags = 'new' AND tags = 'cheap'"]


def test_interest_stays_away_when_an_advert_has_been_taken_back() -> None:
    net = Net(LINE)
    client = net.client("D")
    net.subscribe(client, "symbol = 'OTHER'")
    publisher = advertised(net, "A", "symbol = 'ACME'", "symbol = 'OTHER'")
    assert list(net.entries("A")) == ["symbol = 'OTHER'"]
    net.say(publisher, Advertise(3, 2, "symbol = 'THIRD'"))
    net.run()
    net.settle()
    assert list(net.entries("A")) == []


def test_the_adverts_of_a_client_are_bounded() -> None:
    net = Net(["AB"], settings=Settings(subscriptions=2, subscription_text=40))
    client = net.client("A")
    for request, (number, text) in enumerate(
        [(1, "a = 1"), (2, "b = 1"), (3, "c = 1"), (2, f"b = '{'x' * 40}'"), (2, "b = 2")]
    ):
        net.say(client, Advertise(request, number, text))
        net.run()
    assert [failed.request for failed in net.heard(client, Failed)] == [2, 3]
    net.say(client, Unadvertise(5, 1))
    net.say(client, Advertise(6, 3, "c = 1"))
    net.run()
    assert [done.request for done in net.heard(client, Done)] == [0, 1, 4, 5, 6]
