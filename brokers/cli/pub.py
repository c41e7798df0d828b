"""``matchengine pub``: publish the lines of a file, or of standard input as they come."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import Any

from brokers.aio.client import Client
from brokers.aio.run import Interrupted, chunks
from brokers.cli.common import add_connection, client_of, run_command
from matchengine import EventError, Matcher
from matchengine.cli.command import Commands, new_command
from matchengine.cli.output import BAD_INPUT, INTERRUPTED, OK, complain
from matchengine.cli.source import LONGEST, InputError, Source

__all__ = ["add_command"]

BLANK = b" \t\r\n"


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``pub`` to the parser."""
    parser = new_command(
        commands,
        "pub",
        _run,
        "publish events",
        "Publish every line of EVENTS. Ends when the broker has taken them all.",
    )
    parser.add_argument("events", metavar="EVENTS", help="JSON lines, .gz, or - for stdin")
    add_connection(parser)
    parser.add_argument("--name", help="whom the events come from")
    parser.add_argument(
        "--advertise",
        metavar="FILTER",
        action="append",
        default=[],
        help="what is published matches this, or another one given so: brokers that want none of "
        "it are not asked",
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="report bad events on stderr and go on; the exit code is still 1",
    )


def _run(arguments: argparse.Namespace) -> int:
    with Source(arguments.events) as source:
        return run_command(lambda: _main(arguments, source), INTERRUPTED)


async def _main(arguments: argparse.Namespace, source: Source) -> int:
    async with client_of(arguments, name=arguments.name) as client:
        for filter in arguments.advertise:
            await client.advertise(filter)
        try:
            return await _Publishing(client, source, arguments.skip_bad).all()
        except Interrupted:
            if left := client.pending:
                complain(f"interrupted: {left:,} of the events may or may not have been taken")
            raise


class _Publishing:
    """Publishes lines, and knows which line a publication was."""

    def __init__(self, client: Client, source: Source, skip_bad: bool) -> None:
        self._client, self._source, self._skip_bad = client, source, skip_bad
        self._bad = 0
        self._lines: dict[int, int] = {}
        # Whether an event is acceptable does not depend on who has subscribed, so it is found out
        # before anything is sent.
        self._check: Matcher[Any] = Matcher()

    async def all(self) -> int:
        """Publish everything. Raises `InputError` at a bad line, unless it is skipped."""
        number = 0
        async for block in _blocks(self._source):
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                if line.strip(BLANK):
                    await self._publish(line, number)
        await self._settle()
        return BAD_INPUT if self._bad else OK

    async def _publish(self, line: bytes, number: int) -> None:
        try:
            self._check.matches_any(line)
        except EventError as error:
            if not self._skip_bad:
                await self._settle()  # the lines before it are taken
            self._complain(number, error)
            return
        publication = await self._client.publish(line)
        self._lines[publication] = number
        if len(self._lines) > 4_096:  # more than can be unanswered
            for old in list(self._lines)[:2_048]:
                del self._lines[old]
        self._refused()

    async def _settle(self) -> None:
        await self._client.answered()
        self._refused()

    def _refused(self) -> None:
        for publication, error in self._client.refused():
            self._complain(self._lines.get(publication, 0), error)

    def _complain(self, line: int, error: Exception) -> None:
        self._bad += 1
        message = f"{self._source.name}:{line}: {error}"
        if not self._skip_bad:
            raise InputError(message)
        complain(message)


async def _blocks(source: Source) -> AsyncIterator[bytes]:
    """Whole lines, as `Source.blocks` gives them; signals are heard while a pipe is waited for."""
    file = source.waits_at()
    if file is None:
        for block in source.blocks():
            yield block
        return
    held = bytearray()
    async for chunk in chunks(file):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield bytes(held) + chunk[:end]
            held = bytearray(chunk[end:])
        elif len(held) < LONGEST:
            held += chunk
    if held:
        yield bytes(held)
