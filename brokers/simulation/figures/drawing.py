"""How the figures look. matplotlib is optional and slow to import, so only `draw` imports it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from brokers.simulation.figures import siena
from brokers.simulation.figures.quiet import CONTROL

__all__ = ["DRAWINGS", "draw"]

Row = dict[str, Any]
Rows = Sequence[Row]

#: Colour, marker and dashes of each preset, the same in all figures.
STYLES: dict[str, tuple[str, str, str]] = {
    siena.CENTRE: ("#b5b0a6", "v", "-"),
    "central": ("#77736b", "^", "-"),
    "flooding": ("#c9a227", "x", "-"),
    "siena-hierarchical": ("#d9822b", "s", "-"),
    "siena": ("#2f86d6", "o", "-"),
    "siena-adv": ("#7d4fa8", "D", "-"),
    "medym": ("#2a9d5c", "s", "--"),
    "rendezvous": ("#c0392b", "P", "-"),
    "default": ("#0b4f9e", "o", "-"),
}
#: Shades of one bar's parts.
SHADES = ("#0b4f9e", "#2f86d6", "#8cbdec", "#d5e6f7")


def draw(name: str, rows: Rows, path: str) -> None:
    """Draw a figure to a file. Raises OSError."""
    matplotlib = importlib.import_module("matplotlib")
    figure_of = importlib.import_module("matplotlib.figure").Figure
    # Text as text, and no ids or dates of this run: the same data is the same file.
    style = {"svg.hashsalt": "matchengine", "svg.fonttype": "none", "font.size": 9}
    with matplotlib.rc_context(style):
        figure = figure_of(layout="constrained")
        DRAWINGS[name](figure, rows)
        is_svg = path.lower().endswith(".svg")
        figure.savefig(path, dpi=130, **({"metadata": {"Date": None}} if is_svg else {}))


def _siena(figure: Any, rows: Rows) -> None:
    figure.set_size_inches(9, 7.5)
    panels = figure.subplots(2, 2, sharex=True)
    for line, notifications in zip(panels, (siena.NOTIFICATIONS, 1), strict=True):
        for axes, objects in zip(line, siena.OBJECTS, strict=True):
            for preset in siena.LINES:
                own = [r for r in rows if (r["preset"], r["objects"]) == (preset, objects)]
                x = [row["parties"] for row in own]
                _line(axes, preset, x, [siena.cost(row, notifications) for row in own])
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
                axis.set_ticks([], minor=True)
            title = f"{objects} object{'s' * (objects > 1)}, {notifications} notification"
            title += f"{'s' * (notifications > 1)}{' each' * (objects > 1)}"
            axes.set_title(title, loc="left", fontsize=10)
            _tidy(axes)
    for axes in panels[-1]:
        axes.set_xlabel("interested parties")
    for line in panels:
        line[0].set_ylabel("messages over links")
    _explain(figure, panels[0][0], 3)


def _medym(figure: Any, rows: Rows) -> None:
    figure.set_size_inches(9, 6.8)
    panels = figure.subplots(2, 2, sharex=True)
    wanted = {
        "crossings": "Links crossed by an event",
        "idle": "Brokers that pass it on and do not want it",
        "matches": "Matches for it, at all brokers",
        "bytes": "Bytes over links",
    }
    for axes, (column, title) in zip(panels.flat, wanted.items(), strict=True):
        for preset in ("siena", "default", "medym"):
            own = [row for row in rows if row["preset"] == preset]
            x = [row["selectivity"] for row in own]
            _line(axes, preset, x, [row[column] for row in own])
        axes.set_title(title, loc="left", fontsize=10)
        ticks = [1, 2, 5, 10, 20, 50, 100]
        axes.set_xscale("log")
        axes.xaxis.set_ticks(ticks, [f"{tick} %" for tick in ticks])
        axes.xaxis.set_ticks([], minor=True)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        _tidy(axes)
    for axes in panels[-1]:
        axes.set_xlabel("brokers that want the event")
    _explain(figure, panels[0][0], 3)


def _strategies(figure: Any, rows: Rows) -> None:
    figure.set_size_inches(10, 6.8)
    panels = figure.subplots(2, 3, sharey=True)
    control = [kind for kind in CONTROL if kind in rows[0]]
    _bars(panels[0][0], rows, control, "Control messages over links")
    handles = panels[0][0].containers
    figure.legend(
        handles, control, loc="outside lower left", ncols=len(control), frameon=False,
        title="control messages", alignment="left",
    )  # fmt: skip
    _bars(panels[0][1], rows, ["events"], "Events over links")
    _bars(panels[0][2], rows, ["hops"], "Links from publisher to subscriber, mean")
    _bars(panels[1][0], rows, ["entries"], "Entries in all tables")
    _bars(panels[1][1], rows, ["most_entries"], "Entries of the broker with most")
    _bars(panels[1][2], rows, ["matches"], "Matches for an event, at all brokers")


def _bars(axes: Any, rows: Rows, columns: Sequence[str], title: str) -> None:
    """A bar for each preset. One that would dwarf all others is cut, its label says so."""
    sums = [sum(row[column] for column in columns) for row in rows]
    longest = sorted(sums)
    limit = longest[-1] if longest[-1] < 6 * longest[-2] else 1.15 * longest[-2]
    names = [row["preset"] for row in rows]
    left = [0.0] * len(rows)
    for column, shade in zip(columns, SHADES, strict=False):
        parts = [
            row[column] * min(1.0, limit / max(whole, 1))
            for row, whole in zip(rows, sums, strict=True)
        ]
        axes.barh(names, parts, left=left, height=0.7, color=shade)
        left = [a + b for a, b in zip(left, parts, strict=True)]
    for place, (end, whole) in enumerate(zip(left, sums, strict=True)):
        text = f"{whole:,.1f}" if isinstance(whole, float) else f"{whole:,}"
        arrow = "… " * (whole > limit)
        axes.annotate(
            arrow + text, (end, place), xytext=(3, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 1.3 * limit)
    axes.set_title(title, loc="left", fontsize=10)
    axes.xaxis.set_ticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if not axes.yaxis_inverted():  # the axis is shared
        axes.invert_yaxis()


def _line(axes: Any, preset: str, x: Sequence[float], y: Sequence[float]) -> None:
    colour, marker, dashes = STYLES[preset]
    axes.plot(
        x, y, color=colour, marker=marker, linestyle=dashes, markersize=4, linewidth=1.8,
        label=preset,
    )  # fmt: skip


def _explain(figure: Any, axes: Any, columns: int) -> None:
    """One legend above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", which="major", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)


DRAWINGS: dict[str, Callable[[Any, Rows], None]] = {
    "siena": _siena,
    "medym": _medym,
    "strategies": _strategies,
}
