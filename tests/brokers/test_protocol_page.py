"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from brokers import wire_fields, wire_layouts
from brokers.greetings import MAGIC, VERSION, BrokerHello
from brokers.handshake import STEPS, State
from brokers.messages import Policy, Taken
from brokers.wire import encode
from brokers.wire_fields import Bytes, Kind, Malformed, Row, Text
from brokers.wire_layouts import FRAME_MOST, LAYOUTS, SAID, Speaker

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
HEADINGS = {
    "Strangers": Speaker.STRANGER,
    "A broker to a broker": Speaker.PEER,
    "A client to a broker": Speaker.CLIENT,
    "A broker to a client": Speaker.BROKER,
}


def rows(heading: str) -> list[list[str]]:
    """The rows of all tables below a heading, cell by cell."""
    (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line[1:-1] for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def shown(row: Row) -> str:
    return ", ".join(f"{name}: {kind.label}" for name, kind in row.fields.items())


@pytest.mark.parametrize("heading", HEADINGS)
def test_frames(heading: str) -> None:
    found = {tuple(row[:3]) for row in rows(heading) if row[0].startswith("`0x")}
    said = {word: LAYOUTS[word] for word in SAID[HEADINGS[heading]]}
    assert found == {
        (f"`0x{layout.code:02X}`", f"`{word.__name__}`", shown(layout.row))
        for word, layout in said.items()
    }


def test_rows_inside_frames() -> None:
    found = {
        row[0].strip("`"): row[1] for row in rows("Fields") if row[0][0] == "`" and ": " in row[1]
    }
    known = [one for one in vars(wire_layouts).values() if isinstance(one, Row)]
    assert found == {row.label: shown(row) for row in known}


def test_bounds_of_kinds() -> None:
    """Each bound that the page names is one: it may be written and read, the next may not."""
    found = {
        row[0].strip("`"): (row[1], int(bounds[1]), int(bounds[2]))
        for row in rows("Fields")
        if len(row) == 3 and (bounds := re.match(r"(\d+) to (\d+) bytes", row[2]))
    }
    kinds = {one.label: one for one in vars(wire_fields).values() if isinstance(one, Text | Bytes)}
    assert found.keys() == kinds.keys()
    for label, (form, least, most) in found.items():
        size = 1 if form.startswith("length in 1 byte") else 4
        kind: Kind = kinds[label]
        assert kind.least == size + least
        for length in {least, most}:
            raw = length.to_bytes(size) + b"x" * length
            value, end = kind.read(raw, 0, len(raw))
            assert end == len(raw)
            assert kind.write(value) == raw
        if most + 1 < 256**size:
            raw = (most + 1).to_bytes(size) + b"x" * (most + 1)
            with pytest.raises(Malformed):
                kind.read(raw, 0, len(raw))


def test_limits_of_frames() -> None:
    found = [int(row[2]) for row in rows("Frames") if len(row) == 3 and row[2].isdigit()]
    assert found == list(FRAME_MOST.values())


def test_policies() -> None:
    (row,) = (row for row in rows("Fields") if row[0] == "`policy`")
    assert row[2] == ", ".join(f"{at} {policy}" for at, policy in enumerate(Policy.ALL))


def test_bytes_that_are_shown() -> None:
    (frame,) = re.findall(r"^```\n((?:[0-9A-F]{2}\s+)+)```", PAGE, re.MULTILINE)
    assert bytes.fromhex(frame) == encode(Taken(7))
    assert f"`{MAGIC.hex(' ').upper()}`" in PAGE
    assert f"version {VERSION}." in PAGE
    assert encode(BrokerHello("b", 1))[5:11] == MAGIC + VERSION.to_bytes(2)


def test_steps_of_the_handshake() -> None:
    found: set[tuple[str, str]] = set()
    for waits, hears, *_ in (row for row in rows("Strangers") if len(row) == 3):
        states = re.search(r"\(([a-z, ]+)\)", waits)
        if states:
            found |= {(state, hears.strip("`")) for state in states[1].split(", ")}
    steps: dict[tuple[State, type[Any]], Any] = dict(STEPS)
    assert found == {(state.name.lower(), word.__name__) for state, word in steps}
