"""Input: a file, a compressed file or stdin, in blocks of whole lines."""

from __future__ import annotations

import gzip
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import BinaryIO

from matchengine.limits import Limits

__all__ = ["LONGEST", "InputError", "Source"]

CHUNK = 1 << 20
#: Of a line that no event may be as long as, only so much is kept: the rest changes nothing.
LONGEST = Limits().event_bytes + 1


class InputError(Exception):
    """Something to read is not there, or not what it should be. The message says where."""


class Source:
    """Lines of a file. Use it in a `with` statement.

    Raises `InputError` wherever reading fails.
    """

    def __init__(self, name: str) -> None:
        """`name` is a path, compressed when it ends in ".gz", or "-" for stdin."""
        self.name = "<stdin>" if name == "-" else name or "''"
        #: Bytes on disk, or None when nobody knows.
        self.size: int | None = None
        self._read: Callable[[int], bytes]
        try:
            # No Path: that of "" is the folder that we are in.
            self._raw = _stdin() if name == "-" else open(name, "rb")  # noqa: PTH123, SIM115
            status = _status(self._raw)
            regular = status is not None and stat.S_ISREG(status.st_mode)
            if status is not None and regular:
                self.size = status.st_size
            if name.endswith(".gz"):
                self._read = gzip.GzipFile(fileobj=self._raw).read
            elif regular:
                self._read = self._raw.read
            else:  # take what is there: whoever writes may wait for our answer
                self._read = self._raw.read1  # type: ignore[attr-defined]
        except OSError as error:
            raise self._unreadable(error) from None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._raw is not getattr(sys.stdin, "buffer", None):
            self._raw.close()

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, as many as have arrived; only the very last may lack its newline."""
        held: list[bytes] = []
        size = 0
        while chunk := self._next():
            end = chunk.rfind(b"\n") + 1
            if end:
                yield b"".join([*held, chunk[:end]])
                held, size = [chunk[end:]], len(chunk) - end
            elif size < LONGEST:
                held.append(chunk)
                size += len(chunk)
        if size:
            yield b"".join(held)

    def position(self) -> int:
        """How much of `size` has been read."""
        return self._raw.tell() if self.size is not None else 0

    def waits_at(self) -> int | None:
        """The descriptor of the pipe or terminal that reading waits for, if it is one."""
        if self.size is not None or self.name.endswith(".gz") or _status(self._raw) is None:
            return None
        return self._raw.fileno()

    def _next(self) -> bytes:
        try:
            return self._read(CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        why = getattr(error, "strerror", None) or str(error)
        return InputError(f"{self.name}: cannot be read: {why}")


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer


def _status(stream: BinaryIO) -> os.stat_result | None:
    try:
        return os.fstat(stream.fileno())
    except OSError:  # a stream of Python's that is no file
        return None
