"""Files from strangers: truncated, altered, newer, and forged with checksums that are right.

`resealed` forges: it is written from docs/file-format.md and shares no code with the package.
"""

from __future__ import annotations

import hashlib
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from matchengine import FileFormatError, LimitExceeded, Limits, Matcher

#: The whole file of `small`, and so format 1. What it says can never be read otherwise: when this
#: has to change, the version of the format goes up, and there is a test that reads this file still.
GOLDEN = bytes.fromhex("""
    894d45530d0a1a0a010000000300000000000000000000008a010000000000004c494d49c8d394bf7b00000000000000
    000010000c66696c7465725f6279746573e80300000c66696c7465725f6465707468a08601000a707265646963617465
    7340420f0009696e5f76616c756573000000010b6576656e745f6279746573000200000b6576656e745f646570746800
    0001000c6576656e745f76616c756573e80300000664696769747344455354760f90950c0000000000000007000000ff
    ffffff0000000046494c543261af8d5300000000000000180000002e0000000100000003016103020903622e63050000
    00000000e03f03041412020e0173060478215f250601210a016103020106017904153130303030303030303030303030
    303030303030301302014944454e4fb15aad300000000000000008000000020000001a000000736772c3b6c39f6569fe
    74030000006200ff0e0000007402000000737403000000692c0171125f5125af2ec489557f4e75ca797a75277102ecb2
    e770cb37ced65afbf18a
""")


def small() -> Matcher[Any]:
    """One of each: kinds of ids, with destination and without, operators of every shape."""
    m: Matcher[Any] = Matcher()
    m.add("a = 1 AND NOT b.c BETWEEN 0.5 AND 2", id="größe", to=7)
    m.add("s LIKE 'x!_%' ESCAPE '!' OR a IN (TRUE, 'y', 100000000000000000000)", id=-2)
    m.add("", id=(b"\0\xff", ("t", 300)), to=0)
    return m


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "small.me"


@pytest.fixture
def file(path: Path) -> bytes:
    small().save(path)
    return path.read_bytes()


def refused(path: Path, data: bytes) -> FileFormatError:
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        Matcher.load(path)
    assert caught.value.path == str(path)
    assert str(caught.value).startswith(f"{str(path)!r}: ")
    return caught.value


# ---- taking a file apart, and putting it together again ------------------------------------------


def sections_of(file: bytes) -> dict[bytes, bytes]:
    sections = {}
    at = 32
    while at < len(file) - 32:
        tag, _, length = struct.unpack_from("<4sIQ", file, at)
        sections[tag] = file[at + 16 : at + 16 + length]
        at += 16 + length
    return sections


def sealed(count: int, next_id: int, sections: dict[bytes, bytes]) -> bytes:
    """A file of these sections with right lengths and checksums."""
    body = b"".join(
        struct.pack("<4sIQ", tag, zlib.crc32(data), len(data)) + data
        for tag, data in sections.items()
    )
    size = 32 + len(body) + 32
    head = struct.pack("<8sIIQQ", b"\x89MES\r\n\x1a\n", 1, count, next_id, size)
    return head + body + hashlib.sha256(head + body).digest()


def table(*records: bytes) -> bytes:
    return struct.pack(f"<{len(records)}I", *map(len, records)) + b"".join(records)


def resealed(file: bytes, **changed: bytes) -> bytes:
    """`file` with other contents of some sections."""
    _, _, count, next_id, _ = struct.unpack_from("<8sIIQQ", file)
    sections = sections_of(file)
    sections |= {tag.encode(): data for tag, data in changed.items()}
    return sealed(count, next_id, sections)


# ---- damage --------------------------------------------------------------------------------------


def test_the_format_is_what_it_was(file: bytes, path: Path) -> None:
    path.write_bytes(GOLDEN)
    assert list(Matcher.load(path).items()) == list(small().items())
    # A limit may be added without a new format.
    assert resealed(file, LIMI=sections_of(GOLDEN)[b"LIMI"]) == GOLDEN
    assert resealed(file) == file, "this page and the package agree"


def test_every_truncation_is_refused(file: bytes, path: Path) -> None:
    for length in range(len(file)):
        error = refused(path, file[:length])
        assert "truncated: it ends here" in str(error)
        assert error.offset == length


