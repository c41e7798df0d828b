"""What a matcher holds at one moment, as bytes and back: the inside of `save`, `load` and `pickle`.

    Matcher ──lock, copy──► Snapshot ──to_bytes──► sections of a file
    Matcher ◄──insert all── Snapshot ◄─from_bytes─ every limit, id and filter checked

A file holds the filters as the core has them, the ids by `_ids`, destinations, limits and the next
automatic id; a pickle holds the same, but leaves the ids to pickle. Events and their statistics are
no part of it, and neither are handles.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchengine import _filters
from matchengine._atomic import replace_file
from matchengine._format import (
    Bytes,
    Contents,
    Section,
    Table,
    numbers_of,
    pack,
    read_file,
    unpack,
)
from matchengine._ids import decode_id, encode_ids, refuse_equal_hashes, show
from matchengine.errors import FileFormatError, FilterSyntaxError, LimitExceeded
from matchengine.limits import Limits

__all__ = ["Snapshot", "attributes", "from_state", "load", "of", "save", "to_bytes"]

LIMITS, DESTINATIONS, FILTERS, IDS = b"LIMI", b"DEST", b"FILT", b"IDEN"

_LIMITS = [field.name for field in fields(Limits)]

#: The limits of the first version, which a file always has. It refuses the name of a later one, so
#: that is written only where it is not the default.
_FIRST = set(_LIMITS[: _LIMITS.index("digits") + 1])
_LATER = {field.name: field.default for field in fields(Limits) if field.name not in _FIRST}

#: The largest next automatic id of a file, which must stay in 64 bits when it goes on from there.
LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The subscriptions of a matcher in order: ids, filters (named IR) and destinations."""

    limits: Limits
    next_id: int
    ids: list[Any]
    filters: Table
    destinations: NDArray[Any]


def of(
    limits: Limits, next_id: int, ids: list[Any], filters: bytes, lengths: bytes, to: bytes
) -> Snapshot:
    """The snapshot of what a Store's `_copy_filters` has copied."""
    table = Table(np.frombuffer(lengths, np.uint32), filters)
    return Snapshot(limits, next_id, ids, table, np.frombuffer(to, np.uint32))


# ---- files --------------------------------------------------------------------------------------


