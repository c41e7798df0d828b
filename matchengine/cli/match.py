"""``matchengine match``: the ids of the rules that each event satisfies."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from matchengine._matches import Matches
from matchengine._reading import marked_encoding
from matchengine.cli.command import Commands, add_rules, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain
from matchengine.cli.rules import load_rules, name_of
from matchengine.cli.source import InputError, Source
from matchengine.errors import EventError
from matchengine.matcher import Matcher

__all__ = ["add_command"]

#: Lines matched at once. The number follows the matches, so that memory is bounded.
FEWEST, MOST = 16, 4096
MANY_MATCHES = 1 << 20

NEWLINE = ord("\n")
BLANK = b" \t\r\n"


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``match`` to the parser."""
    parser = new_command(
        commands,
        "match",
        _run,
        "print which rules each event matches",
        'Print {"event": n, "matches": [ids]} for every event that matches a rule, '
        "where n counts all lines of EVENTS from 0. The order of the ids is not defined.",
    )
    add_rules(parser)
    parser.add_argument("events", metavar="EVENTS", help="JSON lines, .gz, or - for stdin")
    parser.add_argument(
        "--count", action="store_true", help='print {"event": n, "count": k} instead of the ids'
    )
    parser.add_argument(
        "--all", action="store_true", help="print events without matches, too (not blank lines)"
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="report bad rules and events on stderr and go on; the exit code is still 1",
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.rules == arguments.events == "-":
        arguments.wrong_usage("RULES and EVENTS cannot both be stdin")
    with Source(arguments.rules) as rules, Source(arguments.events) as events:
        matcher: Matcher[Any] = Matcher()
        names, bad_rules = _load(matcher, rules, arguments.skip_bad)
        answers = _Answers(matcher, names, events, arguments)
        with Progress("matching", events.size) as progress:
            for block in events.blocks():
                answers.block(block)
                progress.update(events.position())
    return BAD_INPUT if bad_rules or answers.bad else OK


def _load(matcher: Matcher[Any], source: Source, skip_bad: bool) -> tuple[list[str], int]:
    """Add all rules. The JSON texts of their ids, by handle, and how many rules were bad."""
    names: list[str] = []
    bad = 0
    with Progress("reading rules", source.size) as progress:
        for rule in load_rules(source, matcher):
            if rule.error:
                bad += 1
                _bad(f"{source.name}:{rule.line}: {rule.error}", skip_bad)
            else:
                handle = matcher.handle(rule.id)
                names += [""] * (handle + 1 - len(names))
                names[handle] = name_of(rule.id)
            if rule.line % 1000 == 0:
                progress.update(source.position())
    return names, bad


def _bad(message: str, skip_bad: bool) -> None:
    if not skip_bad:
        raise InputError(message)
    complain(message)


class _Answers:
    """Matches blocks of lines and writes what they match."""

    def __init__(
        self,
        matcher: Matcher[Any],
        names: list[str],
        source: Source,
        arguments: argparse.Namespace,
    ) -> None:
        self.bad = 0
        self._matcher = matcher
        self._names = names
        self._source = source
        self._count: bool = arguments.count
        self._all: bool = arguments.all
        self._skip_bad: bool = arguments.skip_bad
        self._output = Output()
        self._line = 0  # of the block that comes next, from 0
        self._at_once = FEWEST

    def block(self, block: bytes) -> None:
        """Answer the lines of a block. Raises `InputError` at a bad one, unless it is skipped."""
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == NEWLINE) + 1
        bounds = [0, *ends.tolist()]
        if bounds[-1] < len(block):
            bounds.append(len(block))
        first, last = 0, len(bounds) - 1
        while first < last:
            after = min(first + self._at_once, last)
            self._lines(block, bounds[first : after + 1])
            first = after

    def _lines(self, block: bytes, bounds: Sequence[int]) -> None:
        """Answer the lines that begin and end at `bounds`."""
        count = len(bounds) - 1
        try:
            matches = self._matcher.match_batch(memoryview(block)[bounds[0] : bounds[-1]])
        except EventError as error:
            if count == 1:
                error.index = None
                self.bad += 1
                message = f"{self._source.name}:{self._line + 1}: {error}"
                if marked := marked_encoding(block[bounds[0] : bounds[0] + 3]):
                    message += f": a byte order mark of {marked}; UTF-8 without one is wanted"
                self._line += 1
                _bad(message, self._skip_bad)
            else:  # which line it was, and what the others match
                for begin, end in pairwise(bounds):
                    self._lines(block, [begin, end])
            return
        numbers: Sequence[int] = range(self._line, self._line + count)
        if len(matches) < count:  # blank lines have no answers
            pairs = zip(numbers, bounds, bounds[1:], strict=False)
            numbers = [n for n, begin, end in pairs if block[begin:end].strip(BLANK)]
        self._line += count
        self._write(numbers, matches)
        self._adapt(count, len(matches.handles))

    def _write(self, numbers: Sequence[int], matches: Matches) -> None:
        offsets: list[int] = matches.offsets.tolist()
        spans = zip(numbers, offsets, offsets[1:], strict=False)
        wanted = [span for span in spans if self._all or span[1] < span[2]]
        if self._count:
            self._output.write(
                f'{{"event": {number}, "count": {end - start}}}' for number, start, end in wanted
            )
            return
        ids = [self._names[handle] for handle in matches.handles.tolist()]
        self._output.write(
            f'{{"event": {number}, "matches": [{", ".join(ids[start:end])}]}}'
            for number, start, end in wanted
        )

    def _adapt(self, lines: int, matches: int) -> None:
        if matches > MANY_MATCHES:
            self._at_once = max(1, lines // 2)
        elif lines == self._at_once and matches < MANY_MATCHES // 4:
            self._at_once = min(MOST, 2 * lines)
