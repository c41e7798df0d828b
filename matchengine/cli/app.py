"""The argument parser, commands of other packages, and what an exception means for the exit code.

Another package adds a command with an entry point in the group "matchengine.commands": a function
that gets the parser's subparsers, adds its own, and sets its default `run`, a function from the
parsed arguments to an exit code.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from matchengine import ExpensiveFilterWarning
from matchengine.cli import bench, check, explain, match
from matchengine.cli.command import Commands
from matchengine.cli.output import BAD_INPUT, INTERRUPTED, OK, Output, complain
from matchengine.cli.source import InputError

__all__ = ["main"]

ENTRY_POINTS = "matchengine.commands"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; SystemExit with 2 for wrong usage."""
    try:
        arguments = _parser(sys.argv[1:] if argv is None else argv)
        with warnings.catch_warnings():  # `check` says what is expensive, and where
            warnings.simplefilter("ignore", ExpensiveFilterWarning)
            code: int = arguments.run(arguments)
        Output.flush()
        return code
    except InputError as error:
        complain(str(error))
        return BAD_INPUT
    except BrokenPipeError:  # whoever reads has seen enough
        _let_go_of_output()
        return OK
    except OSError as error:
        _let_go_of_output()
        complain(f"matchengine: {error.strerror or error}")
        return BAD_INPUT
    except MemoryError:
        complain("matchengine: out of memory")
        return BAD_INPUT
    except KeyboardInterrupt:
        _let_go_of_output()
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """The parser of the command, and of each of its commands."""

    def print_help(self, file: Any = None) -> None:
        """Print the help. Raises OSError where that fails, of which argparse says nothing."""
        if file is not None:
            super().print_help(file)
        else:
            Output().write([self.format_help().rstrip("\n")])
            Output.flush()


def _parser(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments. Raises SystemExit, and OSError where the help cannot be printed."""
    parser: argparse.ArgumentParser = _Parser(
        prog="matchengine", description="Which of a million standing subscriptions want this event?"
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(run=_version_of(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for own in (match, check, explain, bench):
        own.add_command(commands)
    if not argv or argv[0] not in commands.choices:
        # Importing other packages takes time, and what we bring does not need them.
        _add_foreign_commands(commands)
    return parser.parse_args(argv)


def _version_of(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """What runs when no command is named."""

    def run(arguments: argparse.Namespace) -> int:
        if not arguments.version:
            parser.error("a command is missing")
        Output().write([f"matchengine {metadata.version('matchengine')}"])
        return OK

    return run


def _add_foreign_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    for entry_point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry_point.load()(commands)
        except Exception as error:  # a broken package must not take the rest with it
            complain(f"matchengine: no commands from {entry_point.value}: {error}")


def _let_go_of_output() -> None:
    """What is still buffered has nowhere to go; Python would try again at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError, AttributeError):
                continue