def test_every_altered_byte_is_refused(file: bytes, path: Path) -> None:
    for at in range(len(file)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            altered = bytearray(file)
            altered[at] ^= mask
            refused(path, bytes(altered))


@pytest.mark.parametrize("seed", range(5))
def test_damage_of_other_kinds(seed: int, file: bytes, path: Path) -> None:
    """Blocks that are lost, doubled, zeroed or swapped."""
    rolled = random.Random(seed)
    for _ in range(200):
        a, b = sorted(rolled.sample(range(len(file) + 1), 2))
        c, d = sorted(rolled.sample(range(len(file) + 1), 2))
        for damaged in (
            file[:a] + file[b:],
            file[:b] + file[a:],
            file[:a] + bytes(b - a) + file[b:],
            file[:a] + file[c:d] + file[b:],
        ):
            if damaged != file:
                refused(path, damaged)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: b"", "truncated: it ends here, and should have 32 bytes (at byte 0)"),
        (lambda file: b'{"id": 1, "filter": "a = 1"}', "not a matchengine file"),
        (lambda file: file.replace(b"\r\n", b"\n"), "not a matchengine file"),
        (lambda file: b"\0" * 100, "not a matchengine file"),
        (lambda file: file[:-1], "truncated"),
        (lambda file: file + b"\0", "more bytes than"),
        (lambda file: file + file, "more bytes than"),
        (lambda file: file.replace(b"FILT", b"FLIT"), "expected section FILT, found b'FLIT'"),
        (lambda file: file.replace(b"gr\xc3", b"gR\xc3"), "checksum of section IDEN differs"),
        (lambda file: file.replace(b"digits", b"Digits"), "checksum of section LIMI differs"),
        (lambda file: file[:-1] + bytes([file[-1] ^ 1]), "checksum of the whole file differs"),
        (lambda file: file[:16] + b"\x09" + file[17:], "checksum of the whole file differs"),
    ],
)
def test_messages(change: Callable[[bytes], bytes], words: str, file: bytes, path: Path) -> None:
    assert words in str(refused(path, change(file)))


@pytest.mark.parametrize("version", [2, 3, 256, 2**32 - 1])
@pytest.mark.parametrize("rest", ["all", "nothing", "something else"])
def test_newer_files_are_named(version: int, rest: str, file: bytes, path: Path) -> None:
    """Whatever comes behind the version: it may have another shape."""
    begin = file[:8] + struct.pack("<I", version)
    data = begin + {"all": file[12:], "nothing": b"", "something else": b"..."}[rest]
    error = refused(path, data)
    assert f"it has format {version}, and this version reads up to 1" in str(error)
    assert "made by a newer version of matchengine" in str(error)


def test_there_is_no_format_0(file: bytes, path: Path) -> None:
    assert "format 0" in str(refused(path, file[:8] + bytes(4) + file[12:]))


# ---- forgery -------------------------------------------------------------------------------------

