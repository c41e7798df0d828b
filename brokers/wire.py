"""Words to bytes and back, whoever carries the bytes.

    u32 length     of what follows, type included: 1 to the limit
    u8  type       see `wire_layouts`; what it means depends on who speaks
    ...            the fields of the word

A hello begins with magic and version; what a broker says to a broker, except a goodbye, with the
u64 session and u64 number of its `Frame`. Nothing stands behind the last field.

A length beyond the limit is refused when it has arrived, before anything behind it is kept; so a
stranger can make us hold no more than `FRAME_MOST[Speaker.STRANGER]` bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from brokers.errors import ProtocolError
from brokers.greetings import MAGIC, VERSION, Accept, BrokerHello, ClientHello, Goodbye
from brokers.messages import Frame, FromClient, ToClient
from brokers.wire_batches import read_fast, write_fast
from brokers.wire_fields import Malformed
from brokers.wire_layouts import CODES, FRAME_MOST, LAYOUTS, Speaker

__all__ = ["Decoder", "Speaker", "Word", "encode"]

Greeting = BrokerHello | ClientHello | Accept | Goodbye
Word = Greeting | Frame | FromClient | ToClient

HEAD: Final = struct.Struct(">IB")
LENGTH: Final = struct.Struct(">I")
LINK: Final = struct.Struct(">IBQQ")
NUMBERS: Final = struct.Struct(">QQ")
HELLO: Final = struct.Struct(">4sH")
HELLOS: Final = (BrokerHello, ClientHello)


def encode(word: Word) -> bytes:
    """The word as one frame.

    Raises ValueError where the protocol has no room for it: a number below 0 or beyond 64 bits, a
    name that is none, a text, a body or a whole frame that is too long.
    """
    if type(word) is Frame:
        session, number, message = word
        code, body = body_of(message)
        try:
            return LINK.pack(17 + len(body), code, session, number) + body
        except struct.error:
            raise ValueError(f"a frame has no session {session} or number {number}") from None
    code, body = body_of(word)
    return HEAD.pack(1 + len(body), code) + body


def body_of(word: Any) -> tuple[int, bytes]:
    """A word's type, and its fields as bytes."""
    layout = LAYOUTS[type(word)]
    try:
        body = write_fast(word) or layout.row.write(word)
    except ValueError as error:
        raise ValueError(f"{layout.row.label}.{error}") from None
    if isinstance(word, HELLOS):
        body = HELLO.pack(MAGIC, VERSION) + body
    if len(body) > FRAME_MOST[Speaker.PEER] - 17:
        raise ValueError(f"{layout.row.label} of {len(body)} bytes: more than a frame may have")
    return layout.code, body


class Decoder:
    """Bytes of one connection to the words in them, however they were cut.

    Holds at most one unfinished frame. After a ProtocolError the connection is to be closed, and
    nothing more to be fed.
    """

    def __init__(self, speaker: Speaker = Speaker.STRANGER, limit: int | None = None) -> None:
        self._held = bytearray()  # the beginning of a frame
        self._wanted = 0  # so many bytes are missing at least
        self.expect(speaker, limit)

    def expect(self, speaker: Speaker, limit: int | None = None) -> None:
        """From the next word on: who speaks, and of how many bytes a frame may be."""
        most = FRAME_MOST[speaker]
        self._speaker = speaker
        self._limit = most if limit is None else min(limit, most)
        self._codes = CODES[speaker]

    @property
    def held(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Word]:
        """The words that are complete now.

        They are decoded while they are taken, so that `expect` rules the ones that follow. Take
        them all before the next call. Raises ProtocolError, at the word that is none.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return iter(())
            data = bytes(self._held)
            self._held = bytearray()
        return self._words(data)

    def _words(self, data: bytes) -> Iterator[Word]:
        at, end = 0, len(data)
        while end - at >= 4:
            (length,) = LENGTH.unpack_from(data, at)
            if not 1 <= length <= self._limit:
                head = data[at : at + 4]
                raise ProtocolError(f"a frame of {length} bytes ({head!r}): 1 to {self._limit}")
            after = at + 4 + length
            if after > end:
                self._wanted = after - at
                break
            yield self._word(data, at + 4, after)
            at = after
        else:
            self._wanted = 4
        self._held = bytearray(data[at:])

    def _word(self, data: bytes, at: int, end: int) -> Word:
        """The word whose type stands at `at`."""
        word = self._codes.get(data[at])
        if word is None:
            raise ProtocolError(unexpected(self._speaker, data[at]))
        layout = LAYOUTS[word]
        begin, at = at - 4, at + 1
        try:
            if self._speaker is Speaker.PEER and word is not Goodbye:
                if end - at < NUMBERS.size:
                    raise Malformed(at, "the frame ends before its session and number")
                session, number = NUMBERS.unpack_from(data, at)
                return Frame(session, number, read(word, data, at + NUMBERS.size, end))
            if word in HELLOS:
                at = check_version(data, at, end)
            return read(word, data, at, end)  # type: ignore[no-any-return]
        except Malformed as error:
            place = f"{layout.row.label}, byte {error.at - begin}"
            raise ProtocolError(f"{place}: {error}") from None


def read(word: type[Any], data: bytes, at: int, end: int) -> Any:
    """The word whose fields are data[at:end]."""
    fast = read_fast(word, data, at, end)
    if fast is not None:
        return fast
    found, after = LAYOUTS[word].row.read(data, at, end)
    if after != end:
        raise Malformed(after, f"{end - after} bytes behind the last field")
    return found


def check_version(data: bytes, at: int, end: int) -> int:
    """Where the fields of a hello begin, if it is one of this version."""
    if end - at < HELLO.size:
        raise Malformed(at, "the frame ends before magic and version")
    magic, version = HELLO.unpack_from(data, at)
    if magic != MAGIC:
        raise Malformed(at, f"{MAGIC!r} was expected, not {magic!r}")
    if version != VERSION:
        raise Malformed(at + 4, f"this broker speaks version {VERSION}, not {version}")
    return at + HELLO.size


def unexpected(speaker: Speaker, code: int) -> str:
    """Why a frame of this type is refused."""
    name = next((w.__name__ for w, layout in LAYOUTS.items() if layout.code == code), None)
    if name is None:
        return f"no frame is of type 0x{code:02x}"
    if speaker is Speaker.STRANGER:
        return f"{name} before the handshake is through"
    return f"{name} is nothing that a {speaker.value} may say"