def save(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Write a snapshot to a file, all or nothing. Raises TypeError, ValueError and OSError."""
    replace_file(path, to_bytes(snapshot, with_ids=True))


def load(path: str | os.PathLike[str], limits: Limits | None) -> Snapshot:
    """The snapshot in a file of unknown origin. Raises FileFormatError, LimitExceeded, OSError.

    `limits` replaces those of the file.
    """
    file = Path(path)
    try:
        return from_bytes(read_file(file), limits=limits)
    except FileFormatError as error:
        error.path = str(file)
        raise
    except LimitExceeded as error:
        error.add_note(f"in {str(file)!r}")
        raise


# ---- pickles ------------------------------------------------------------------------------------


def attributes(matcher: object, own: set[str]) -> dict[str, Any]:
    """The attributes of an object, in slots or not, that are not its class's `own`."""
    state: Any = object.__getstate__(matcher)
    plain, slots = state if isinstance(state, tuple) else (state, None)
    found = {**(plain or {}), **(slots or {})}
    # typing sets __orig_class__ where one writes Matcher[str](), a note about a type.
    return {name: found[name] for name in found if name not in own | {"__orig_class__"}}


def from_state(state: object) -> tuple[Snapshot, dict[str, Any]]:
    """The snapshot and the attributes in the state of a pickled matcher."""
    match state:
        case (bytes(file), list(ids), dict(added)):
            return from_bytes(file, ids=ids), added
    raise FileFormatError("the pickle holds no matcher")


# ---- to bytes -----------------------------------------------------------------------------------


def to_bytes(snapshot: Snapshot, *, with_ids: bool) -> list[Bytes]:
    """The bytes of a snapshot, in parts. Raises TypeError and ValueError for ids."""
    sections: dict[bytes, Sequence[Bytes]] = {
        LIMITS: [_limits_to_bytes(snapshot.limits)],
        DESTINATIONS: [snapshot.destinations.astype("<u4").tobytes()],
        FILTERS: snapshot.filters.parts(),
    }
    if with_ids:
        sections[IDS] = Table.of(encode_ids(snapshot.ids)).parts()
    # Ids that are taken are passed over, so beginning too low does no harm.
    return pack(len(snapshot.ids), min(snapshot.next_id, LAST_ID), sections)


def _limits_to_bytes(limits: Limits) -> bytes:
    """Each limit as a number of 32 bits, the length of its name and the name."""
    return b"".join(
        getattr(limits, name).to_bytes(4, "little") + bytes([len(name)]) + name.encode()
        for name in _LIMITS
        if getattr(limits, name) != _LATER.get(name)
    )


# ---- from bytes ---------------------------------------------------------------------------------


def from_bytes(
    file: bytes | bytearray, *, ids: list[Any] | None = None, limits: Limits | None = None
) -> Snapshot:
    """The snapshot in bytes of unknown origin: without a section of ids where they are given.

    Raises FileFormatError, and LimitExceeded for a filter beyond `limits` or those of the file.
    """
    tags = [LIMITS, DESTINATIONS, FILTERS, *([IDS] if ids is None else [])]
    contents = unpack(file, tags)
    if contents.next_id > LAST_ID:
        raise FileFormatError(f"the next automatic id is above {LAST_ID}", offset=16)
    stored = _limits_from_bytes(contents.sections[LIMITS])
    limits = limits or stored
    destinations = numbers_of(contents.sections[DESTINATIONS], contents.subscriptions)
    filters = Table.read(contents.sections[FILTERS], contents.subscriptions)
    if ids is None:
        ids = _ids(contents)
    elif len(ids) != contents.subscriptions:
        raise FileFormatError(f"{len(ids)} ids for {contents.subscriptions} subscriptions")
    _check(filters, ids, limits)
    return Snapshot(limits, contents.next_id, ids, filters, destinations)


def _limits_from_bytes(section: Section) -> Limits:
    """Limits that the file does not name have their defaults: they are newer than the file."""
    data, at = bytes(section.data), 0
    values: dict[str, int] = {}
    try:
        while at < len(data):
            end = at + 5 + data[at + 4]
            name = data[at + 5 : end].decode("latin-1")
            if end > len(data):
                raise ValueError(f"it ends within the limit {name!r}")
            if name not in _LIMITS:
                raise ValueError(f"{name!r} is no limit of this version")
            if name in values:
                raise ValueError(f"the limit {name!r} stands twice")
            values[name] = int.from_bytes(data[at : at + 4], "little")
            at = end
        return Limits(**values)
    except IndexError:
        raise FileFormatError(
            f"section {section.name}: it ends within a limit", offset=section.offset
        ) from None
    except ValueError as error:
        raise FileFormatError(f"section {section.name}: {error}", offset=section.offset) from None


def _ids(contents: Contents) -> list[Any]:
    """The ids of a file, all different."""
    table = Table.read(contents.sections[IDS], contents.subscriptions)
    ids: list[Any] = []
    try:
        for record in table.records:
            ids.append(decode_id(record))  # noqa: PERF401 - how many tells which one is bad
        refuse_equal_hashes(ids)
    except ValueError as error:
        number = len(ids)
        which = f"the id of subscription {number}: " if number < len(table.lengths) else ""
        raise FileFormatError(f"{which}{error}", offset=table.where(number)) from None
    if len(set(ids)) < len(ids):
        seen: set[Any] = set()
        for number, id in enumerate(ids):
            if id in seen:
                raise FileFormatError(f"the id {show(id)} stands twice", offset=table.where(number))
            seen.add(id)
    return ids


def _check(filters: Table, ids: list[Any], limits: Limits) -> None:
    """Refuse bytes that are not filters, and filters beyond the limits."""
    number = 0
    try:
        for number, filter in enumerate(filters.records):  # noqa: B007 - used below
            _filters.check_ir(filter, limits)
    except LimitExceeded as error:
        raise LimitExceeded(
            f"subscription {show(ids[number])}: {error}", error.limit, error.value, error.maximum
        ) from None
    except FilterSyntaxError as error:
        raise FileFormatError(
            f"subscription {show(ids[number])}: {error}", offset=filters.where(number)
        ) from None
