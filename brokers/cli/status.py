"""``matchengine status``, ``route`` and ``audit``: what brokers say about themselves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from brokers.aio.run import sleep
from brokers.cli.common import add_connection, add_proofs, address, client_of, run_command
from matchengine import EventError, Matcher
from matchengine.cli.command import Commands, add_json, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, complain

__all__ = ["add_command", "as_lines"]


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add all three to the parser."""
    _add_status(commands)
    _add_route(commands)
    _add_audit(commands)


def _add_status(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = new_command(
        commands,
        "status",
        _status,
        "print how a broker is doing",
        "Print links, tables, clients, queues and counts of a broker.",
    )
    add_connection(parser)
    add_json(parser)
    parser.add_argument(
        "--over",
        metavar="SECONDS",
        type=_seconds,
        help="ask twice, and print what grew per second as `rates`",
    )


def _add_route(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = new_command(
        commands,
        "route",
        _route,
        "say over which links a broker sends an event, and why",
        "Print for every link of a broker whether the event would take it: which filter wants it "
        "and since when, or why not.",
    )
    parser.add_argument("event", metavar="EVENT", help="an event as JSON")
    parser.add_argument(
        "--source", metavar="BROKER", help="the broker where it is published; else the one asked"
    )
    add_connection(parser)
    add_json(parser)


def _add_audit(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = new_command(
        commands,
        "audit",
        _audit,
        "do the tables of neighbours agree?",
        "Ask brokers for the tables of their links, and compare what one exports with what the "
        "other has imported. The exit code is 1 when a link differs, or has one end only. Between "
        "two changes of interest tables may differ for a moment.",
    )
    parser.add_argument(
        "--broker",
        metavar="HOST:PORT",
        dest="brokers",
        type=address,
        action="append",
        required=True,
        help="which brokers; give several, neighbours of each other",
    )
    add_proofs(parser)
    add_json(parser)


def _status(arguments: argparse.Namespace) -> int:
    async def main() -> int:
        async with client_of(arguments) as client:
            answer = await client.ask("status")
            if arguments.over is not None:
                await sleep(arguments.over)
                before, now = json.loads(answer), json.loads(await client.ask("status"))
                now["rates"] = dict(_rates(before, now, arguments.over))
                answer = json.dumps(now)
            _print(answer, arguments.json)
        return OK

    return run_command(main)


def _route(arguments: argparse.Namespace) -> int:
    try:
        Matcher[Any]().matches_any(arguments.event)
    except EventError as error:
        complain(f"EVENT: {error}")
        return BAD_INPUT

    async def main() -> int:
        about = {"event": arguments.event}
        if arguments.source is not None:
            about["source"] = arguments.source
        async with client_of(arguments) as client:
            _print(await client.ask("explain", **about), arguments.json)
        return OK

    return run_command(main)


def _audit(arguments: argparse.Namespace) -> int:
    async def main() -> int:
        tables: dict[str, dict[str, Any]] = {}
        for at in arguments.brokers:
            async with client_of(arguments, at) as client:
                answer = json.loads(await client.ask("audit"))
                tables[answer["broker"]] = answer["links"]
        links = list(_compare(tables))
        if arguments.json:
            Output().write(json.dumps(link) for link in links)
        else:
            Output().write(
                f"{link['from']} -> {link['to']}: {link['verdict']}, {link['entries']} entries"
                for link in links
            )
        return OK if all(link["verdict"] in ("agree", "not asked") for link in links) else BAD_INPUT

    return run_command(main)


def _compare(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each broker exports, beside what its neighbour has imported."""
    for name, links in tables.items():
        for neighbour, ours in links.items():
            if neighbour not in tables:
                verdict = "not asked"
            elif name not in tables[neighbour]:
                verdict = f"{neighbour} has no such link"
            elif tables[neighbour][name]["imported"] == ours["exported"]:
                verdict = "agree"
            else:
                verdict = f"differ: {neighbour} holds {tables[neighbour][name]['imported'][0]}"
            entries = ours["exported"][0]
            yield {"from": name, "to": neighbour, "verdict": verdict, "entries": entries}


def _rates(before: Any, now: Any, seconds: float, path: str = "") -> Iterator[tuple[str, float]]:
    """How much every number grew per second, those apart that did not."""
    for key, value in now.items():
        place = f"{path}{key}"
        old = before.get(key) if isinstance(before, dict) else None
        if isinstance(value, dict):
            yield from _rates(old, value, seconds, f"{place}.")
        elif isinstance(value, int) and isinstance(old, int) and value > old:
            yield place, round((value - old) / seconds, 3)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"seconds, fewer than a day, are wanted, got {text!r}")
    return seconds


def _print(answer: str, as_json: bool) -> None:
    Output().write([answer] if as_json else as_lines(json.loads(answer)))


def as_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """JSON for people: a line for a value, an indented block for what has parts."""
    for key, one in value.items():
        parts = one if isinstance(one, dict) else {}
        if isinstance(one, list) and any(isinstance(part, dict) for part in one):
            yield f"{indent}{key}:"
            for part in one:
                yield f"{indent}  - " + ", ".join(f"{k}: {v}" for k, v in part.items())
        elif parts:
            yield f"{indent}{key}:"
            yield from as_lines(parts, indent + "  ")
        elif isinstance(one, list | dict):
            yield f"{indent}{key}: " + (", ".join(map(str, one)) or "none")
        else:
            yield f"{indent}{key}: {one}"
