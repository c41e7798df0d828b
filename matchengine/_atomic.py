"""A file is replaced as a whole: whoever opens it, also after a crash, finds the old or the new.

    write a temporary ──► fsync it ──► rename it over the file ──► fsync the directory

The rename is what makes it atomic, so the temporary lies in the same directory. Without the first
fsync a system may rename before it has written, and a crash leaves an empty file; without the
second it may forget the rename. A process that is killed leaves ``.matchengine-*.tmp`` behind,
which may be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["replace_file"]

#: What fsync of a directory says where a file system has no such thing.
_NO_SUCH_THING = {errno.EINVAL, errno.ENOTSUP}


def replace_file(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Make `parts` the contents of the file `path`, or leave everything as it is.

    A symbolic link stays, and what it leads to is replaced. An existing file's permissions are
    kept, and its owner where we may; a new file has those that `open` would give it. Other names
    (hard links) of an existing file keep the old contents.

    Raises OSError, then the file is as it was. There is one exception: when only the very last
    step fails, the new file is there but might not survive a power failure.
    """
    target = Path(os.path.realpath(Path(path)))
    old = _status(target)
    temporary = target.with_name(f".matchengine-{secrets.token_hex(8)}.tmp")
    try:
        _write(temporary, parts, old)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(target.parent)


def _status(target: Path) -> os.stat_result | None:
    """What is there now, or None. Raises OSError for what must not be replaced."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(status.st_mode):  # renaming over a device or a pipe would remove it
        raise OSError(errno.EINVAL, "not a regular file", str(target))
    if not os.access(target, os.W_OK):  # a rename does not ask
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return status


def _write(
    temporary: Path, parts: Iterable[bytes | memoryview], old: os.stat_result | None
) -> None:
    """Write `parts` to a new file, down to the disk."""

    def opener(name: str, flags: int) -> int:
        # The umask narrows it, as usual. What replaces a private file is private from the start.
        return os.open(name, flags, 0o666 if old is None else 0o600)

    try:
        file = open(temporary, "xb", opener=opener)  # noqa: SIM115
    except OSError as error:
        error.filename = str(temporary.parent)  # nobody has heard of the temporary
        raise
    with file:
        for part in parts:
            file.write(part)
        if old is not None:
            _take_over(file.fileno(), old)
        file.flush()
        os.fsync(file.fileno())


def _take_over(descriptor: int, old: os.stat_result) -> None:
    """Give a file the owner, where we may, and the permissions of the one it will replace."""
    if not hasattr(os, "fchown"):  # Windows
        return
    for uid, gid in ((-1, old.st_gid), (old.st_uid, -1)):  # the group alone is more often granted
        with contextlib.suppress(OSError):
            os.fchown(descriptor, uid, gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":
        return  # a directory cannot be opened there
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # it may be written, but not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)
