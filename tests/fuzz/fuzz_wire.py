"""What strangers, clients and brokers send: words, or a ProtocolError, and nothing else.

The first byte of an input says who speaks, the second how the bytes are cut on their way. The rest
is either what is sent, or frames without their lengths and types, which are put in here: so a
fuzzer changes fields without losing the frames behind them.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

from brokers.errors import ProtocolError
from brokers.greetings import GREETINGS, BrokerHello
from brokers.handshake import Handshake
from brokers.messages import Frame
from brokers.wire import Decoder, Speaker, Word, encode
from brokers.wire_batches import READERS, read_fast
from brokers.wire_fields import Malformed
from brokers.wire_layouts import CODES, LAYOUTS

SPEAKERS = list(Speaker)
LIMIT = 1 << 20


def frames_of(speaker: Speaker, data: bytes) -> bytes:
    """The frames that an input without lengths and types stands for."""
    codes, at, out = sorted(CODES[speaker]), 0, []
    while at + 2 < len(data):
        code, size = codes[data[at] % len(codes)], int.from_bytes(data[at + 1 : at + 3])
        fields = data[at + 3 : at + 3 + size]
        out.append(struct.pack(">IB", 1 + len(fields), code) + fields)
        at += 3 + size
    return b"".join(out)


def data_of(speaker: Speaker, words: list[Word]) -> bytes:
    """An input that stands for these words: how seeds are made."""
    codes, out = sorted(CODES[speaker]), [bytes([2 * SPEAKERS.index(speaker) + 1, 0])]
    for frame in map(encode, words):
        fields = frame[5:]
        out.append(bytes([codes.index(frame[4])]) + len(fields).to_bytes(2) + fields)
    return b"".join(out)


def heard(speaker: Speaker, pieces: list[bytes]) -> tuple[list[Word], str | None]:
    """The words that arrive, and the error that ends them."""
    decoder, words = Decoder(speaker, LIMIT), []
    for piece in pieces:
        try:
            words += decoder.feed(piece)  # keeps the words before an error
        except ProtocolError as error:
            return words, str(error)
        assert decoder.held <= LIMIT + 4
    return words, None


def compare(word: type[Any], fields: bytes) -> None:
    """The fast way makes of these fields what the plain way does, or leaves them to it."""
    fast = read_fast(word, fields, 0, len(fields))
    try:
        plain, after = LAYOUTS[word].row.read(fields, 0, len(fields))
    except Malformed:
        plain, after = None, 0
    assert fast is None or (fast == plain and after == len(fields))


def greet(words: list[Word]) -> None:
    """A broker hears these words from a stranger."""
    for dials in (False, True):
        end = Handshake(BrokerHello("m", 1, 2, "token"), dials=dials, admit=lambda hello: None)
        end.start()
        for word in words:
            try:
                answers = end.receive(word)
            except ProtocolError:
                break
            assert all(type(answer) in GREETINGS for answer in answers)


def one_input(data: bytes) -> None:
    """Hear it whole and in pieces."""
    if len(data) < 2:
        return
    speaker, step, rest = SPEAKERS[data[0] // 2 % 4], data[1], data[2:]
    sent = frames_of(speaker, rest) if data[0] % 2 else rest
    cuts = [*range(0, len(sent), step or len(sent) + 1), len(sent)]
    words, error = heard(speaker, [sent])
    assert heard(speaker, [sent[a:b] for a, b in pairwise(cuts)]) == (words, error)
    again = b"".join(map(encode, words))
    assert sent.startswith(again), "one word, two spellings"
    if speaker is Speaker.STRANGER:
        greet(words)
    for word in READERS:
        compare(word, rest)
    assert all(isinstance(word, Frame) or type(word) in LAYOUTS for word in words)
