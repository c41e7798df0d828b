"""Batches that fit into frames: a window's worth of large events does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["parts"]

#: So many bytes go into one part, one larger event apart. A frame has room for much more, so that
#: names and numbers need not be counted.
BYTES = 1 << 20
COUNT = 4_096

T = TypeVar("T")


def parts(batch: Sequence[T], sizes: Sequence[int]) -> Iterator[tuple[T, ...]]:
    """The batch in as many pieces as it takes; `sizes` are the bytes of each element."""
    if len(batch) <= COUNT and sum(sizes) <= BYTES:
        yield tuple(batch)
        return
    first, held = 0, 0
    for i, size in enumerate(sizes):
        if i > first and (held + size > BYTES or i - first == COUNT):
            yield tuple(batch[first:i])
            first, held = i, 0
        held += size
    yield tuple(batch[first:])
