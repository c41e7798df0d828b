"""``matchengine explain``: why an event matches a rule, or why not."""

from __future__ import annotations

import argparse
import sys

from matchengine.cli.output import BAD_INPUT, OK, Output, complain
from matchengine.errors import MatchEngineError
from matchengine.matcher import Matcher

__all__ = ["add_command"]


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``explain`` to the parser."""
    parser = commands.add_parser(
        "explain",
        help="say why an event matches a rule, or why not",
        description="Print whether the event matches, and the predicates that decide with what "
        "the event has for them. The exit code is 0 either way, and 1 when the rule or the event "
        "is bad.",
    )
    parser.add_argument(
        "rule", metavar="RULE", help='a filter as text, or a JSON line {"id": ..., "filter": "..."}'
    )
    parser.add_argument("event", metavar="EVENT", help="an event as JSON, or - for standard input")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    output = Output()
    event = sys.stdin.buffer.read() if arguments.event == "-" else arguments.event
    matcher: Matcher[object] = Matcher()
    try:
        id = _add(matcher, arguments.rule)
    except (MatchEngineError, ValueError) as error:
        complain(f"RULE: {error}")
        return BAD_INPUT
    try:
        found = matcher.explain(event, id)
    except MatchEngineError as error:
        complain(f"EVENT: {error}")
        return BAD_INPUT
    output.write([found.as_json() if arguments.json else str(found)])
    return OK


def _add(matcher: Matcher[object], rule: str) -> object:
    """Add the rule and return its id; no filter begins with a brace."""
    if rule.lstrip().startswith("{"):
        ids = matcher.add_many(rule)
        if len(ids) != 1:
            raise ValueError(f"one rule is wanted, got {len(ids)}")
        return ids[0]
    return matcher.add(rule, id="the rule")
