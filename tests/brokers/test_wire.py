"""Every word travels and arrives as it was; bytes that are no words are refused with a sentence."""

from __future__ import annotations

import re
import struct
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.errors import ProtocolError
from brokers.greetings import Accept, BrokerHello, ClientHello, Goodbye
from brokers.messages import (
    FROM_CLIENT,
    PEER,
    TO_CLIENT,
    Ack,
    Answer,
    Consumed,
    Deliver,
    Event,
    Events,
    Failed,
    Frame,
    Key,
    Lost,
    Ping,
    Publish,
    Record,
    Subscribe,
    Summary,
)  # fmt: skip
from brokers.wire import Decoder, Speaker, Word, encode
from brokers.wire_layouts import FRAME_MOST, LAYOUTS
from words import ALL, EXAMPLES, SAID, WORDS, said_by, saying

KINDS = [pytest.param(*one, id=f"{one[0].value}-{one[1].__name__}") for one in ALL]
ONES = [
    pytest.param(speaker, word, id=f"{speaker.value}-{index}")
    for index, (speaker, word) in enumerate(EXAMPLES)
]


def decode(data: bytes, speaker: Speaker) -> list[Word]:
    """All that is in these bytes, which end with a frame."""
    decoder = Decoder(speaker)
    found = list(decoder.feed(data))
    assert decoder.held == 0
    return found


def reframe(frame: bytes) -> bytes:
    """The same with the length that it has."""
    return struct.pack(">I", len(frame) - 4) + frame[4:]


def judge(frame: bytes, speaker: Speaker) -> Any:
    """The word that the frame is, or the error that it earns."""
    try:
        (word,) = decode(frame, speaker)
    except ProtocolError as error:
        return error
    assert type(word) in (*SAID[speaker], Frame)
    return word


# ---- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize(("speaker", "word"), KINDS)
@given(data=st.data())
def test_every_word_arrives(speaker: Speaker, word: type[Any], data: st.DataObject) -> None:
    said = data.draw(saying(speaker, word))
    (heard,) = decode(encode(said), speaker)
    assert heard == said
    assert type(heard) is type(said)
    if isinstance(heard, Frame):
        assert type(heard.message) is word


@given(speaker=st.sampled_from(Speaker), data=st.data())
def test_however_bytes_are_cut(speaker: Speaker, data: st.DataObject) -> None:
    said = data.draw(st.lists(said_by(speaker), max_size=5))
    rest = b"".join(map(encode, said))
    decoder, heard = Decoder(speaker), []
    while rest:
        cut = data.draw(st.integers(1, 40) | st.just(len(rest)))
        heard += decoder.feed(rest[:cut])
        rest = rest[cut:]
    assert heard == said
    assert decoder.held == 0


def test_every_class_has_its_test() -> None:
    assert set(WORDS) | {Frame} == {*LAYOUTS, Frame}
    assert {word for words in (PEER, FROM_CLIENT, TO_CLIENT) for word in words} < set(WORDS)
    shown = {type(w.message) if isinstance(w, Frame) else type(w) for _, w in EXAMPLES}
    assert shown == set(WORDS)


def test_layouts_name_the_fields_of_their_words() -> None:
    codes = [layout.code for layout in LAYOUTS.values()]
    assert len(set(codes)) == len(codes)
    for word, layout in LAYOUTS.items():
        assert tuple(layout.row.fields) == word._fields


# ---- what is not a word -------------------------------------------------------------------------


@pytest.mark.parametrize(("speaker", "word"), ONES)
def test_cut_off_at_every_byte(speaker: Speaker, word: Word) -> None:
    frame = encode(word)
    for cut in range(len(frame)):
        decoder = Decoder(speaker)
        assert list(decoder.feed(frame[:cut])) == []  # it may still come
        assert decoder.held == cut
        if cut >= 4:
            assert isinstance(judge(reframe(frame[:cut]), speaker), ProtocolError)


@pytest.mark.parametrize(("speaker", "word"), ONES)
def test_bytes_behind_the_last_field(speaker: Speaker, word: Word) -> None:
    error = judge(reframe(encode(word) + b"\0"), speaker)
    assert isinstance(error, ProtocolError)
    assert "1 bytes behind the last field" in str(error)


