"""Files of strangers: `Matcher.load` refuses one, or gives a matcher that works.

The bytes of an input are no file but what one is made of: limits, and for each subscription its
destination, filter and id. So a fuzzer changes one of them without breaking lengths and checksums,
which are computed here. After that some bytes are overwritten, and of most such files the checksums
are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
import zlib
from pathlib import Path

from matchengine import EventError, FileFormatError, LimitExceeded, Limits, Matcher

HEADER, SECTION = struct.Struct("<8sIIQQ"), struct.Struct("<4sIQ")
TAGS = [b"LIMI", b"DEST", b"FILT", b"IDEN"]
#: In memory where that is possible: `save` waits for the disk.
SHARED = "/dev/shm"
DIRECTORY = tempfile.TemporaryDirectory(dir=SHARED if os.access(SHARED, os.W_OK) else None)

EVENTS = [
    {},
    {"a": 1, "b": [2.5, None, "x"], "s": "abc"},
    {"a": {"b": True}, "s": ["ab", 10**30], "n": float("nan")},
]


class Stream:
    """Bytes as choices; zeros at the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        self._at += count
        return found.ljust(count, b"\0")

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def record(self) -> bytes:
        """Bytes behind their length."""
        begin, length = self._at + 2, self.number(2)
        return self._data[begin : self.skip(length)]

    def skip(self, count: int) -> int:
        self._at = min(self._at + count, len(self._data))
        return self._at

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)


def table(records: list[bytes]) -> bytes:
    return struct.pack(f"<{len(records)}I", *map(len, records)) + b"".join(records)


def seal(head: bytes, sections: list[bytes]) -> bytes:
    """A file with right lengths and checksums."""
    body = b"".join(
        SECTION.pack(tag, zlib.crc32(data), len(data)) + data
        for tag, data in zip(TAGS, sections, strict=True)
    )
    magic, version, count, next_id, _ = HEADER.unpack(head)
    size = HEADER.size + len(body) + 32
    whole = HEADER.pack(magic, version, count, next_id, size) + body
    return whole + hashlib.sha256(whole).digest()


def reseal(file: bytes) -> bytes:
    """The same contents with right checksums, where its lengths still make sense."""
    sections, at = [], HEADER.size
    for _ in TAGS:
        length = SECTION.unpack_from(file, at)[2]
        sections.append(file[at + SECTION.size : at + SECTION.size + length])
        at += SECTION.size + length
    return seal(file[: HEADER.size], sections)


def file_of(data: bytes) -> bytes:
    """The file that an input stands for."""
    s = Stream(data)
    next_id, limits, edits = s.number(8), s.record(), s.number(1) % 4
    places = [(s.number(2), s.take(1)) for _ in range(edits)]
    destinations, filters, ids = b"", [], []
    while not s.ended and len(ids) < 200:
        destinations += s.take(4)
        filters.append(s.record())
        ids.append(s.record())
    head = HEADER.pack(b"\x89MES\r\n\x1a\n", 1, len(ids), next_id, 0)
    file = bytearray(seal(head, [limits, destinations, table(filters), table(ids)]))
    for place, byte in places:
        at = place % len(file)
        file[at : at + 1] = byte
    if edits % 2 == 1:
        with contextlib.suppress(struct.error, OverflowError):  # it has no such sections any more
            return reseal(bytes(file))
    return bytes(file)


def data_of(file: bytes) -> bytes:
    """An input that stands for this file: how seeds are made."""
    _, _, count, next_id, _ = HEADER.unpack_from(file)
    sections, at = [], HEADER.size
    for _ in TAGS:
        length = SECTION.unpack_from(file, at)[2]
        sections.append(file[at + SECTION.size : at + SECTION.size + length])
        at += SECTION.size + length
    limits, destinations, *tables = sections
    split = []
    for one in tables:
        lengths = struct.unpack_from(f"<{count}I", one)
        begins = [4 * count + sum(lengths[:i]) for i in range(count)]
        split.append([one[b : b + n] for b, n in zip(begins, lengths, strict=True)])
    out = next_id.to_bytes(8, "little") + len(limits).to_bytes(2, "little") + limits + b"\0"
    for i, (filter, id) in enumerate(zip(*split, strict=True)):
        out += destinations[4 * i : 4 * i + 4]
        out += len(filter).to_bytes(2, "little") + filter + len(id).to_bytes(2, "little") + id
    return out


def answer(matcher: Matcher[object], event: dict[str, object]) -> list[str] | str:
    """What matches, or why the event is refused: limits are part of a file."""
    try:
        return sorted(map(repr, matcher.match(event)))
    except EventError as error:
        return str(error)


def check(matcher: Matcher[object], directory: Path) -> None:
    """What came out of a file works, and goes through another file unchanged."""
    matcher.validate()
    first, second = directory / "first", directory / "second"
    matcher.save(first)
    again = Matcher.load(first)
    again.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert list(again) == list(matcher)
    for id in matcher:
        assert again[id] == matcher[id]
    for event in EVENTS:
        assert answer(again, event) == answer(matcher, event)
    for id in list(matcher)[::2]:
        matcher.remove(id)
    matcher.validate()


def one_input(data: bytes) -> None:
    """Load what the bytes stand for, with its own limits and with ours."""
    directory = Path(DIRECTORY.name)
    (directory / "file").write_bytes(file_of(data))
    for limits in (None, Limits(filter_depth=8, predicates=6, in_values=4)):
        try:
            matcher = Matcher.load(directory / "file", limits=limits)
        except (FileFormatError, LimitExceeded):
            continue
        check(matcher, directory)
