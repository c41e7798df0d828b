"""Batches of events to bytes and back in one go: what `wire_fields` describes, but fast.

Most of a broker's frames are of these four types, and most of their bytes are bodies: each is one
slice here and one piece of a join there. Whatever is unusual, let alone wrong, is left to the plain
way, which finds out what it is. So nothing here has to say what is wrong, only that it is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from brokers.messages import Addressed, Deliver, Delivery, Event, Events, Publish
from brokers.wire_fields import BODY, decode_broker, decode_name, encode_broker, encode_name

__all__ = ["READERS", "WRITERS", "read_fast", "write_fast"]

#: No body in so many bytes can be longer than a body may be.
SMALL: Final = BODY.longest

COUNT: Final = struct.Struct(">I")
FIRST: Final = struct.Struct(">QI")
#: What stands between the brokers named and the event.
WAY: Final = struct.Struct(">BI")
#: How an event begins: incarnation, sequence, length of body, and of source and publisher.
EVENT: Final = struct.Struct(">QQIBB")
#: The same without the last two, which are kept with the names.
NUMBERS: Final = struct.Struct(">QQI")
#: And both with what stands before them in most deliveries: a count of 1, and one subscription.
DELIVERY: Final = struct.Struct(">IQQQIBB")
DELIVERY_NUMBERS: Final = struct.Struct(">IQQQI")

new: Final = tuple.__new__  # a named tuple in half the time


@lru_cache(maxsize=4_096)
def encode_address(name: str) -> bytes:
    """The length of a broker's name, and the name."""
    raw = encode_broker(name)
    return bytes([len(raw)]) + raw


@lru_cache(maxsize=4_096)
def encode_names(source: str, publisher: str) -> bytes:
    """Both lengths, both names."""
    a, b = encode_broker(source), encode_name(publisher)
    return bytes([len(a), len(b)]) + a + b


@lru_cache(maxsize=4_096)
def decode_names(raw: bytes) -> tuple[str, str]:
    """Source and publisher of both lengths and both names. Raises ValueError."""
    split = 2 + raw[0]
    return decode_broker(raw[2:split]), decode_name(raw[split:])


def write_publish(word: Publish) -> bytes:
    parts = [FIRST.pack(word.first, len(word.bodies))]
    add, pack = parts.append, COUNT.pack
    for body in word.bodies:
        add(pack(len(body)))
        add(body)
    return b"".join(parts)


def read_publish(data: bytes, at: int, end: int) -> Publish | None:
    first, count = FIRST.unpack_from(data, at)
    at += 12
    if count * 4 > end - at:
        return None
    bodies: list[bytes] = []
    add, unpack = bodies.append, COUNT.unpack_from
    for _ in range(count):
        (size,) = unpack(data, at)
        begin = at + 4
        at = begin + size
        if at > end:
            return None
        add(data[begin:at])
    return Publish(first, tuple(bodies)) if at == end else None


def write_events(word: Events) -> bytes:
    parts = [COUNT.pack(len(word.batch))]
    add, pack = parts.append, NUMBERS.pack
    for source, incarnation, sequence, publisher, body in word.batch:
        add(pack(incarnation, sequence, len(body)))
        add(encode_names(source, publisher))
        add(body)
    return b"".join(parts)


def read_events(data: bytes, at: int, end: int) -> Events | None:
    (count,) = COUNT.unpack_from(data, at)
    at += 4
    if count * 24 > end - at:
        return None
    batch: list[Event] = []
    add, unpack = batch.append, EVENT.unpack_from
    for _ in range(count):
        incarnation, sequence, size, a, b = unpack(data, at)
        begin = at + 22 + a + b
        source, publisher = decode_names(data[at + 20 : begin])
        at = begin + size
        if at > end:
            return None
        add(new(Event, (source, incarnation, sequence, publisher, data[begin:at])))
    return Events(tuple(batch)) if at == end else None


