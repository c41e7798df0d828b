"""``matchengine explain``: why an event matches a rule, or why not."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matchengine._reading import id_of
from matchengine.cli.command import Commands, add_json, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, complain
from matchengine.cli.rules import load_rules, name_of
from matchengine.cli.source import InputError, Source
from matchengine.errors import MatchEngineError
from matchengine.matcher import Matcher

__all__ = ["add_command"]


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``explain`` to the parser."""
    parser = new_command(
        commands,
        "explain",
        _run,
        "say why an event matches a rule, or why not",
        "Print whether the event matches, and the predicates that decide with what "
        "the event has for them. The exit code is 0 either way, and 1 when the rule or the event "
        "is bad.",
    )
    parser.add_argument(
        "rule",
        metavar="RULE",
        help='a filter as text, or a JSON line {"id": ..., "filter": "..."}; with --id a file '
        "of such lines (.gz or - as well)",
    )
    parser.add_argument("event", metavar="EVENT", help="an event as JSON, or - for standard input")
    parser.add_argument(
        "--id",
        metavar="ID",
        help="explain the rule with this id, RULE being a file; ID is JSON, or else a string as "
        "it stands",
    )
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    _look_for_files(arguments)
    output = Output()
    matcher: Matcher[Any] = Matcher()
    try:
        if arguments.id is not None:
            id = _add_file(matcher, arguments.rule, arguments.id)
        else:
            id = _add(matcher, arguments.rule)
    except (MatchEngineError, ValueError) as error:
        complain(f"RULE: {error}")
        return BAD_INPUT
    event = b"".join(Source("-").blocks()) if arguments.event == "-" else arguments.event
    try:
        found = matcher.explain(event, id)
    except MatchEngineError as error:
        complain(f"EVENT: {error}")
        return BAD_INPUT
    output.write([found.as_json() if arguments.json else found.text(name_of(found.id))])
    return OK


def _look_for_files(arguments: argparse.Namespace) -> None:
    """A file's name where a text is wanted is wrong usage, though it may look like a filter."""
    if arguments.id is None and _is_file(arguments.rule):
        arguments.wrong_usage(
            f"RULE is a filter, and {arguments.rule!r} is a file: to explain one of its rules, add "
            f"--id ID (an attribute of this name would be: {arguments.rule} = TRUE)"
        )
    if arguments.id is not None and arguments.rule == arguments.event == "-":
        arguments.wrong_usage("RULE and EVENT cannot both be stdin")
    if _is_file(arguments.event):
        arguments.wrong_usage(
            f"EVENT is JSON, and {arguments.event!r} is a file: give - for EVENT and the file as "
            f"standard input"
        )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def _add(matcher: Matcher[Any], rule: str) -> Any:
    """Add the rule and return its id; no filter begins with a brace."""
    if rule.lstrip().startswith("{"):
        ids = matcher.add_many(rule)
        if len(ids) != 1:
            raise ValueError(f"one rule is wanted, got {len(ids)}")
        return ids[0]
    return matcher.add(rule, id="the rule")


def _add_file(matcher: Matcher[Any], name: str, wanted: str) -> Any:
    """Add the rules of a file and return the id that is wanted. Raises `InputError`.

    Another line with the same id is bad, and only mentioned.
    """
    with Source(name) as source:
        bad = {
            rule.id: f"{source.name}:{rule.line}: {rule.error}"
            for rule in load_rules(source, matcher)
            if rule.error and rule.id is not None
        }
    for meant in _meanings(wanted):
        if meant in bad:
            if meant not in matcher:
                raise InputError(bad[meant])
            complain(bad[meant])
        if meant in matcher:
            return next(id for id in matcher if id == meant)  # 2 for 2.0: as the file has it
    raise InputError(f"{source.name}: no rule has the id {wanted}")


def _meanings(wanted: str) -> Iterator[Any]:
    """What an id on the command line may stand for: the value, where it is JSON, or itself."""
    with contextlib.suppress(ValueError):
        yield id_of(wanted)
    yield wanted
