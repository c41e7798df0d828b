"""``matchengine sim``: run seeds, say which fail and how to see them fail again."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from time import perf_counter
from typing import Any

from brokers.presets import PRESETS
from brokers.simulation.coverage import missing
from brokers.simulation.faults import FAULTS
from brokers.simulation.figures.command import add_arguments, show
from brokers.simulation.graph import SHAPES
from brokers.simulation.many import run_many
from brokers.simulation.run import Options, Result
from brokers.simulation.subject import Subject, check_tables
from matchengine.cli.command import Commands, add_json, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain, counted

__all__ = ["add_command"]

DEFAULTS = Options(preset="default")


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``sim`` to the parser."""
    parser = new_command(
        commands,
        "sim",
        _run,
        "run brokers in virtual time, with faults, and judge what is delivered",
        "Simulate an overlay of brokers with clients that come, subscribe, publish and leave; "
        "check every promise; exit with 1 if one is broken. The same seed is the same history.",
    )
    parser.add_argument("preset", metavar="PRESET", nargs="?", help=f"one of {', '.join(PRESETS)}")
    parser.add_argument(
        "--brokers", type=_number(1, 999), default=DEFAULTS.brokers, metavar="N",
        help=f"how many brokers ({DEFAULTS.brokers})",
    )  # fmt: skip
    parser.add_argument(
        "--messages", type=_number(1, 10**12), default=DEFAULTS.messages, metavar="N",
        help=f"how many messages are handed to nodes ({DEFAULTS.messages:,}), mending aside",
    )  # fmt: skip
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=_number(0, 2**63), metavar="S", help="run this seed (0)")
    seeds.add_argument("--seeds", type=_number(1, 10**9), metavar="N", help="run seeds 0 to N - 1")
    parser.add_argument(
        "--faults", type=_faults, default="none", metavar="NAME[,NAME]",
        help=f"none; all (each seed has some of them); or any of {', '.join(FAULTS)}",
    )  # fmt: skip
    parser.add_argument(
        "--shape", choices=("any", *SHAPES), default="any", help="of the overlay (any: each)"
    )
    parser.add_argument(
        "--jobs", type=_number(1, 1_024), metavar="N", help="processes (one for each core)"
    )
    add_json(parser)
    add_arguments(parser)


