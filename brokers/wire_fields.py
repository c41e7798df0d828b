"""Kinds of fields: how a number, a name, a text or a list of them is written into a frame.

All numbers are unsigned and in network byte order. What has no fixed size is preceded by its
length, or its count; each has a bound, and is checked against the rest of the frame before anything
is made of it. A kind reads from `data[at:end]` and says where it stopped.

This is the plain description of the protocol, and what `docs/protocol.md` is compared with. Where
it is too slow, `wire_batches` does the same in one go, and the tests compare the two.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

from brokers.messages import Event

__all__ = [
    "BODY", "BROKER", "CLIENT", "EVENT", "FILTER", "FLAG", "JSON", "NAME", "REASON", "TEXT",
    "TOKEN", "U32", "U64", "Choice", "Kind", "Malformed", "Many", "Row", "decode_name",
    "encode_name",
]  # fmt: skip

#: Why a name is refused, if it is.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f]")


class Malformed(Exception):
    """A field is not what it must be. `wire` adds the name of the frame to the place."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


class Kind(Protocol):
    """How a value is written and read."""

    label: str  #: its name in docs/protocol.md
    least: int  #: no value takes fewer bytes

    def write(self, value: Any) -> bytes:
        """Its bytes. Raises ValueError where the protocol has no room for the value."""

    def read(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """The value that begins at `at`, and where it ends. Raises Malformed."""


class Number:
    """An unsigned integer."""

    def __init__(self, label: str, code: str) -> None:
        self.label = label
        self._struct = struct.Struct(">" + code)
        self.least = self._struct.size

    def write(self, value: int) -> bytes:
        try:
            return self._struct.pack(value)
        except struct.error:
            raise ValueError(f"{value!r} is no {self.label}") from None

    def read(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        if end - at < self.least:
            raise Malformed(at, f"the frame ends in a {self.label}")
        return self._struct.unpack_from(data, at)[0], at + self.least


U8: Final = Number("u8", "B")
U32: Final = Number("u32", "I")
U64: Final = Number("u64", "Q")


class Choice:
    """One of a few values, written as its place among them."""

    least = 1

    def __init__(self, label: str, values: tuple[Any, ...]) -> None:
        self.label, self._values = label, values

    def write(self, value: object) -> bytes:
        """Its place."""
        return bytes([self._values.index(value)])

    def read(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """The value at the place."""
        place, after = U8.read(data, at, end)
        if place >= len(self._values):
            raise Malformed(at, f"a {self.label} is at most {len(self._values) - 1}, not {place}")
        return self._values[place], after


FLAG: Final = Choice("flag", (False, True))


class Bytes:
    """Bytes behind their length."""

    def __init__(self, label: str, size: Number, shortest: int, longest: int) -> None:
        self.label, self._size, self.shortest, self.longest = label, size, shortest, longest
        self.least = size.least + shortest

    def write(self, value: bytes) -> bytes:
        if not self.shortest <= len(value) <= self.longest:
            raise ValueError(self._misfit(len(value)))
        return self._size.write(len(value)) + value

    def read(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        length, begin = self._size.read(data, at, end)
        if not self.shortest <= length <= self.longest:
            raise Malformed(at, self._misfit(length))
        if length > end - begin:
            raise Malformed(at, f"a {self.label} of {length} bytes, and {end - begin} are left")
        return data[begin : begin + length], begin + length

    def _misfit(self, length: int) -> str:
        return f"a {self.label} has {self.shortest} to {self.longest} bytes, not {length}"


class Text:
    """A str as UTF-8 behind its length. The two functions may refuse it with a ValueError."""

    def __init__(
        self,
        raw: Bytes,
        encode: Callable[[Any], bytes] = str.encode,
        decode: Callable[[bytes], Any] = bytes.decode,
    ) -> None:
        self.label, self.least, self._raw = raw.label, raw.least, raw
        self._encode, self._decode = encode, decode

    def write(self, value: str | None) -> bytes:
        return self._raw.write(self._encode(value))

    def read(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        raw, after = self._raw.read(data, at, end)
        try:
            return self._decode(raw), after
        except ValueError as error:
            raise Malformed(at, f"a {self.label} that is none: {error}") from None


# The same few names come again and again: each is checked, and made, once. The bound is on what
# strangers can make us keep: a megabyte.


@lru_cache(maxsize=4_096)
def decode_name(raw: bytes) -> str:
    """The name that these bytes are. Raises ValueError."""
    name = raw.decode()
    encode_name(name)
    return name


@lru_cache(maxsize=4_096)
def encode_name(name: str) -> bytes:
    """The bytes of a name. Raises ValueError."""
    raw = name.encode()
    if not 1 <= len(raw) <= 255:
        raise ValueError(f"a name has 1 to 255 bytes, not {len(raw)}")
    if UNFIT.search(name):
        raise ValueError(f"a name has no control characters, as {name!r} has")
    return raw


@lru_cache(maxsize=4_096)
def encode_broker(name: str) -> bytes:
    """The bytes of a name that is not an address."""
    if name.startswith("#"):
        raise ValueError(f"only addresses begin with '#', as {name!r} does")
    return encode_name(name)


@lru_cache(maxsize=4_096)
def decode_broker(raw: bytes) -> str:
    """The name of a broker, or the one that a client gives itself."""
    name = decode_name(raw)
    encode_broker(name)
    return name


def encode_client(name: str | None) -> bytes:
    """The bytes of a client's own name. None, it has no name, is no bytes."""
    return b"" if name is None else encode_broker(name)


def decode_client(raw: bytes) -> str | None:
    """A client's own name."""
    return decode_broker(raw) if raw else None


def cut(most: int) -> Callable[[str], bytes]:
    """How a text for people is encoded: so much of it as there is room for, and never refused."""

    def encode(text: str) -> bytes:
        raw = text.encode(errors="replace")
        return raw if len(raw) <= most else raw[:most].decode(errors="ignore").encode()

    return encode


NAME: Final = Text(Bytes("name", U8, 1, 255), encode_name, decode_name)
BROKER: Final = Text(Bytes("broker", U8, 1, 255), encode_broker, decode_broker)
CLIENT: Final = Text(Bytes("client", U8, 0, 255), encode_client, decode_client)
REASON: Final = Text(Bytes("reason", U32, 0, 4_096), cut(4_096))
TOKEN: Final = Text(Bytes("token", U32, 0, 4_096))
TEXT: Final = Text(Bytes("text", U32, 0, 65_536), cut(65_536))
FILTER: Final = Text(Bytes("filter", U32, 0, 1 << 20))
JSON: Final = Text(Bytes("json", U32, 0, 16 << 20))
BODY: Final = Bytes("body", U32, 0, 16 << 20)


class Row:
    """Fields one after the other, made into a named tuple or a plain one."""

    def __init__(self, label: str, fields: dict[str, Kind], make: Callable[..., Any]) -> None:
        self.label, self.fields, self._make = label, fields, make
        self.least = sum(kind.least for kind in fields.values())

    def write(self, values: tuple[Any, ...]) -> bytes:
        """All fields, one after the other."""
        parts = []
        for (name, kind), value in zip(self.fields.items(), values, strict=True):
            try:
                parts.append(kind.write(value))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return b"".join(parts)

    def read(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """All fields, made into what the row makes."""
        values = []
        for kind in self.fields.values():
            value, at = kind.read(data, at, end)
            values.append(value)
        return self._make(*values), at


class Many:
    """Any number of values behind their count."""

    least = U32.least

    def __init__(self, kind: Kind) -> None:
        self.label, self._kind = f"{kind.label}...", kind

    def write(self, values: tuple[Any, ...]) -> bytes:
        """The count, and each."""
        return U32.write(len(values)) + b"".join(map(self._kind.write, values))

    def read(self, data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
        """A tuple of them. Takes at most about ten times their bytes."""
        count, after = U32.read(data, at, end)
        if count * self._kind.least > end - after:
            raise Malformed(at, f"{count} of {self.label}, and {end - after} bytes are left")
        values = []
        for _ in range(count):
            value, after = self._kind.read(data, after, end)
            values.append(value)
        return tuple(values), after


class EventKind:
    """An event: its numbers and all lengths first, so that one look finds everything."""

    label, least = "event", 24

    def write(self, event: Event) -> bytes:
        source, publisher = BROKER.write(event.source), NAME.write(event.publisher)
        body = BODY.write(event.body)
        numbers = U64.write(event.incarnation) + U64.write(event.sequence)
        lengths = body[:4] + source[:1] + publisher[:1]
        return numbers + lengths + source[1:] + publisher[1:] + body[4:]

    def read(self, data: bytes, at: int, end: int) -> tuple[Event, int]:
        if end - at < self.least:
            raise Malformed(at, "the frame ends in an event")
        incarnation, _ = U64.read(data, at, end)
        sequence, _ = U64.read(data, at + 8, end)
        body_length, source_length, publisher_length = (
            data[at + 16 : at + 20], data[at + 20 : at + 21], data[at + 21 : at + 22],
        )  # fmt: skip
        begin = at + 22
        source, begin = self._part(BROKER, source_length, data, begin, end)
        publisher, begin = self._part(NAME, publisher_length, data, begin, end)
        body, begin = self._part(BODY, body_length, data, begin, end)
        return Event(source, incarnation, sequence, publisher, body), begin

    def _part(self, kind: Kind, length: bytes, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """What stands at `at`, its length being elsewhere: put back to where kinds look for it."""
        whole = length + data[at : min(end, at + int.from_bytes(length, "big"))]
        try:
            value, _ = kind.read(whole, 0, len(whole))
        except Malformed as error:
            raise Malformed(at, str(error)) from None
        return value, at + len(whole) - len(length)


EVENT: Final = EventKind()
