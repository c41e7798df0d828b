"""A file is replaced as a whole or not at all, whatever fails, and only what may be replaced."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matchengine import Matcher
from matchengine._atomic import replace_file

posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")
WHOEVER = [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt(), MemoryError()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def only(path: Path) -> bool:
    """Is it alone in its directory?"""
    return list(path.parent.iterdir()) == [path]


def failing(error: BaseException) -> Iterator[bytes]:
    yield b"new"
    raise error


# ---- all or nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", WHOEVER, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["open", "parts", "fsync", "replace"])
def test_whatever_fails_leaves_the_old_file(
    step: str, error: BaseException, path: Path, monkeypatch: Any
) -> None:
    path.write_bytes(b"old")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    if step != "parts":
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        replace_file(path, failing(error) if step == "parts" else [b"new"])
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert only(path)
    replace_file(path, [b"n", b"", memoryview(b"ew")])
    assert path.read_bytes() == b"new"
    assert only(path)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_new_file_is_not_half_there(step: str, path: Path, monkeypatch: Any) -> None:
    def fail(*args: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, step, fail)
    m: Matcher[Any] = Matcher()
    m.add("a = 1", id="x")
    with pytest.raises(OSError, match="broken"):
        m.save(path)
    assert list(path.parent.iterdir()) == []
    assert m.match({"a": 1}) == ["x"]


@posix
def test_what_is_on_the_disk_when(path: Path, monkeypatch: Any) -> None:
    """Contents before the rename, the rename before the return."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append((kind, os.fstat(descriptor).st_size if kind == "file" else path.exists()))
        fsync(descriptor)

    def note_replace(old: Any, new: Any) -> None:
        steps.append(("replace", path.exists()))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    replace_file(path, [b"a" * 10, b"b" * 100_000])
    assert steps == [("file", 100_010), ("replace", False), ("directory", True)]


@posix
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_directory_that_cannot_be_synced(number: int, path: Path, monkeypatch: Any) -> None:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, "no")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    if number == errno.EIO:  # the file may not survive: that must be said
        with pytest.raises(OSError, match="no"):
            replace_file(path, [b"new"])
    else:
        replace_file(path, [b"new"])
    assert path.read_bytes() == b"new"


SAVES = """
import sys
from matchengine import Matcher
few, many = Matcher(), Matcher()
few.add_many((n, f"a = {n}") for n in range(10))
many.add_many((n, f"a = {n}") for n in range(3000))
few.save(sys.argv[1])
print("ready", flush=True)
while True:
    many.save(sys.argv[1])
    few.save(sys.argv[1])
"""


@pytest.mark.parametrize("milliseconds", [1, 7, 20, 50])
def test_a_process_that_is_killed(milliseconds: int, path: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SAVES, str(path)],
        cwd=tmp_path,  # not the source tree, which would be imported instead of the package
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [b"ready"]
        time.sleep(milliseconds / 1000)
        process.kill()
    assert len(Matcher.load(path)) in (10, 3000)
    assert {file.suffix for file in tmp_path.iterdir()} <= {"", ".tmp"}


# ---- links and permissions -----------------------------------------------------------------------


@posix
def test_a_symbolic_link_stays(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    path.symlink_to(Path("elsewhere") / "target")
    for contents in (b"first", b"second"):  # dangling at first
        replace_file(path, [contents])
        assert path.is_symlink()
        assert target.read_bytes() == contents
        assert only(target)


@posix
def test_links_that_lead_nowhere(path: Path) -> None:
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic link"):
        replace_file(path, [b"new"])
    assert path.is_symlink()
    assert only(path)


@posix
def test_other_names_keep_the_old_contents(path: Path) -> None:
    path.write_bytes(b"old")
    other = path.with_name("other")
    other.hardlink_to(path)
    replace_file(path, [b"new"])
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o604])
def test_permissions_are_kept(mode: int, path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(mode)
    seen = []

    def parts() -> Iterator[bytes]:
        (temporary,) = path.parent.glob(".matchengine-*.tmp")
        seen.append(stat.S_IMODE(temporary.stat().st_mode))
        yield b"new"

    replace_file(path, parts())
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert seen == [0o600], "nobody else can read it before it has its permissions"


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_obeys_the_umask(umask: int, mode: int, path: Path) -> None:
    before = os.umask(umask)
    try:
        replace_file(path, [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
def test_the_owner_is_kept(path: Path) -> None:
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    replace_file(path, [b"new"])
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o640)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything"
)
def test_a_file_that_is_read_only_stays(path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        replace_file(path, [b"new"])
    assert path.read_bytes() == b"old"


# ---- what may not be replaced --------------------------------------------------------------------


def test_directories(tmp_path: Path) -> None:
    for path in (tmp_path, str(tmp_path)):
        with pytest.raises(IsADirectoryError):
            replace_file(path, [b"new"])
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
            Matcher.load(path)


@posix
def test_devices_and_pipes(path: Path) -> None:
    os.mkfifo(path)
    for special in (path, Path(os.devnull)):
        with pytest.raises(OSError, match="not a regular file"):
            replace_file(special, [b"new"])
        assert not stat.S_ISREG(special.stat().st_mode)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        replace_file(tmp_path / "no" / "file", [b"new"])
    assert caught.value.filename == str(tmp_path / "no")
    with pytest.raises(FileNotFoundError):
        Matcher.load(tmp_path / "no file")


@pytest.mark.parametrize("path", [b"bytes", 3, None, 1.5])
def test_paths_are_str_or_pathlike(path: Any) -> None:
    for call in (Matcher().save, Matcher.load):
        with pytest.raises(TypeError):
            call(path)


def test_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    Matcher().save(str(path))
    assert len(Matcher.load(path)) == 0
    assert only(path)