LEAF = b"\x03\x01a\x03\x02"  # a = 1
LIMIT = struct.pack("<IB", 5, 6) + b"digits"
MANY = 2**32 - 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"LIMI": LIMIT[:4]}, "section LIMI: it ends within a limit"),
        ({"LIMI": LIMIT[:-1]}, "section LIMI: it ends within the limit 'digit'"),
        ({"LIMI": LIMIT * 2}, "the limit 'digits' stands twice"),
        ({"LIMI": LIMIT.replace(b"s", b"z")}, "'digitz' is no limit of this version"),
        (
            {"LIMI": LIMIT.replace(b"s", b"\xff")},
            "section LIMI: 'digitÿ' is no limit of this version",
        ),
        ({"LIMI": bytes(4) + LIMIT[4:]}, "Limits.digits must be 1 to"),
        ({"DEST": b""}, "section DEST has 0 bytes for 3 subscriptions"),
        ({"DEST": bytes(13)}, "section DEST has 13 bytes for 3 subscriptions"),
        ({"FILT": b""}, "section FILT has no room for 3 lengths"),
        ({"FILT": struct.pack("<III", MANY, MANY, 2) + LEAF}, "add up to 8589934592, and 5 bytes"),
        ({"FILT": table(LEAF, LEAF, LEAF) + b"x"}, "add up to 15, and 16 bytes follow"),
        ({"FILT": table(LEAF, b"", LEAF)}, "subscription -2: the bytes are not a filter"),
        ({"FILT": table(LEAF, LEAF, LEAF[:-1])}, "('t', 300)): the bytes are not a filter: trunc"),
        ({"FILT": table(LEAF, LEAF + LEAF, LEAF)}, "more than one root"),
        ({"FILT": table(LEAF, LEAF, b"\x03\xff\xff\xff\xff\x0fa")}, "not a filter"),
        ({"FILT": table(LEAF, LEAF, b"\xff")}, "there is no such operator"),
        ({"IDEN": b""}, "section IDEN has no room for 3 lengths"),
        ({"IDEN": table(b"sa", b"sb", b"sa")}, "the id 'a' stands twice"),
        ({"IDEN": table(b"i\1", b"sb", b"i\1")}, "the id 1 stands twice"),
        (
            {"IDEN": table(b"sa", b"", b"sb")},
            "the id of subscription 1: there is no type of ids b''",
        ),
        ({"IDEN": table(b"sa", b"sb", b"f")}, "the id of subscription 2: there is no type of ids"),
        ({"IDEN": table(b"sa", b"s\xff", b"sc")}, "a str is not UTF-8"),
        ({"IDEN": table(b"sa", b"i", b"sc")}, "an int is not in its shortest form"),
        ({"IDEN": table(b"sa", b"i\1\0", b"sc")}, "an int is not in its shortest form"),
        ({"IDEN": table(b"sa", b"i\xff\xff", b"sc")}, "an int is not in its shortest form"),
        ({"IDEN": table(b"sa", b"i" + b"\1" * 1025, b"sc")}, "above 1024 bytes"),
        ({"IDEN": table(b"t\1", b"sb", b"sc")}, "subscription 0: a member of a tuple ends behind"),
        ({"IDEN": table(b"t\xff\xff\xff\xffs", b"sb", b"sc")}, "a member of a tuple ends behind"),
        ({"IDEN": table(b"t\1\0\0\0", b"sb", b"sc")}, "a member of a tuple ends behind"),
    ],
)
def test_forged_sections(changed: dict[str, bytes], words: str, file: bytes, path: Path) -> None:
    error = refused(path, resealed(file, **changed))
    assert words in str(error)
    assert error.offset is not None


def test_where_a_forged_filter_is(file: bytes, path: Path) -> None:
    data = resealed(file, FILT=table(LEAF, LEAF, b"\xfe"))
    assert refused(path, data).offset == data.index(LEAF + LEAF) + 2 * len(LEAF)


def test_tuples_are_not_deeper_than_what_is_written(file: bytes, path: Path) -> None:
    def nest(depth: int) -> bytes:
        record = b"t"
        for _ in range(depth - 1):
            record = b"t" + struct.pack("<I", len(record)) + record
        return record

    assert "deeper than 16" in str(
        refused(path, resealed(file, IDEN=table(b"sa", b"sb", nest(17))))
    )
    refused(path, resealed(file, IDEN=table(b"sa", b"sb", nest(20_000))))
    path.write_bytes(resealed(file, IDEN=table(b"sa", b"sb", nest(16))))
    assert len(Matcher.load(path)) == 3


@pytest.mark.parametrize("count", [0, 2, 4, 2**31, MANY])
def test_a_forged_number_of_subscriptions(count: int, file: bytes, path: Path) -> None:
    assert "DEST" in str(refused(path, sealed(count, 0, sections_of(file))))


@pytest.mark.parametrize("size", [0, 31, 63, 64, 400, 2**40, 2**64 - 1])
def test_a_forged_size(size: int, file: bytes, path: Path) -> None:
    refused(path, file[:24] + struct.pack("<Q", size) + file[32:])


@pytest.mark.parametrize("length", [0, 1, 10**6, 2**40, 2**64 - 1])
def test_a_forged_length_of_a_section(length: int, file: bytes, path: Path) -> None:
    for tag in (b"LIMI", b"DEST", b"FILT", b"IDEN"):
        data = bytearray(file[:-32])
        struct.pack_into("<Q", data, data.index(tag) + 8, length)
        refused(path, bytes(data) + hashlib.sha256(data).digest())


