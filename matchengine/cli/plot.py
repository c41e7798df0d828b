"""The picture of ``matchengine bench``: speeds as bars and, with --growth, costs as lines.

matplotlib is optional and slow to import, so nothing here imports it before it is wanted.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matchengine.cli.output import counted

__all__ = ["draw", "fault_of", "is_possible"]

Rows = Sequence[dict[str, Any]]

#: Ours in blue, plain Python in grey, by the first word of their names.
COLOURS = {
    "match_batch": "#0b4f9e",
    "match_json": "#2f86d6",
    "match": "#8cbdec",
    "counting": "#77736b",
    "comprehension": "#b5b0a6",
}
MARKERS = {
    "match_batch": "o",
    "match_json": "s",
    "match": "D",
    "counting": "^",
    "comprehension": "v",
}

#: What a label of two lines, at the end of a line, needs of the height.
LABEL = 0.09
#: Room beside the data, as a factor.
MARGIN = 1.3


def is_possible() -> bool:
    """Is matplotlib installed?"""
    return importlib.util.find_spec("matplotlib") is not None


def fault_of(path: str) -> str:
    """Why no picture can be drawn to a file of this name, or ""."""
    bases = importlib.import_module("matplotlib.backend_bases")
    formats: dict[str, str] = bases.FigureCanvasBase.get_supported_filetypes()
    file = Path(path)
    if file.is_dir():
        return f"{path!r} is a directory"
    if not file.parent.is_dir():
        return f"there is no directory {str(file.parent)!r}"
    if file.suffix.removeprefix(".").lower() not in formats:
        known = ", ".join(f".{name}" for name in sorted(formats))
        return f"{path!r} ends in none of {known}"
    return ""


def draw(rows: Rows, path: str) -> None:
    """Draw the rows of one size, or of several, to a file. Raises OSError."""
    figure_of = importlib.import_module("matplotlib.figure").Figure
    sizes = list(dict.fromkeys(row["subscriptions"] for row in rows))
    if len(sizes) == 1:
        figure = figure_of(figsize=(8, 3.2), layout="constrained")
        _bars(figure.subplots(), rows, sizes[0])
    else:
        figure = figure_of(figsize=(8, 8.5), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=(5, 3))
        _lines(upper.subplots(), rows)
        compared = [row["subscriptions"] for row in rows if row["times_the_comprehension"]]
        last = max(compared, default=sizes[-1])
        _bars(lower.subplots(), [row for row in rows if row["subscriptions"] == last], last)
    figure.savefig(path, dpi=160)


def _short(row: dict[str, Any]) -> str:
    return str(row["matcher"].split(" ")[0])


def _bars(axes: Any, rows: Rows, size: int) -> None:
    """Events per second, with the speed-up over the comprehension."""
    names = [row["matcher"] for row in rows]
    speeds = [row["events_per_second"] for row in rows]
    bars = axes.barh(names, speeds, color=[COLOURS[_short(row)] for row in rows], height=0.7)
    labels = []
    for row in rows:
        times = row["times_the_comprehension"]
        speed = row["events_per_second"]
        label = f"{speed:,.1f}" if speed < 10 else f"{speed:,.0f}"
        labels.append(f"{label}   ({times:,.0f} x)" if times and times >= 1.5 else label)
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    title = f"Events per second, {counted(size, 'subscription')}"
    axes.set_title(title, loc="left", fontsize=11)
    if any(row["times_the_comprehension"] for row in rows):
        axes.set_xlabel("in parentheses: the speed-up over the comprehension", fontsize=9)
    low, high = min(speeds) / 2, max(speeds)
    # A third of the axis, which is logarithmic, is left for the longest bar's label.
    axes.set(xscale="log", xlim=(low, high * (high / low) ** 0.5))
    _number(axes.xaxis, low, high)
    axes.invert_yaxis()
    _tidy(axes, "x")


def _lines(axes: Any, rows: Rows) -> None:
    """Time per event over the number of subscriptions, with the name of each line beside it."""
    ends = []
    for name in dict.fromkeys(row["matcher"] for row in rows):
        own = [row for row in rows if row["matcher"] == name]
        ends.append(own[-1])
        short = _short(own[0])
        axes.plot(
            [row["subscriptions"] for row in own], [row["us_per_event"] for row in own],
            color=COLOURS[short], marker=MARKERS[short], markersize=5, linewidth=2,
        )  # fmt: skip
    title = "What an event costs as subscriptions become more"
    axes.set_title(title, loc="left", fontsize=11)
    axes.set(xscale="log", yscale="log", xlabel="subscriptions", ylabel="microseconds an event")
    x = _limits([row["subscriptions"] for row in rows])
    y = _limits([row["us_per_event"] for row in rows])
    axes.set(xlim=x, ylim=y)
    _number(axes.xaxis, *x)
    _number(axes.yaxis, *y)
    _name(axes, sorted(ends, key=lambda row: float(row["us_per_event"])), y)
    _tidy(axes, "both")


def _name(axes: Any, ends: Rows, limits: tuple[float, float]) -> None:
    """Labels on the right for lines that end so, the lowest first; none covers another."""
    low, high = map(math.log, limits)
    last = max(row["subscriptions"] for row in ends)
    place = -LABEL
    for number, row in enumerate(ends):
        wanted = (math.log(row["us_per_event"]) - low) / (high - low)
        highest = 1 - LABEL * (len(ends) - 0.5 - number)
        place = min(max(wanted, place + LABEL), highest)
        us, size = row["us_per_event"], row["subscriptions"]
        time = f"{us:,.1f} us" if us < 1000 else f"{us / 1000:,.1f} ms"
        axes.annotate(
            f"{row['matcher']}\n{time}" + (f" at {size:,}" if size < last else ""),
            (size, us), xytext=(1.04, place), textcoords="axes fraction", va="center", fontsize=9,
            arrowprops={
                "arrowstyle": "-", "color": COLOURS[_short(row)], "linestyle": "dotted",
                "relpos": (0, 0.5), "shrinkA": 4, "shrinkB": 6,
            },
        )  # fmt: skip


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Of an axis."""
    return min(values) / MARGIN, max(values) * MARGIN


def _number(axis: Any, low: float, high: float) -> None:
    """Plain numbers at the powers of ten; at 1, 2 and 5 times these where there is but one."""
    powers = [10.0**n for n in range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)]
    ticks = [power for power in powers if low <= power <= high]
    if len(ticks) < 2:
        ticks = [n * power for power in powers for n in (1, 2, 5) if low <= n * power <= high]
    ticks = ticks[:: max(1, math.ceil(len(ticks) / 7))]
    axis.set_ticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
    axis.set_tick_params(labelsize=9)


def _tidy(axes: Any, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, which="major", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
