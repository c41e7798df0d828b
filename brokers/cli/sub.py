"""``matchengine sub``: the events that a filter lets through, as they come."""

from __future__ import annotations

import argparse
import json

from brokers.cli.common import add_connection, client_of, run_command
from brokers.messages import Event, Policy
from matchengine.cli.command import Commands, new_command
from matchengine.cli.output import OK, Output, complain

__all__ = ["add_command"]


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``sub`` to the parser."""
    parser = new_command(
        commands,
        "sub",
        _run,
        "print the events that match a filter, as they are published",
        "Subscribe, say so on stderr once no later event is missed, and print one event a line, as "
        "it was published. Ends with exit code 0 after --count events, at SIGINT and SIGTERM.",
    )
    parser.add_argument("filter", metavar="FILTER", help="which events; '' for all")
    add_connection(parser)
    parser.add_argument("--count", metavar="N", type=_positive, help="end after N events")
    parser.add_argument(
        "--envelope",
        action="store_true",
        help='print {"publisher": ..., "source": ..., "sequence": n, "event": ...}',
    )
    parser.add_argument(
        "--name",
        help="keep the subscription at the broker under this name when this ends; it replaces "
        "whatever the name has subscribed to before",
    )
    parser.add_argument(
        "--policy",
        choices=Policy.ALL,
        default=Policy.BLOCK,
        help="what happens when more than --limit events wait for us",
    )
    parser.add_argument("--limit", metavar="N", type=_positive, default=1_024, help="default 1024")


def _run(arguments: argparse.Namespace) -> int:
    return run_command(lambda: _main(arguments))


async def _main(arguments: argparse.Namespace) -> int:
    output = Output()
    left: int | None = arguments.count
    line = _envelope if arguments.envelope else _body
    async with client_of(
        arguments, name=arguments.name, policy=arguments.policy, limit=arguments.limit
    ) as client:
        subscription = await client.subscribe(arguments.filter)
        for other in client.subscriptions:
            if other is not subscription:
                await other.unsubscribe()
        complain("subscribed")
        try:
            async for event in subscription:
                output.write([line(event)])
                if left is not None:
                    left -= 1
                    if not left:
                        break
        finally:
            for reason, number in client.lost.items():
                complain(f"lost {number:,}: {reason}")
    return OK


def _body(event: Event) -> str:
    """The body on one line; in JSON, line breaks stand between tokens only."""
    return event.body.decode().replace("\r", " ").replace("\n", " ")


def _envelope(event: Event) -> str:
    publisher, source = json.dumps(event.publisher), json.dumps(event.source)
    return (
        f'{{"publisher": {publisher}, "source": {source}, "sequence": {event.sequence}, '
        f'"event": {_body(event)}}}'
    )


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < number < 1 << 32:
        raise argparse.ArgumentTypeError(f"a whole number above 0 is wanted, got {text!r}")
    return number
