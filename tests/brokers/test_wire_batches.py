"""The fast way and the plain way agree: on every batch, and on bytes that are none."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.messages import Addressed, Deliver, Delivery, Event, Events, Frame, Publish
from brokers.wire_batches import READERS, WRITERS, read_fast, write_fast
from brokers.wire_fields import Malformed
from brokers.wire_layouts import LAYOUTS
from words import EXAMPLES, WORDS

BATCHES = [Publish, Events, Addressed, Deliver]
FULL = [
    word
    for word in (w.message if isinstance(w, Frame) else w for _, w in EXAMPLES)
    if type(word) in BATCHES
]
every = pytest.mark.parametrize("word", BATCHES, ids=lambda word: word.__name__)


def plain(word: type[Any], data: bytes, at: int, end: int) -> Any:
    """What the plain way makes of it; None: it is refused."""
    try:
        found, after = LAYOUTS[word].row.read(data, at, end)
    except Malformed:
        return None
    return found if after == end else None


def test_these_are_all() -> None:
    assert list(READERS) == list(WRITERS) == BATCHES


@every
@given(data=st.data())
def test_both_write_and_read_the_same(word: type[Any], data: st.DataObject) -> None:
    said = data.draw(WORDS[word])
    body = LAYOUTS[word].row.write(said)
    assert write_fast(said) == body
    before, after = data.draw(st.binary(max_size=9)), data.draw(st.binary(max_size=40))
    page, at, end = before + body + after, len(before), len(before) + len(body)
    heard = read_fast(word, page, at, end)
    assert plain(word, page, at, end) == said
    if word is Deliver and not all(one.subscriptions for one in said.batch):
        assert heard in (said, None)  # for nobody: this is no batch to be fast about
        return
    assert heard == said
    if word is Deliver:
        assert all(type(one) is Delivery and type(one.event) is Event for one in heard.batch)


@every
@given(data=st.data())
def test_the_fast_way_takes_nothing_that_the_plain_way_refuses(
    word: type[Any], data: st.DataObject
) -> None:
    page = bytearray(LAYOUTS[word].row.write(data.draw(WORDS[word])))
    for _ in range(data.draw(st.integers(0, 3))):
        page[data.draw(st.integers(0, len(page) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(page)) | st.just(len(page)))
    whole = bytes(page) + data.draw(st.binary(max_size=20))
    found = read_fast(word, whole, 0, end)
    assert found is None or found == plain(word, whole, 0, end)


@pytest.mark.parametrize("said", FULL, ids=lambda word: type(word).__name__)
def test_every_end_and_every_byte(said: Any) -> None:
    word = type(said)
    body = LAYOUTS[word].row.write(said)
    for end in range(len(body)):
        assert read_fast(word, body, 0, end) is None is plain(word, body, 0, end)
        assert read_fast(word, body[:end], 0, end) is None
    for at in range(len(body)):
        for value in (0, 1, 2, 127, 128, 255):
            page = body[:at] + bytes([value]) + body[at + 1 :]
            found = read_fast(word, page, 0, len(page))
            assert found is None or found == plain(word, page, 0, len(page))


def test_what_is_unusual_is_left_to_the_plain_way() -> None:
    huge = Publish(1, (b"x" * (16 << 20), b""))
    assert write_fast(huge) is None
    body = struct.pack(">QII", 1, 1, 16 << 20) + b"x" * (16 << 20)
    assert read_fast(Publish, body, 0, len(body)) is None
    assert plain(Publish, body, 0, len(body)) == Publish(1, (b"x" * (16 << 20),))
    assert write_fast(Events((Event("#1", 1, 2, "p", b""),))) is None
    assert write_fast(Events((Event("a", -1, 2, "p", b""),))) is None
    assert write_fast(Deliver((Delivery((-1, 2), Event("a", 1, 2, "p", b"")),))) is None