def write_addressed(word: Addressed) -> bytes:
    source, incarnation, sequence, publisher, body = word.event
    parts = [COUNT.pack(len(word.to))]
    parts += map(encode_address, word.to)
    parts += (
        WAY.pack(word.meet, word.hops),
        NUMBERS.pack(incarnation, sequence, len(body)),
        encode_names(source, publisher),
        body,
    )
    return b"".join(parts)


def read_addressed(data: bytes, at: int, end: int) -> Addressed | None:
    (count,) = COUNT.unpack_from(data, at)
    at += 4
    if count * 2 > end - at:
        return None
    to = []
    for _ in range(count):
        begin = at + 1
        at = begin + data[at]
        to.append(decode_broker(data[begin:at]))
    meet, hops = WAY.unpack_from(data, at)
    at += 5
    incarnation, sequence, size, a, b = EVENT.unpack_from(data, at)
    begin = at + 22 + a + b
    if begin + size != end or meet > 1:
        return None
    source, publisher = decode_names(data[at + 20 : begin])
    event = Event(source, incarnation, sequence, publisher, data[begin:end])
    return Addressed(tuple(to), meet == 1, hops, event)


def write_deliver(word: Deliver) -> bytes:
    parts = [COUNT.pack(len(word.batch))]
    add, pack = parts.append, DELIVERY_NUMBERS.pack
    for subscriptions, (source, incarnation, sequence, publisher, body) in word.batch:
        if len(subscriptions) == 1:
            add(pack(1, subscriptions[0], incarnation, sequence, len(body)))
        else:
            count = len(subscriptions)
            add(struct.pack(f">I{count}Q", count, *subscriptions))
            add(NUMBERS.pack(incarnation, sequence, len(body)))
        add(encode_names(source, publisher))
        add(body)
    return b"".join(parts)


def read_deliver(data: bytes, at: int, end: int) -> Deliver | None:
    (count,) = COUNT.unpack_from(data, at)
    at += 4
    if count * 28 > end - at:
        return None
    batch: list[Delivery] = []
    add, unpack = batch.append, DELIVERY.unpack_from
    for _ in range(count):
        wanted, one, incarnation, sequence, size, a, b = unpack(data, at)
        subscriptions: tuple[int, ...] = (one,)
        at += 34
        if wanted != 1:
            at += 8 * (wanted - 1)
            if at > end:
                return None
            subscriptions = struct.unpack_from(f">{wanted}Q", data, at - 22 - 8 * wanted)
            incarnation, sequence, size, a, b = EVENT.unpack_from(data, at - 22)
        begin = at + a + b
        source, publisher = decode_names(data[at - 2 : begin])
        at = begin + size
        if at > end:
            return None
        event = new(Event, (source, incarnation, sequence, publisher, data[begin:at]))
        add(new(Delivery, (subscriptions, event)))
    return Deliver(tuple(batch)) if at == end else None


def read_fast(word: type[Any], data: bytes, at: int, end: int) -> Any:
    """The word whose fields are data[at:end], or None: ask the plain way."""
    reader = READERS.get(word)
    if reader is None or end - at > SMALL:
        return None
    try:
        return reader(data, at, end)
    except (struct.error, ValueError, IndexError):
        return None


def write_fast(word: Any) -> bytes | None:
    """The word's fields, or None: ask the plain way."""
    writer = WRITERS.get(type(word))
    try:
        body = writer(word) if writer else None
    except (struct.error, ValueError):
        return None
    return body if body is None or len(body) <= SMALL else None


READERS: Final[dict[type[Any], Callable[[bytes, int, int], Any]]] = {
    Publish: read_publish,
    Events: read_events,
    Addressed: read_addressed,
    Deliver: read_deliver,
}

WRITERS: Final[dict[type[Any], Callable[[Any], bytes]]] = {
    Publish: write_publish,
    Events: write_events,
    Addressed: write_addressed,
    Deliver: write_deliver,
}