def test_sections_are_all_there_and_in_order(file: bytes, path: Path) -> None:
    sections = sections_of(file)
    backwards = dict(reversed(sections.items()))
    assert "expected section LIMI, found b'IDEN'" in str(refused(path, sealed(3, 0, backwards)))
    for tag in sections:
        fewer = {name: data for name, data in sections.items() if name != tag}
        refused(path, sealed(3, 0, fewer))
    more = sections | {b"MORE": b""}
    assert "bytes after the last section" in str(refused(path, sealed(3, 0, more)))


def test_a_forged_next_id(file: bytes, path: Path) -> None:
    sections = sections_of(file)
    refused(path, sealed(3, 2**63, sections))
    path.write_bytes(sealed(3, 2**63 - 1, sections))
    m: Matcher[Any] = Matcher.load(path)
    assert m.add("a = 1") == 2**63 - 1
    assert m.add("a = 1") == 2**63
    m.save(path)
    assert Matcher.load(path).add("a = 1") == 2**63 + 1


def test_filters_are_held_to_the_limits_of_the_file(file: bytes, path: Path) -> None:
    path.write_bytes(resealed(file, LIMI=LIMIT))  # 5 digits; all others have their defaults
    with pytest.raises(LimitExceeded, match="subscription -2: the filter exceeds the limit digits"):
        Matcher.load(path)
    m: Matcher[Any] = Matcher.load(path, limits=Limits(digits=21))
    assert m.limits == Limits(digits=21)
    path.write_bytes(resealed(file, LIMI=LIMIT, FILT=table(LEAF, LEAF, LEAF)))
    assert Matcher.load(path).limits == Limits(digits=5)


def test_what_is_claimed_costs_nothing(file: bytes, path: Path) -> None:
    """Memory follows the bytes that are there, whatever numbers they hold."""
    sections = sections_of(file)
    claims = [
        sealed(MANY, 0, sections),
        sealed(2**31 - 1, 0, {**sections, b"DEST": b""}),
        resealed(file, FILT=struct.pack("<III", MANY, MANY, MANY)),
        resealed(file, IDEN=table(b"sa", b"sb", b"t\xff\xff\xff\xff")),
        resealed(file, FILT=table(LEAF, LEAF, b"\x0a\x01a\xff\xff\xff\xff\x0f")),
        file[:24] + struct.pack("<Q", 2**62) + file[32:],
    ]
    refused(path, claims[0])  # what is imported and cached on the way
    tracemalloc.start()
    try:
        for claim in claims:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            path.write_bytes(claim)
            with pytest.raises((FileFormatError, LimitExceeded)):
                Matcher.load(path)
            assert tracemalloc.get_traced_memory()[1] - before < 3 << 20  # a block is 1 MiB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", range(10))
def test_forged_at_random(seed: int, file: bytes, path: Path) -> None:
    """With right checksums, whatever the bytes: refused, or a sound matcher."""
    rolled = random.Random(seed)
    sections = sections_of(file)
    loaded = 0
    for _ in range(300):
        tag = rolled.choice(list(sections))
        data = bytearray(sections[tag])
        for _ in range(rolled.choice([1, 1, 2, 5])):
            at = rolled.randrange(len(data))
            data[at] = rolled.choice([0, 1, data[at] ^ 1 << rolled.randrange(8), 255])
        path.write_bytes(sealed(3, 0, {**sections, tag: bytes(data)}))
        try:
            m: Matcher[Any] = Matcher.load(path)
        except (FileFormatError, LimitExceeded):
            continue
        m.validate()
        again = path.with_name("again.me")
        m.save(again)
        assert again.read_bytes() == path.read_bytes(), "one file for what it says"
        loaded += 1
    assert loaded > 10, "nothing but what is refused at once was tried"


def test_blocks_of_a_large_file(path: Path) -> None:
    """More than is read at once, and cut where reading goes on."""
    m: Matcher[Any] = Matcher()
    m.add_many((n, f"s = '{n:0>900}'") for n in range(4000))
    m.save(path)
    file = path.read_bytes()
    assert len(file) > 3 << 20
    assert len(Matcher.load(path)) == 4000
    for length in accumulate([32, 1 << 20, 1 << 20]):
        for cut in (length - 1, length, length + 1):
            assert refused(path, file[:cut]).offset == cut
