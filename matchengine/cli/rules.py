"""Files of rules: JSON lines ``{"id": ..., "filter": "..."}``, with an optional ``"to"``.

A line means what it means to `Matcher.add_many`, and every line is reported on its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from matchengine._reading import check_length, is_blank, rule_of
from matchengine.cli.source import Source
from matchengine.errors import (
    DuplicateSubscription,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    MatchEngineError,
)
from matchengine.limits import Limits
from matchengine.matcher import Matcher

__all__ = ["Rule", "load_rules", "name_of"]

LINE_BYTES = Limits().line_bytes


@dataclass(slots=True)
class Rule:
    """One line of a file of rules, and what came of it."""

    line: int
    #: None in a line that is no rule.
    id: Any = None
    filter: str = ""
    to: int | None = None
    #: Why it could not be added, or "".
    error: str = ""
    #: Where in the filter, if that is known.
    position: int | None = None


def name_of(id: Any) -> str:
    """The id as the JSON text that it was."""
    return _ENCODER.encode(id)


def load_rules(source: Source, matcher: Matcher[Any]) -> Iterator[Rule]:
    """Add the rules of a file one by one; give each, and each line that is none.

    Blank lines are skipped yet counted. Rules without ids come last, and get numbers that no other
    rule has. Raises `InputError`.
    """
    lines: dict[Any, int] = {}
    for rule in _unnamed_last(_read(source)):
        _add(rule, matcher, lines)
        yield rule


def _unnamed_last(rules: Iterable[Rule]) -> Iterator[Rule]:
    unnamed: list[Rule] = []
    for rule in rules:
        if rule.id is None and not rule.error:
            unnamed.append(rule)
        else:
            yield rule
    yield from unnamed


def _read(source: Source) -> Iterator[Rule]:
    number = 0
    for block in source.blocks():
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            if not is_blank(line):
                try:
                    check_length(number, line, LINE_BYTES)
                    yield Rule(number, *rule_of(line))
                except ValueError as error:
                    yield Rule(number, error=str(error))


def _add(rule: Rule, matcher: Matcher[Any], lines: dict[Any, int]) -> None:
    """Add a rule, or note what is wrong with it."""
    if rule.error:
        return
    try:
        rule.id = matcher.add(rule.filter, id=rule.id, to=rule.to)
        lines[rule.id] = rule.line
    except DuplicateSubscription:
        rule.error = f"{name_of(rule.id)}: the id is taken by line {lines[rule.id]}"
    except MatchEngineError as error:
        rule.error = str(error) if rule.id is None else f"{name_of(rule.id)}: {error}"
        if isinstance(error, FilterSyntaxError | FilterTypeError | LimitExceeded) and error.text:
            rule.position = error.position


_ENCODER = json.JSONEncoder(ensure_ascii=False)
