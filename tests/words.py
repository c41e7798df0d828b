"""Hypothesis strategies for everything that brokers and clients may say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from brokers import messages as m
from brokers.greetings import Accept, BrokerHello, ClientHello, Goodbye
from brokers.wire import Speaker

numbers = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 255, 2**32, 2**64 - 1]))
small = st.integers(0, 2**32 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
visible = st.characters(exclude_categories=["Cs", "Cc"])
names = st.one_of(
    st.text(visible, min_size=1, max_size=12),
    st.sampled_from(["a", "#1", "x" * 255, "ü" * 127, "日" * 85, "\U0001f600" * 63]),
)
brokers = names.filter(lambda name: not name.startswith("#"))
bodies = st.one_of(st.binary(max_size=30), st.just(b'{"a": 1}'), st.just(b"x" * 300))


def many(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, max_size=4).map(tuple)


keys = st.builds(m.Key, brokers, numbers, numbers)
events = st.builds(m.Event, brokers, numbers, numbers, names, bodies)
deliveries = st.builds(m.Delivery, many(numbers), events)

WORDS: dict[type[Any], st.SearchStrategy[Any]] = {
    BrokerHello: st.builds(BrokerHello, brokers, numbers, numbers, texts, names),
    ClientHello: st.builds(
        ClientHello, st.none() | brokers, texts, st.sampled_from(m.Policy.ALL), small
    ),
    Accept: st.just(Accept()),
    Goodbye: st.builds(Goodbye, texts),
    m.Ping: st.just(m.Ping()),
    m.Summary: st.builds(m.Summary, many(st.tuples(brokers, numbers, numbers))),
    m.Synced: st.just(m.Synced()),
    m.Record: st.builds(m.Record, brokers, numbers, numbers, many(brokers), numbers, many(texts)),
    m.Settled: st.builds(m.Settled, brokers, numbers, numbers),
    m.Digest: st.builds(m.Digest, numbers, numbers),
    m.Resync: st.just(m.Resync()),
    m.Table: st.builds(m.Table, many(st.tuples(keys, texts)), st.booleans(), st.booleans()),
    m.Change: st.builds(m.Change, many(st.tuples(keys, texts)), many(keys)),
    m.Ack: st.builds(m.Ack, many(keys)),
    m.Events: st.builds(m.Events, many(events)),
    m.Addressed: st.builds(m.Addressed, many(brokers), st.booleans(), small, events),
    m.Credit: st.builds(m.Credit, brokers, numbers, brokers, numbers),
    m.Probe: st.builds(m.Probe, brokers, numbers, brokers, numbers),
    m.Subscribe: st.builds(m.Subscribe, numbers, numbers, texts),
    m.Unsubscribe: st.builds(m.Unsubscribe, numbers, numbers),
    m.Advertise: st.builds(m.Advertise, numbers, numbers, texts),
    m.Unadvertise: st.builds(m.Unadvertise, numbers, numbers),
    m.Publish: st.builds(m.Publish, numbers, many(bodies)),
    m.Consumed: st.builds(m.Consumed, numbers),
    m.Ask: st.builds(m.Ask, numbers, names, texts),
    m.Welcome: st.builds(m.Welcome, brokers, names, many(st.tuples(numbers, texts))),
    m.Done: st.builds(m.Done, numbers),
    m.Failed: st.builds(m.Failed, numbers, names, texts),
    m.Taken: st.builds(m.Taken, numbers),
    m.Refused: st.builds(m.Refused, numbers, names, texts),
    m.Deliver: st.builds(m.Deliver, many(deliveries)),
    m.Lost: st.builds(m.Lost, names, numbers),
    m.Answer: st.builds(m.Answer, numbers, texts),
}


SAID: dict[Speaker, tuple[type[Any], ...]] = {
    Speaker.STRANGER: (BrokerHello, ClientHello, Accept, Goodbye),
    Speaker.PEER: (*m.PEER, Goodbye),
    Speaker.CLIENT: (*m.FROM_CLIENT, Goodbye),
    Speaker.BROKER: (*m.TO_CLIENT, Goodbye),
}

#: Everybody with everything that they may say.
ALL = [(speaker, word) for speaker, words in SAID.items() for word in words]


def saying(speaker: Speaker, word: type[Any]) -> st.SearchStrategy[Any]:
    """Such words as this speaker says them."""
    if speaker is Speaker.PEER and word is not Goodbye:
        return st.builds(m.Frame, numbers, numbers, WORDS[word])
    return WORDS[word]


def said_by(speaker: Speaker) -> st.SearchStrategy[Any]:
    """Any word that it may say."""
    return st.one_of([saying(speaker, word) for word in SAID[speaker]])


#: One of each, with something in every list, for tests that try all of its bytes.
_KEY, _EVENT = m.Key("b", 3, 4), m.Event("b", 5, 6, "#7", b'{"a": 1}')
EXAMPLES: list[tuple[Speaker, Any]] = [
    (Speaker.STRANGER, BrokerHello("b", 1, 2, "token")),
    (Speaker.STRANGER, ClientHello("c", "token", m.Policy.DROP_NEWEST, 10)),
    (Speaker.STRANGER, ClientHello(None)),
    (Speaker.STRANGER, Accept()),
    (Speaker.STRANGER, Goodbye("enough")),
    *(
        (Speaker.PEER, m.Frame(1, 2, message))
        for message in (
            m.Ping(), m.Summary((("b", 1, 2), ("c", 3, 4))),
            m.Record("b", 1, 2, ("c", "d"), 3, ("a = 1", "b = 'ü'")), m.Settled("b", 1, 2),
            m.Digest(1, 2), m.Resync(), m.Table(((_KEY, "a = 1"), (_KEY, "")), True, False),
            m.Change(((_KEY, "a = 1"), (_KEY, "")), (_KEY, _KEY)), m.Ack((_KEY, _KEY)), m.Synced(),
            m.Events((_EVENT, _EVENT)), m.Addressed(("c", "d"), True, 3, _EVENT),
            m.Credit("b", 1, "c", 2), m.Probe("b", 1, "c", 2),
        )
    ),
    (Speaker.PEER, Goodbye("enough")),
    (Speaker.CLIENT, m.Subscribe(1, 2, "a = 1")),
    (Speaker.CLIENT, m.Unsubscribe(1, 2)),
    (Speaker.CLIENT, m.Advertise(1, 2, "a = 1")),
    (Speaker.CLIENT, m.Unadvertise(1, 2)),
    (Speaker.CLIENT, m.Publish(1, (b"{}", b"", b'{"a": 1}'))),
    (Speaker.CLIENT, m.Consumed(1)),
    (Speaker.CLIENT, m.Ask(1, "status", "{}")),
    (Speaker.CLIENT, m.Ping()),
    (Speaker.CLIENT, Goodbye("")),
    (Speaker.BROKER, m.Welcome("b", "#1", ((1, "a = 1"), (2, "")))),
    (Speaker.BROKER, m.Done(1)),
    (Speaker.BROKER, m.Failed(1, "FilterSyntaxError", "no")),
    (Speaker.BROKER, m.Taken(1)),
    (Speaker.BROKER, m.Refused(1, "NotAdvertised", "no")),
    (Speaker.BROKER, m.Deliver((m.Delivery((1,), _EVENT), m.Delivery((1, 2, 3), _EVENT)))),
    (Speaker.BROKER, m.Deliver((m.Delivery((), _EVENT),))),
    (Speaker.BROKER, m.Lost("full", 1)),
    (Speaker.BROKER, m.Answer(1, "{}")),
    (Speaker.BROKER, m.Ping()),
    (Speaker.BROKER, Goodbye("enough")),
]  # fmt: skip
