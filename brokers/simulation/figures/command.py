"""``matchengine sim --figure NAME``: measure, print the rows, draw them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from brokers.simulation.figures import drawing, medym, siena, strategies
from matchengine.cli import plot
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain

__all__ = ["FIGURES", "add_arguments", "show", "table"]

Row = dict[str, Any]

FIGURES: dict[str, Callable[..., Iterator[Row]]] = {
    "siena": siena.measure,
    "medym": medym.measure,
    "strategies": strategies.measure,
}
#: Arguments of `sim` that a figure does without.
OTHERS = ("preset", "brokers", "messages", "seeds", "faults", "shape", "jobs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what figures need to the parser of ``sim``."""
    parser.add_argument(
        "--figure", metavar="NAME",
        help=f"instead of a preset: measure {', '.join(FIGURES)}; --seed draws another overlay, "
        "--json prints one array",
    )  # fmt: skip
    parser.add_argument("--plot", metavar="FILE", help="draw the figure, too (needs matplotlib)")
    parser.set_defaults(default_of=parser.get_default)


def show(arguments: argparse.Namespace) -> int:
    """Measure the figure that is named."""
    name = arguments.figure
    if name not in FIGURES:
        arguments.wrong_usage(f"no figure {name!r}: one of {', '.join(FIGURES)}")
    for other in OTHERS:
        if getattr(arguments, other) != arguments.default_of(other):
            what = "a preset" if other == "preset" else f"--{other}"
            arguments.wrong_usage(f"--figure does not go with {what}")
    if arguments.plot:  # minutes of measuring should not end in a complaint
        if not plot.is_possible():
            complain("matchengine: --plot needs matplotlib: pip install matplotlib")
            return BAD_INPUT
        if fault := plot.fault_of(arguments.plot):
            arguments.wrong_usage(f"--plot: {fault}")
    output = Output()
    seed = 1 if arguments.seed is None else arguments.seed
    rows: list[Row] = []
    with Progress("", None, answers_come_later=True) as progress:
        for row in FIGURES[name](seed=seed):
            if not rows or rows[-1]["preset"] != row["preset"]:
                progress.stage(row["preset"])
            rows.append(row)
    output.write(array(rows) if arguments.json else table(rows))
    if arguments.plot:
        drawing.draw(name, rows, arguments.plot)
        complain(f"drawn in {arguments.plot}")
    return OK


def array(rows: Sequence[Row]) -> list[str]:
    """One JSON array, a row in each line."""
    *others, last = map(json.dumps, rows)
    return ["[", *(f"{other}," for other in others), last, "]"]


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as text, in columns."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
