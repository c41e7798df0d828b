"""Rules: JSON lines ``{"id": ..., "filter": "..."}``, with an optional destination ``"to"``.

An id is any JSON value but null. To the matcher it is its JSON text, which is what the commands
print.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from matchengine.cli.source import Source

__all__ = ["Rule", "read_rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a file of rules: a rule, or what is wrong with the line."""

    line: int
    #: JSON text. Of a line that is wrong, perhaps "".
    id: str = ""
    filter: str = ""
    to: int | None = None
    #: Why this is no rule, or "".
    error: str = ""


def read_rules(source: Source) -> Iterator[Rule]:
    """The rules of a file; blank lines are skipped yet counted. Raises `InputError`."""
    number = 0
    for block in source.blocks():
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            if line.strip(b" \t\r"):
                yield _rule(number, line)


def _rule(number: int, line: bytes) -> Rule:
    try:
        record = _DECODER.decode(line.decode())
    except UnicodeDecodeError as error:
        return Rule(number, error=f"not UTF-8 (at byte {error.start})")
    except json.JSONDecodeError as error:
        return Rule(number, error=f"not JSON: {error.msg} (at character {error.pos})")
    except (ValueError, RecursionError) as error:
        return Rule(number, error=f"not JSON: {error}")
    if not isinstance(record, dict):
        return Rule(number, error='expected {"id": ..., "filter": "..."}')
    id = record.get("id")
    if id is None:
        return Rule(number, error='the rule has no "id"')
    return _rule_of(number, _ENCODER.encode(id), record)


def _rule_of(number: int, id: str, record: dict[str, Any]) -> Rule:
    filter, to = record.get("filter"), record.get("to")
    if not isinstance(filter, str):
        return Rule(number, id, error=f'{id}: the rule has no "filter" that is a string')
    if to is not None and (not isinstance(to, int) or isinstance(to, bool) or to < 0):
        return Rule(number, id, error=f'{id}: "to" is the number of a destination, 0 or more')
    return Rule(number, id, filter, to)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False)