def _number(low: int, high: int) -> Any:
    def convert(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            message = f"a whole number, {low} to {high}, is wanted, got {text!r}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return convert


def _faults(text: str) -> str:
    for name in text.split(","):
        if name not in FAULTS and text not in ("none", "all"):
            raise argparse.ArgumentTypeError(
                f"{name!r} is no fault; there are none, all, {', '.join(FAULTS)}"
            )
    return text


def _options(arguments: argparse.Namespace) -> Options:
    named = tuple(dict.fromkeys(arguments.faults.split(",")))
    return Options(
        preset=arguments.preset,
        brokers=arguments.brokers,
        messages=arguments.messages,
        shape=arguments.shape,
        faults={"none": (), "all": tuple(FAULTS)}.get(arguments.faults, named),
        swarm=arguments.faults == "all",
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.figure is not None:
        return show(arguments)
    if arguments.plot:
        arguments.wrong_usage("--plot goes with --figure")
    if arguments.preset is None:
        arguments.wrong_usage(f"name a preset ({', '.join(PRESETS)}) or a --figure")
    if arguments.preset not in PRESETS:
        arguments.wrong_usage(f"no preset {arguments.preset!r}: one of {', '.join(PRESETS)}")
    options, output = _options(arguments), Output()
    one = arguments.seeds is None
    seeds = [arguments.seed or 0] if one else range(arguments.seeds)
    jobs = min(len(seeds), arguments.jobs or os.cpu_count() or 1)
    summary = _Summary(options)
    with Progress("seeds", len(seeds)) as progress:
        for result in run_many(options, seeds, Subject, check_tables, jobs):
            summary.add(result)
            progress.update(summary.seeds)
            if arguments.json:
                output.write([json.dumps(_record(result, options))])
            elif result.failure is not None or one:
                output.write(_lines(result, options))
    summary.finish()
    if not one:
        output.write([json.dumps(summary.record())] if arguments.json else summary.lines())
    for name in summary.missing:
        complain(f"matchengine: in {summary.messages:,} messages there was no {name}")
    return BAD_INPUT if summary.failed or summary.missing else OK


# ---- one seed -----------------------------------------------------------------------------------


def _replay(result: Result, options: Options) -> str:
    """The command that runs this seed again."""
    faults = "all" if options.swarm else ",".join(options.faults) or "none"
    shape = "" if options.shape == "any" else f" --shape {options.shape}"
    return (
        f"matchengine sim {options.preset} --brokers {options.brokers} "
        f"--messages {options.messages} --seed {result.seed} --faults {faults}{shape}"
    )


def _figures_of(result: Result) -> dict[str, Any]:
    # `asdict` would make Counters of lists of pairs of Counters.
    return {field.name: getattr(result, field.name) for field in fields(result)}


def _record(result: Result, options: Options) -> dict[str, Any]:
    record = _figures_of(result)
    record["event"] = result.event.decode() if result.event is not None else None
    record["replay"] = _replay(result, options)
    return record


def _lines(result: Result, options: Options) -> list[str]:
    head = f"seed {result.seed} ({result.drawn})"
    if result.failure is None:
        state = f"{head}: all promises kept"
        return [state, *_figures(_figures_of(result), result), f"trace {result.trace}"]
    story = [f"    {line}" for line in result.story]
    return [
        f"{head}: FAILED at {result.seconds:.4f} s",
        *(f"  {line}" for line in result.failure.splitlines()),
        *([f"  the event {result.event.decode()}:", *story] if result.event else []),
        f"  trace {result.trace}; to see it again:",
        f"  {_replay(result, options)}",
    ]


def _figures(figures: dict[str, Any], counts: Result | _Summary) -> list[str]:
    rows = [(name, f"{figures[name]:,}") for name in ("messages", "published", "deliveries")]
    rows.append(("messages a second", f"{counts.messages / max(counts.cpu, 1e-9):,.0f} on a core"))
    rows.append(("virtual time", f"{counts.seconds:,.0f} s"))
    rows += [(f"excused: {name}", f"{n:,}") for name, n in sorted(counts.excused.items())]
    rows += [(name, f"{n:,}") for name, n in sorted(counts.counters.items()) if n]
    width = max(len(name) for name, _ in rows) + 2
    return [f"{name:<{width}}{value}" for name, value in rows]


# ---- all seeds ----------------------------------------------------------------------------------


class _Summary:
    """The sums over all seeds."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._start = perf_counter()
        self.seeds = self.messages = self.published = self.deliveries = 0
        self.seconds = self.cpu = self.wall = 0.0
        self.excused: Counter[str] = Counter()
        self.counters: Counter[str] = Counter()
        self.failed: list[int] = []
        self.missing: Sequence[str] = ()

    def add(self, result: Result) -> None:
        """Another seed is through."""
        self.seeds += 1
        self.messages += result.messages
        self.published += result.published
        self.deliveries += result.deliveries
        self.seconds += result.seconds
        self.cpu += result.cpu
        self.excused.update(result.excused)
        self.counters.update(result.counters)
        if result.failure is not None:
            self.failed.append(result.seed)

    def finish(self) -> None:
        """All are through: has everything been met?"""
        self.wall = perf_counter() - self._start
        options = self._options
        self.missing = missing(options.preset, options.faults, self.messages, self.counters)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def lines(self) -> list[str]:
        """As text."""
        passed = self.seeds - len(self.failed)
        head = f"{self._options.preset}: {passed:,} of {counted(self.seeds, 'seed')} passed"
        failed = f"; failed: {', '.join(map(str, self.failed))}" if self.failed else ""
        return [
            head + failed,
            *_figures(self.record(), self),
            f"{'took':<20}{self.wall:,.1f} s",
        ]
