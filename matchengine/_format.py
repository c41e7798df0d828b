"""The container of a saved matcher: header, sections, checksums. See ``docs/file-format.md``.

    header     magic | version | subscriptions | next automatic id | size of the whole file
    section    tag | CRC-32 | length | that many bytes              ... as many as the version has
    digest     SHA-256 of all bytes before it

Bytes may come from anybody. So sizes are compared with the bytes that are there before anything is
made of them, and every fault is a `FileFormatError` that says where. The CRC-32 of a section tells
what is damaged, the digest finds the rest, headers included. Neither stops a forger: whoever takes
a section apart checks what is in it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matchengine.errors import FileFormatError

__all__ = ["Contents", "Section", "Table", "numbers_of", "pack", "read_file", "unpack"]

Bytes = bytes | memoryview

#: The first byte is no text, the line ends show a transfer that changed them, as in PNG.
MAGIC = b"\x89MES\r\n\x1a\n"
#: Goes up when an older reader could not read a new file, or would read it wrong.
VERSION = 1

HEADER = struct.Struct("<8sIIQQ")
SECTION = struct.Struct("<4sIQ")
DIGEST = hashlib.sha256().digest_size

#: Bytes read at once, so that memory follows what a file has and not what it says.
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Section:
    """The bytes of one section, and where in the file they begin."""

    name: str
    data: memoryview
    offset: int


@dataclass(frozen=True, slots=True)
class Contents:
    """A file whose checksums are right."""

    subscriptions: int
    next_id: int
    sections: Mapping[bytes, Section]


# ---- the whole ----------------------------------------------------------------------------------


def pack(
    subscriptions: int, next_id: int, sections: Mapping[bytes, Sequence[Bytes]]
) -> list[Bytes]:
    """The file, in parts. A section is given in parts, too, by its tag of four bytes."""
    body: list[Bytes] = []
    for tag, parts in sections.items():
        checksum = 0
        for part in parts:
            checksum = zlib.crc32(part, checksum)
        body += [SECTION.pack(tag, checksum, sum(map(len, parts))), *parts]
    size = HEADER.size + sum(map(len, body)) + DIGEST
    file = [HEADER.pack(MAGIC, VERSION, subscriptions, next_id, size), *body]
    digest = hashlib.sha256()
    for part in file:
        digest.update(part)
    return [*file, digest.digest()]


def unpack(file: bytes | bytearray, tags: Sequence[bytes]) -> Contents:
    """Take a file apart that has sections with these tags. Raises `FileFormatError`."""
    subscriptions, next_id, size = _header(file)
    if len(file) < size:
        raise _truncated(len(file), size)
    if len(file) > size:
        raise FileFormatError(f"more bytes than the {size} that its header speaks of", offset=size)
    data = memoryview(file).toreadonly()
    at, end = HEADER.size, size - DIGEST
    sections = {}
    for tag in tags:
        section = _section(data[:end], tag, at)
        sections[tag] = section
        at = section.offset + len(section.data)
    if at < end:
        raise FileFormatError("bytes after the last section", offset=at)
    if hashlib.sha256(data[:end]).digest() != data[end:]:
        raise FileFormatError("the checksum of the whole file differs: it was altered", offset=end)
    return Contents(subscriptions, next_id, sections)


def _header(file: bytes | bytearray) -> tuple[int, int, int]:
    """Number of subscriptions, next automatic id, and size, once the version is known."""
    begin = bytes(file[: HEADER.size])
    if not begin.startswith(MAGIC[: len(begin)]):
        raise FileFormatError(f"not a matchengine file: it does not begin with {MAGIC!r}", offset=0)
    if len(begin) < 12:
        raise _truncated(len(begin), HEADER.size)
    version = int.from_bytes(begin[8:12], "little")
    if version > VERSION:
        raise FileFormatError(
            f"made by a newer version of matchengine: it has format {version}, "
            f"and this version reads up to {VERSION}",
            offset=8,
        )
    if version == 0:
        raise FileFormatError("it has format 0, and there is none below 1", offset=8)
    if len(begin) < HEADER.size:
        raise _truncated(len(begin), HEADER.size)
    _, _, subscriptions, next_id, size = HEADER.unpack(begin)
    return subscriptions, next_id, size


def _section(data: memoryview, tag: bytes, at: int) -> Section:
    """The section at `at`, which should have this tag; `data` ends where sections must end."""
    name = tag.decode()
    if len(data) - at < SECTION.size:
        raise FileFormatError(f"no room for section {name}", offset=at)
    found, checksum, length = SECTION.unpack_from(data, at)
    if found != tag:
        raise FileFormatError(f"expected section {name}, found {found!r}", offset=at)
    offset = at + SECTION.size
    if length > len(data) - offset:
        raise FileFormatError(
            f"section {name} says that it has {length} bytes, {len(data) - offset} are left",
            offset=at,
        )
    section = Section(name, data[offset : offset + length], offset)
    if zlib.crc32(section.data) != checksum:
        raise FileFormatError(
            f"the checksum of section {name} differs: it was altered", offset=offset
        )
    return section


def _truncated(length: int, size: int) -> FileFormatError:
    return FileFormatError(f"truncated: it ends here, and should have {size} bytes", offset=length)


def read_file(path: Path) -> bytearray:
    """The bytes of a file, at most one more than its header speaks of. The header is checked."""
    with path.open("rb") as stream:
        file = bytearray(stream.read(HEADER.size))
        size = _header(file)[-1]
        while chunk := stream.read(min(CHUNK, max(0, size + 1 - len(file)))):
            file += chunk
    return file


# ---- parts of sections --------------------------------------------------------------------------


def numbers_of(section: Section, count: int) -> NDArray[np.uint32]:
    """The numbers, `count` of 32 bits each, that the section consists of."""
    if len(section.data) != 4 * count:
        raise FileFormatError(
            f"section {section.name} has {len(section.data)} bytes for {count} subscriptions",
            offset=section.offset,
        )
    return np.frombuffer(section.data, "<u4")


class Table:
    """Byte strings: all their lengths, 32 bits each, and then one after the other."""

    def __init__(self, lengths: NDArray[np.uint32], data: Bytes, offset: int = 0) -> None:
        """`offset` is where in the file `data` begins."""
        self.lengths = lengths
        self.data = data
        self.offset = offset

    @classmethod
    def of(cls, records: Sequence[bytes]) -> Table:
        """The table of these byte strings."""
        return cls(np.fromiter(map(len, records), np.uint32, len(records)), b"".join(records))

    @classmethod
    def read(cls, section: Section, count: int) -> Table:
        """The table of `count` byte strings that the section consists of."""
        begin = 4 * count
        if len(section.data) < begin:
            raise FileFormatError(
                f"section {section.name} has no room for {count} lengths", offset=section.offset
            )
        lengths = np.frombuffer(section.data[:begin], "<u4")
        total = int(lengths.sum(dtype=np.uint64))
        if total != len(section.data) - begin:
            raise FileFormatError(
                f"the lengths in section {section.name} add up to {total}, "
                f"and {len(section.data) - begin} bytes follow",
                offset=section.offset,
            )
        return cls(lengths, section.data[begin:], section.offset + begin)

    def parts(self) -> list[Bytes]:
        """What a section consists of."""
        return [self.lengths.astype("<u4").tobytes(), self.data]

    @cached_property
    def records(self) -> list[bytes]:
        """The byte strings."""
        data = bytes(self.data)
        ends = self.lengths.cumsum(dtype=np.int64).tolist()
        return [data[begin:end] for begin, end in pairwise([0, *ends])]

    def where(self, index: int) -> int:
        """The byte of the file at which a byte string begins."""
        return self.offset + int(self.lengths[:index].sum(dtype=np.int64))
