"""The picture of ``matchengine bench``: speeds as bars and, with --growth, costs as lines.

matplotlib is optional and slow to import, so nothing here imports it before it is wanted.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw", "is_format", "is_possible"]

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


def is_possible() -> bool:
    """Is matplotlib installed?"""
    return importlib.util.find_spec("matplotlib") is not None


def is_format(path: str) -> bool:
    """Can a file of this name be drawn, and is its folder there?"""
    bases = importlib.import_module("matplotlib.backend_bases")
    formats: dict[str, str] = bases.FigureCanvasBase.get_supported_filetypes()
    file = Path(path)
    return file.suffix.removeprefix(".").lower() in formats and file.parent.is_dir()


def draw(rows: Rows, path: str) -> None:
    """Draw the rows of one size, or of several, to a file. Raises OSError."""
    figure_of = importlib.import_module("matplotlib.figure").Figure
    sizes = list(dict.fromkeys(row["subscriptions"] for row in rows))
    if len(sizes) == 1:
        figure = figure_of(figsize=(8, 3.2), layout="constrained")
        _bars(figure.subplots(), rows, sizes[0])
    else:
        figure = figure_of(figsize=(8, 8.5), layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=(5, 3))
        _lines(upper, rows)
        compared = [row["subscriptions"] for row in rows if row["times_the_comprehension"]]
        last = max(compared, default=sizes[-1])
        _bars(lower, [row for row in rows if row["subscriptions"] == last], last)
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
    axes.set_title(f"Events per second, {size:,} subscriptions", loc="left", fontsize=11)
    if any(row["times_the_comprehension"] for row in rows):
        axes.set_xlabel("in parentheses: the speed-up over the comprehension", fontsize=9)
    low, high = min(speeds) / 2, max(speeds)
    # A third of the axis, which is logarithmic, is left for the longest bar's label.
    axes.set(xscale="log", xlim=(low, high * (high / low) ** 0.5))
    axes.invert_yaxis()
    _tidy(axes, "x")


def _lines(axes: Any, rows: Rows) -> None:
    """Time per event over the number of subscriptions; the baselines are named at their ends."""
    for name in dict.fromkeys(row["matcher"] for row in rows):
        own = [row for row in rows if row["matcher"] == name]
        short = _short(own[0])
        x = [row["subscriptions"] for row in own]
        y = [row["us_per_event"] for row in own]
        baseline = short in ("counting", "comprehension")
        axes.plot(
            x, y, color=COLOURS[short], marker=MARKERS[short], markersize=5, linewidth=2,
            label=None if baseline else name,
        )  # fmt: skip
        if baseline:
            axes.annotate(
                f"{name}\n{y[-1] / 1000:,.0f} ms",
                (x[-1], y[-1]), textcoords="offset points", xytext=(10, -10), fontsize=9,
            )  # fmt: skip
    ours = [row for row in rows if _short(row) == "match_batch"][-1]
    axes.annotate(
        f"match_batch\n{ours['us_per_event']:,.1f} us",
        (ours["subscriptions"], ours["us_per_event"]),
        textcoords="offset points", xytext=(10, -10), fontsize=9, color=COLOURS["match_batch"],
    )  # fmt: skip
    title = "What an event costs as subscriptions become more"
    axes.set_title(title, loc="left", fontsize=11, pad=26)  # the legend is in between
    axes.set(xscale="log", yscale="log", xlabel="subscriptions", ylabel="microseconds an event")
    last = max(row["subscriptions"] for row in rows)
    first = min(row["subscriptions"] for row in rows) / 1.5
    # Room for what stands at the ends of the lines, the long names of the baselines perhaps.
    long = any(row["subscriptions"] == last and _short(row) == "comprehension" for row in rows)
    axes.set(xlim=(first, last * (last / first) ** (0.6 if long else 0.3)))
    axes.set(ylim=(min(1, *(row["us_per_event"] / 2 for row in rows)), None))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(
        frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2, borderpad=0.2,
    )  # fmt: skip
    _tidy(axes, "both")


def _tidy(axes: Any, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, which="major", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
