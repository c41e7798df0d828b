"""Which words travel, under which number, with which fields, and who may say them.

The table is the protocol. A word's row names its fields in the order of its class. The tables of
docs/protocol.md are compared with it by a test.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from brokers import greetings as g
from brokers import messages as m
from brokers import wire_fields as f
from brokers.wire_fields import U32, U64, Choice, Kind, Many, Row

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


KEY: Final = Row("key", {"origin": f.BROKER, "incarnation": U64, "number": U64}, m.Key)
DELIVERY: Final = Row("delivery", {"subscriptions": Many(U64), "event": f.EVENT}, m.Delivery)
POLICY: Final = Choice("policy", m.Policy.ALL)


def plain(label: str, **fields: Kind) -> Row:
    """A row that has no class."""
    return Row(label, fields, lambda *values: values)


VERSION: Final = plain("version", origin=f.BROKER, incarnation=U64, version=U64)
ENTRY: Final = plain("entry", key=KEY, filter=f.FILTER)
SUBSCRIPTION: Final = plain("subscription", number=U64, filter=f.FILTER)


def lay(code: int, word: Any, **fields: Kind) -> tuple[type[Any], Layout]:
    """An entry of the table."""
    return word, Layout(code, Row(word.__name__, fields, word))


LAYOUTS: Final[dict[type[Any], Layout]] = dict([
    # greetings: the codes and the fields before the first name never change
    lay(0x01, g.BrokerHello, name=f.BROKER, incarnation=U64, session=U64, token=f.TOKEN,
        preset=f.NAME),
    lay(0x02, g.ClientHello, name=f.CLIENT, token=f.TOKEN, policy=POLICY, limit=U32),
    lay(0x03, g.Accept),
    lay(0x04, g.Goodbye, reason=f.REASON),
    lay(0x05, m.Ping),
    # broker to broker: behind session and number
    lay(0x21, m.Summary, versions=Many(VERSION)),
    lay(0x22, m.Synced),
    lay(0x23, m.Record, origin=f.BROKER, incarnation=U64, version=U64, neighbours=Many(f.BROKER),
        generation=U64, adverts=Many(f.FILTER)),
    lay(0x24, m.Settled, origin=f.BROKER, incarnation=U64, generation=U64),
    lay(0x25, m.Digest, entries=U64, value=U64),
    lay(0x26, m.Resync),
    lay(0x27, m.Table, entries=Many(ENTRY), first=f.FLAG, last=f.FLAG),
    lay(0x28, m.Change, added=Many(ENTRY), dropped=Many(KEY)),
    lay(0x29, m.Ack, keys=Many(KEY)),
    lay(0x2A, m.Events, batch=Many(f.EVENT)),
    lay(0x2B, m.Addressed, to=Many(f.BROKER), meet=f.FLAG, hops=U32, event=f.EVENT),
    lay(0x2C, m.Credit, source=f.BROKER, incarnation=U64, taker=f.BROKER, sequence=U64),
    lay(0x2D, m.Probe, source=f.BROKER, incarnation=U64, taker=f.BROKER, sequence=U64),
    # client to broker
    lay(0x41, m.Subscribe, request=U64, subscription=U64, filter=f.FILTER),
    lay(0x42, m.Unsubscribe, request=U64, subscription=U64),
    lay(0x43, m.Advertise, request=U64, advert=U64, filter=f.FILTER),
    lay(0x44, m.Unadvertise, request=U64, advert=U64),
    lay(0x45, m.Publish, first=U64, bodies=Many(f.BODY)),
    lay(0x46, m.Consumed, total=U64),
    lay(0x47, m.Ask, request=U64, what=f.NAME, arguments=f.JSON),
    # broker to client
    lay(0x61, m.Welcome, broker=f.BROKER, client=f.NAME,
        subscriptions=Many(SUBSCRIPTION)),
    lay(0x62, m.Done, request=U64),
    lay(0x63, m.Failed, request=U64, error=f.NAME, text=f.TEXT),
    lay(0x64, m.Taken, number=U64),
    lay(0x65, m.Refused, number=U64, error=f.NAME, text=f.TEXT),
    lay(0x66, m.Deliver, batch=Many(DELIVERY)),
    lay(0x67, m.Lost, reason=f.NAME, total=U64),
    lay(0x68, m.Answer, request=U64, text=f.JSON),
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
