"""The command as a process: pipes, terminals, signals and what is closed or full."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO

import pytest

COMMAND = [sys.executable, "-P", "-m", "matchengine.cli"]
PATIENCE = 30.0  # seconds; a machine may be busy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX pipes and signals")


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.jsonl"
    path.write_text('{"id": "x", "filter": "a > 0"}\n')
    return str(path)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Whatever is put here is stopped at the end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def start(processes: list[subprocess.Popen[bytes]], *arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    processes.append(process)
    return process


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, check=False)


def read_answer(stream: IO[bytes] | None, patience: float = PATIENCE) -> object:
    """The next line, or None when there is none in time."""
    assert stream is not None
    ready, _, _ = select.select([stream], [], [], patience)
    return json.loads(stream.readline()) if ready else None


def send(stream: IO[bytes] | None, text: bytes) -> None:
    assert stream is not None
    stream.write(text)
    stream.flush()


def test_a_pipe_gets_its_answers_at_once(
    rules: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    process = start(processes, "match", rules, "-")
    for number in range(3):
        send(process.stdin, b'{"a": 1}\n')
        assert read_answer(process.stdout) == {"event": number, "matches": ["x"]}
    send(process.stdin, b'{"a": 1}\n\n{"a": 0}\n{"a"')  # and half an event
    assert read_answer(process.stdout) == {"event": 3, "matches": ["x"]}
    send(process.stdin, b": 2}")
    assert process.stdin is not None
    process.stdin.close()
    assert read_answer(process.stdout) == {"event": 6, "matches": ["x"]}
    assert process.wait(PATIENCE) == 0


def test_a_named_pipe_gets_its_answers_at_once(
    rules: str, processes: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start(processes, "match", rules, str(fifo))
    with fifo.open("wb", buffering=0) as stream:
        for number in range(2):
            send(stream, b'{"a": 1}\n')
            assert read_answer(process.stdout) == {"event": number, "matches": ["x"]}
    assert process.wait(PATIENCE) == 0


def test_errors_come_after_the_answers_before_them(
    rules: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    process = start(processes, "match", "--skip-bad", rules, "-")
    send(process.stdin, b'{"a": 1}\n[]\n{"a": 2}\n')
    assert read_answer(process.stdout) == {"event": 0, "matches": ["x"]}
    assert read_answer(process.stdout) == {"event": 2, "matches": ["x"]}
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, b"")
    assert err.startswith(b"<stdin>:2: ")


def test_a_reader_that_has_seen_enough_ends_it_quietly(
    rules: str, processes: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.write_text('{"a": 1}\n' * 200_000)
    process = start(processes, "match", rules, str(events))
    assert read_answer(process.stdout) == {"event": 0, "matches": ["x"]}
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_ctrl_c_ends_it_quietly(rules: str, processes: list[subprocess.Popen[bytes]]) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits "ignore"
    try:
        process = start(processes, "match", rules, "-")
    finally:
        signal.signal(signal.SIGINT, before)
    send(process.stdin, b'{"a": 1}\n')
    assert read_answer(process.stdout) == {"event": 0, "matches": ["x"]}
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert process.stderr is not None
    assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("match", "RULES", "-"), ("--help",), ("check", "--help")])
def test_a_full_disk_is_reported_once(
    rules: str, arguments: Sequence[str], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *(rules if one == "RULES" else one for one in arguments)],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            input=b'{"a": 1}\n', stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"matchengine: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-"])
def test_closed_streams(rules: str, closed: str) -> None:
    script = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, "match", rules, "-"],
        input=b'{"a": 1}\n', capture_output=True, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert done.returncode == (0 if closed == "2>&-" else 1)


def test_explain_without_stdin() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "explain", "a = 1", "-"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"<stdin>: cannot be read: standard input is closed\n"


def test_stderr_is_silent_when_it_is_no_terminal(rules: str) -> None:
    done = run("match", rules, "-", stdin=b'{"a": 1}\n')
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b'{"event": 0, "matches": ["x"]}\n'


def test_a_terminal_gets_a_bar_and_stdout_stays_clean(rules: str, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    events = tmp_path / "events"
    events.write_text('{"a": 1}\n[]\n' + '{"a": 0}\n' * 10)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "match", "--skip-bad", rules, str(events)],
        stdout=subprocess.PIPE, stderr=theirs, check=False,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert done.returncode == 1
    assert done.stdout == b'{"event": 0, "matches": ["x"]}\n'
    assert b"Traceback" not in shown
    assert b"expected an object" in shown or b":2: " in shown


def test_the_output_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text('{"id": "é", "filter": "TRUE"}\n', encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "match", str(path), "-"],
        input=b"{}\n",
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.stdout == '{"event": 0, "matches": ["é"]}\n'.encode()


def test_the_package_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "matchengine", "explain", "a = 1", '{"a": 1}'],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"matches" in done.stdout


def test_the_installed_command() -> None:
    try:
        found = metadata.distribution("matchengine").entry_points
    except metadata.PackageNotFoundError:
        pytest.skip("run from a build, not from an installation")
    (script,) = found.select(group="console_scripts", name="matchengine")
    assert script.value == "matchengine.cli:main"
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.decode().split() == ["matchengine", metadata.version("matchengine")]