@pytest.mark.parametrize(("speaker", "word"), ONES)
def test_every_bit_flipped(speaker: Speaker, word: Word) -> None:
    frame = encode(word)
    for bit in range(32, 8 * len(frame)):
        wrong = bytearray(frame)
        wrong[bit // 8] ^= 1 << bit % 8
        found = judge(bytes(wrong), speaker)
        if not isinstance(found, ProtocolError):
            assert encode(found) == wrong, "one word, two spellings"


@given(speaker=st.sampled_from(Speaker), data=st.binary(max_size=100))
def test_any_bytes(speaker: Speaker, data: bytes) -> None:
    judge(reframe(b"....." + data), speaker)


@given(speaker=st.sampled_from(Speaker), data=st.data())
def test_many_bytes_overwritten(speaker: Speaker, data: st.DataObject) -> None:
    frame = bytearray(encode(data.draw(said_by(speaker))))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.integers(0, 255))
    judge(bytes(frame), speaker)


@pytest.mark.parametrize(("speaker", "word"), ONES)
def test_nobody_says_what_is_not_theirs(speaker: Speaker, word: Word) -> None:
    kind = type(word.message) if isinstance(word, Frame) else type(word)
    for other in Speaker:
        if kind not in SAID[other]:
            error = judge(encode(word), other)
            assert isinstance(error, ProtocolError)
            why = "before the handshake" if other is Speaker.STRANGER else other.value
            assert kind.__name__ in str(error)
            assert why in str(error)


@pytest.mark.parametrize("speaker", Speaker)
def test_frames_that_are_too_long_are_refused_at_their_length(speaker: Speaker) -> None:
    decoder = Decoder(speaker)
    most = FRAME_MOST[speaker]
    assert list(decoder.feed(struct.pack(">I", most))) == []
    for length in (most + 1, 2**32 - 1, 0):
        decoder = Decoder(speaker)
        assert list(decoder.feed(struct.pack(">I", length)[:3])) == []
        with pytest.raises(ProtocolError, match=rf"a frame of {length} bytes .*: 1 to {most}"):
            list(decoder.feed(struct.pack(">I", length)[3:]))
        assert decoder.held == 0


def test_strangers_get_less_room_whatever_the_limit() -> None:
    assert FRAME_MOST[Speaker.STRANGER] == 64 << 10
    with pytest.raises(ProtocolError, match="1 to 65536"):
        list(Decoder(Speaker.STRANGER, limit=1 << 30).feed(struct.pack(">I", 65_537)))
    with pytest.raises(ProtocolError, match="1 to 10"):
        list(Decoder(Speaker.CLIENT, limit=10).feed(encode(Publish(1, (b"x" * 100,)))))


def test_somebody_else_entirely() -> None:
    with pytest.raises(ProtocolError, match=re.escape("(b'GET ')")):
        list(Decoder().feed(b"GET / HTTP/1.1\r\n"))


@pytest.mark.parametrize(
    ("speaker", "word"),
    [
        (Speaker.PEER, Frame(1, 1, Events(()))),
        (Speaker.PEER, Frame(1, 1, Summary(()))),
        (Speaker.CLIENT, Publish(1, ())),
        (Speaker.BROKER, Deliver(())),
    ],
)
def test_counts_are_checked_before_anything_is_made(speaker: Speaker, word: Word) -> None:
    frame = encode(word)[:-4] + struct.pack(">I", 0xFFFFFFFF) + b"\0" * 1_000
    tracemalloc.start()
    try:
        error = judge(reframe(frame), speaker)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, ProtocolError)
    assert "4294967295 of " in str(error)
    assert peak < 100_000


def test_a_byte_costs_the_same_however_many_wait() -> None:
    frame = encode(Publish(1, (b"x" * (8 << 20),)))
    decoder, last = Decoder(Speaker.CLIENT), len(frame) - 20_000
    assert list(decoder.feed(frame[:last])) == []
    begin = time.process_time()
    heard = [word for at in range(last, len(frame)) for word in decoder.feed(frame[at : at + 1])]
    assert len(heard) == 1
    assert time.process_time() - begin < 2  # 10 ms; minutes if each byte copied all


# ---- versions and greetings ---------------------------------------------------------------------


