"""The shape that all commands have: a parser, arguments that several share, and what runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["Commands", "Run", "add_json", "add_rules", "new_command"]

Commands = argparse._SubParsersAction
#: A command gets its arguments and returns an exit code. `arguments.wrong_usage(message)` ends it
#: with 2, where the parser alone could not tell.
Run = Callable[[argparse.Namespace], int]


def new_command(
    commands: Commands[argparse.ArgumentParser], name: str, run: Run, help: str, description: str
) -> argparse.ArgumentParser:
    """Add a command without arguments, and return its parser."""
    parser = commands.add_parser(name, help=help, description=description)
    parser.set_defaults(run=run, wrong_usage=parser.error)
    return parser


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the argument RULES."""
    parser.add_argument(
        "rules", metavar="RULES", help='JSON lines {"id": ..., "filter": "..."}; .gz or - as well'
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option --json."""
    parser.add_argument("--json", action="store_true", help="print JSON lines")
