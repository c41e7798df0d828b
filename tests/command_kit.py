"""Running a command within this process, and the files it reads."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from matchengine.cli import main

RULES = [
    {"id": "alice", "filter": "symbol = 'ACME' AND price < 10"},
    {"id": 2, "filter": "price > 100", "to": 7},
]
EVENTS = [{"symbol": "ACME", "price": 9}, {"price": 50}, {"price": 200}]


@dataclass
class Ran:
    code: int
    out: list[Any]  # lines of JSON
    err: str


Command = Callable[..., Ran]


@pytest.fixture(name="command")
def command_fixture(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command whose output is JSON lines, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(arguments)
        out, err = capfd.readouterr()
        return Ran(code, [json.loads(line) for line in out.splitlines()], err)

    return run


def write_lines(name: str, records: Sequence[object], newline: str = "\n") -> str:
    """Write a file of JSON lines, where bytes and str stand for themselves."""
    lines = [one if isinstance(one, bytes | str) else json.dumps(one) for one in records]
    encoded = [one if isinstance(one, bytes) else one.encode() for one in lines]
    text = newline.encode().join([*encoded, b""])
    with gzip.open(name, "wb") if name.endswith(".gz") else Path(name).open("wb") as stream:
        stream.write(text)
    return name