@pytest.mark.parametrize("hello", [BrokerHello("b", 1, 2), ClientHello("c")])
def test_other_versions(hello: Word) -> None:
    frame = encode(hello)
    assert frame[5:11] == b"MEBR\0\1"
    for wrong, why in (
        (b"MQTT\0\1", r"byte 5: b'MEBR' was expected, not b'MQTT'"),
        (b"MEBR\0\2", r"byte 9: this broker speaks version 1, not 2"),
    ):
        with pytest.raises(ProtocolError, match=why):
            decode(frame[:5] + wrong + frame[11:], Speaker.STRANGER)


def test_who_speaks_may_change_between_two_words() -> None:
    decoder = Decoder()
    words = decoder.feed(encode(ClientHello("c")) + encode(Consumed(1)) + encode(Accept())[:3])
    assert next(words) == ClientHello("c")
    decoder.expect(Speaker.CLIENT)
    assert list(words) == [Consumed(1)]
    assert decoder.held == 3


@given(st.text(min_size=1_000, max_size=5_000) | st.sampled_from(["ü" * 40_000, "\ud800"]))
def test_what_is_for_people_is_cut_but_always_said(text: str) -> None:
    known = text.encode(errors="replace").decode()
    for most, speaker, word in (
        (4_096, Speaker.STRANGER, Goodbye(text)),
        (65_536, Speaker.BROKER, Failed(1, "x", text)),
    ):
        (heard,) = decode(encode(word), speaker)
        assert isinstance(heard, Goodbye | Failed)
        assert known.startswith(heard[-1])
        assert len(heard[-1].encode()) > min(len(known.encode()), most) - 4


# ---- names and bounds ---------------------------------------------------------------------------


BAD_NAMES = ["", "x" * 256, "ü" * 128, "a\nb", "\0", "\x7f", "\x85", "\ud800"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=r"Lost\.reason: "):
        encode(Lost(name, 1))
    raw = name.encode(errors="surrogatepass")
    if len(raw) < 256:
        frame = encode(Lost("x", 1))
        frame = reframe(frame[:5] + bytes([len(raw)]) + raw + frame[7:])
        with pytest.raises(ProtocolError, match="Lost, byte 5: a name "):
            decode(frame, Speaker.BROKER)


def test_addresses_are_no_names_of_brokers() -> None:
    with pytest.raises(ValueError, match=re.escape("only addresses begin with '#'")):
        encode(BrokerHello("#1", 1))
    with pytest.raises(ValueError, match=re.escape("ClientHello.name: only addresses begin")):
        encode(ClientHello("#1"))
    frame = encode(BrokerHello("x1", 1)).replace(b"x1", b"#1")
    with pytest.raises(ProtocolError, match=re.escape("only addresses begin with '#'")):
        decode(frame, Speaker.STRANGER)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (Consumed(-1), "Consumed.total: -1 is no u64"),
        (Consumed(2**64), "Consumed.total: 18446744073709551616 is no u64"),
        (Frame(2**64, 1, Ping()), "a frame has no session 18446744073709551616 or number 1"),
        (Subscribe(1, 2, "x" * 1_048_577), "Subscribe.filter: a filter has 0 to 1048576 bytes"),
        (Subscribe(1, 2, "\ud800"), "Subscribe.filter: 'utf-8' codec can't encode"),
        (Publish(1, (b"x" * 16_777_217,)), "Publish.bodies: a body has 0 to 16777216 bytes, not"),
        (Publish(1, (b"x" * 12_000_000,) * 3), "Publish of 36000024 bytes: more than a frame may"),
        (Answer(1, "x" * 16_777_217), "Answer.text: a json has 0 to 16777216 bytes, not 16777217"),
        (ClientHello("c", policy="none"), "ClientHello.policy: "),
        (Frame(1, 1, Events((Event("", 1, 2, "p", b""),))), "Events.batch: a name has 1 to 255"),
        (Frame(1, 1, Ack((Key("b", 1, -1),))), "Ack.keys: number: -1 is no u64"),
    ],
)
def test_what_there_is_no_room_for(word: Word, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        encode(word)


def test_what_there_is_just_room_for() -> None:
    for bodies in ((b"x" * (16 << 20),), (b"x" * (16 << 20), b"y" * (15 << 20), b"")):
        assert decode(encode(Publish(1, bodies)), Speaker.CLIENT) == [Publish(1, bodies)]
    record = Frame(1, 2, Record("b", 1, 2, (), 3, ("x" * (1 << 20),) * 31))
    assert decode(encode(record), Speaker.PEER) == [record]
