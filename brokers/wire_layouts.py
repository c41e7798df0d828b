"""Which words travel, under which number, with which fields, and who may say them.

The table is the protocol. A word's row names its fields in the order of its class; `docs/protocol.md`
shows the same table, and a test compares them.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from brokers import greetings as g
from brokers import messages as m
from brokers.wire_fields import (
    BODY, BROKER, CLIENT, EVENT, FILTER, FLAG, JSON, NAME, REASON, TEXT, TOKEN, U32, U64,
    Choice, Kind, Many, Row,
)  # fmt: skip

__all__ = ["CODES", "FRAME_MOST", "LAYOUTS", "SAID", "Layout", "Speaker"]


class Speaker(Enum):
    """Who is at the other end of a connection, and so what may be heard from there."""

    STRANGER = "stranger"  #: until the handshake is through
    PEER = "peer"  #: a broker, to a broker
    CLIENT = "client"  #: a client, to a broker
    BROKER = "broker"  #: a broker, to a client


#: A frame of more bytes is refused, whoever says it.
FRAME_MOST: Final = {
    Speaker.STRANGER: 64 << 10,
    Speaker.PEER: 32 << 20,
    Speaker.CLIENT: 32 << 20,
    Speaker.BROKER: 32 << 20,
}


class Layout(NamedTuple):
    """How one word travels."""

    code: int  #: the type in its frame
    row: Row


KEY: Final = Row("key", {"origin": BROKER, "incarnation": U64, "number": U64}, m.Key)
DELIVERY: Final = Row("delivery", {"subscriptions": Many(U64), "event": EVENT}, m.Delivery)
POLICY: Final = Choice("policy", m.Policy.ALL)


def plain(label: str, **fields: Kind) -> Row:
    """A row that has no class."""
    return Row(label, fields, lambda *values: values)


def lay(code: int, word: Any, **fields: Kind) -> tuple[type[Any], Layout]:
    """An entry of the table."""
    return word, Layout(code, Row(word.__name__, fields, word))


LAYOUTS: Final[dict[type[Any], Layout]] = dict([
    # greetings: the codes and the fields before the first name never change
    lay(0x01, g.BrokerHello, name=BROKER, incarnation=U64, session=U64, token=TOKEN),
    lay(0x02, g.ClientHello, name=CLIENT, token=TOKEN, policy=POLICY, limit=U32),
    lay(0x03, g.Accept),
    lay(0x04, g.Goodbye, reason=REASON),
    lay(0x05, m.Ping),
    # broker to broker: behind session and number
    lay(0x21, m.Summary, versions=Many(plain("version", origin=BROKER, incarnation=U64, version=U64))),
    lay(0x22, m.Record, origin=BROKER, incarnation=U64, version=U64, neighbours=Many(BROKER),
        generation=U64, adverts=Many(FILTER)),
    lay(0x23, m.Settled, origin=BROKER, incarnation=U64, generation=U64),
    lay(0x24, m.Digest, entries=U64, value=U64),
    lay(0x25, m.Resync),
    lay(0x26, m.Table, entries=Many(plain("entry", key=KEY, filter=FILTER)), first=FLAG, last=FLAG),
    lay(0x27, m.Add, key=KEY, filter=FILTER),
    lay(0x28, m.Drop, key=KEY),
    lay(0x29, m.Ack, key=KEY),
    lay(0x2A, m.Events, batch=Many(EVENT)),
    lay(0x2B, m.Addressed, to=Many(BROKER), event=EVENT),
    lay(0x2C, m.Credit, source=BROKER, incarnation=U64, taker=BROKER, sequence=U64),
    lay(0x2D, m.Probe, source=BROKER, incarnation=U64, taker=BROKER, sequence=U64),
    # client to broker
    lay(0x41, m.Subscribe, request=U64, subscription=U64, filter=FILTER),
    lay(0x42, m.Unsubscribe, request=U64, subscription=U64),
    lay(0x43, m.Advertise, request=U64, advert=U64, filter=FILTER),
    lay(0x44, m.Unadvertise, request=U64, advert=U64),
    lay(0x45, m.Publish, first=U64, bodies=Many(BODY)),
    lay(0x46, m.Consumed, total=U64),
    lay(0x47, m.Ask, request=U64, what=NAME, arguments=JSON),
    # broker to client
    lay(0x61, m.Welcome, broker=BROKER, client=NAME,
        subscriptions=Many(plain("subscription", number=U64, filter=FILTER))),
    lay(0x62, m.Done, request=U64),
    lay(0x63, m.Failed, request=U64, error=NAME, text=TEXT),
    lay(0x64, m.Taken, number=U64),
    lay(0x65, m.Refused, number=U64, error=NAME, text=TEXT),
    lay(0x66, m.Deliver, batch=Many(DELIVERY)),
    lay(0x67, m.Lost, reason=NAME, total=U64),
    lay(0x68, m.Answer, request=U64, text=JSON),
])  # fmt: skip

SAID: Final = {
    Speaker.STRANGER: g.GREETINGS,
    Speaker.PEER: (*m.PEER, g.Goodbye),
    Speaker.CLIENT: (*m.FROM_CLIENT, g.Goodbye),
    Speaker.BROKER: (*m.TO_CLIENT, g.Goodbye),
}

#: What each may say, by code.
CODES: Final = {
    speaker: {LAYOUTS[word].code: word for word in words} for speaker, words in SAID.items()
}
