"""Ids as bytes, for files: str, int, bytes, and tuples of them.

A record is a letter for the type and what the id holds. It does not say how long it is; whatever
contains it does::

    'alice'      s alice                           UTF-8
    b'\\x00\\xff'  b 00 ff
    -2           i fe                              two's complement, little-endian
    ('a', 1)     t 02000000 s a  02000000 i 01     each member behind its length

Every id has one record and every record one id. Only the exact types go in: a bool, a named tuple
or a member of an enum would come out as something else than it was. Reading a record runs nobody's
code and makes no more than its bytes account for.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["decode_id", "encode_ids", "refuse_equal_hashes", "show"]

#: Bytes of an int: 2,466 decimal digits, so that every id of a file can be printed.
INT_BYTES = 1024
#: Tuples within tuples, the outermost included. Bounds the recursion, too.
DEPTH = 16
#: A length has 32 bits.
RECORD_BYTES = 2**32 - 1
#: A dict looks through all keys of one hash. Ints that share one are easily made, millions of them
#: would take days to load, and nobody has as many as this by accident.
EQUAL_HASHES = 64

STR, INT, BYTES, TUPLE = b"s", b"i", b"b", b"t"


# ---- writing ------------------------------------------------------------------------------------


def encode_ids(ids: Sequence[Any]) -> list[bytes]:
    """The records of ids. Raises TypeError or ValueError, which name the id that has none."""
    records = [_encode(id) for id in ids]
    refuse_equal_hashes(ids)
    return records


def _encode(id: Any) -> bytes:
    try:
        return _record(id)
    except (TypeError, ValueError) as error:
        raise type(error)(f"the id {show(id)} cannot be saved: {error}") from None


def _record(id: Any, depth: int = 0) -> bytes:
    kind = type(id)
    record: bytes
    if kind is str:
        record = STR + id.encode("utf-8", "surrogatepass")
    elif kind is int:
        size = _int_size(id)
        if size > INT_BYTES:
            raise ValueError(f"an int has more than {INT_BYTES} bytes")
        record = INT + id.to_bytes(size, "little", signed=True)
    elif kind is bytes:
        record = BYTES + id
    elif kind is tuple:
        if depth == DEPTH:
            raise ValueError(f"tuples are nested deeper than {DEPTH}")
        members = [_record(member, depth + 1) for member in id]
        record = TUPLE + b"".join(
            part for member in members for part in (len(member).to_bytes(4, "little"), member)
        )
    else:
        raise TypeError(
            f"a file holds str, int, bytes and tuples of them, not {kind.__name__} "
            "(a pickle holds ids of any kind)"
        )
    if len(record) > RECORD_BYTES:
        raise ValueError(f"it takes more than {RECORD_BYTES} bytes")
    return record


def _int_size(number: int) -> int:
    """The fewest bytes of two's complement: -128 has one, 128 two."""
    return (number + (number < 0)).bit_length() // 8 + 1


def refuse_equal_hashes(ids: Sequence[Any]) -> None:
    """Raise ValueError where so many ids share a hash that a dict of them would be slow."""
    hashes = np.fromiter(map(hash, ids), np.int64, len(ids))
    hashes.sort()
    if (hashes[EQUAL_HASHES:] == hashes[:-EQUAL_HASHES]).any():
        raise ValueError(f"more than {EQUAL_HASHES} ids have the same hash")


def show(id: Any) -> str:
    """A shortened ``repr`` for messages, or the type's name where there is none.

    Python does not print an int of many digits, and reprlib takes a class that is called
    ``array`` for another.
    """
    try:
        return reprlib.repr(id)
    except Exception:
        return f"<{type(id).__name__}>"


# ---- reading ------------------------------------------------------------------------------------


def decode_id(record: bytes, depth: int = 0) -> Any:
    """The id that has this record, whose origin is unknown. Raises ValueError."""
    kind, body = record[:1], record[1:]
    if kind == STR:
        try:
            return body.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise ValueError("a str is not UTF-8") from None
    if kind == INT:
        number = int.from_bytes(body[: INT_BYTES + 1], "little", signed=True)
        if len(body) > INT_BYTES or len(body) != _int_size(number):
            raise ValueError(f"an int is not in its shortest form, or above {INT_BYTES} bytes")
        return number
    if kind == BYTES:
        return body
    if kind == TUPLE:
        if depth == DEPTH:
            raise ValueError(f"tuples are nested deeper than {DEPTH}")
        return _tuple(body, depth)
    raise ValueError(f"there is no type of ids {kind!r}")


def _tuple(body: bytes, depth: int) -> tuple[Any, ...]:
    members = []
    at, end = 0, len(body)
    while at < end:
        length = int.from_bytes(body[at : at + 4], "little")
        at += 4
        if length > end - at:
            raise ValueError("a member of a tuple ends behind it")
        members.append(decode_id(body[at : at + length], depth + 1))
        at += length
    return tuple(members)
