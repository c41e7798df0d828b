"""``matchengine bench``: what it prints and draws."""

from __future__ import annotations

import importlib.util
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import matchengine.cli.bench
from command_kit import Command, command_fixture  # noqa: F401
from matchengine.cli import main

# ---- bench -------------------------------------------------------------------------------------


def test_bench(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    ran = command("bench", "--subscriptions", "300", "--events", "40", "--json")
    assert ran.code == 0
    assert "all matchers agree" in ran.err
    assert [line["matcher"].split()[0] for line in ran.out] == [
        "match_batch", "match_json", "match", "counting", "comprehension",
    ]  # fmt: skip
    assert ran.out[0]["events"] == 40
    assert ran.out[0]["matches"] == ran.out[1]["matches"] == ran.out[2]["matches"] > 0
    assert ran.out[-1]["times_the_comprehension"] == pytest.approx(1)


HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
needs_matplotlib = pytest.mark.skipif(not HAS_MATPLOTLIB, reason="matplotlib is not installed")


def test_bench_for_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    assert main(["bench", "--subscriptions", "100", "--events", "20"]) == 0
    out, _ = capfd.readouterr()
    assert out.startswith("100 subscriptions\n")
    assert "match_json" in out


@pytest.mark.parametrize("end", ["svg", "PNG"])
@needs_matplotlib
def test_bench_draws(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    chart = tmp_path / f"chart.{end}"
    small = ["bench", "--json", "--subscriptions", "1500", "--events", "20", "--plot", str(chart)]
    ran = command(*small)
    assert (ran.code, len(ran.out)) == (0, 5)
    bars = chart.read_bytes()
    assert command(*small, "--growth").code == 0
    assert bars.startswith((b"<?xml", b"\x89PNG"))
    assert len(chart.read_bytes()) > len(bars)  # the lines as well


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is drawn from now on."""
    from matplotlib.figure import Figure

    drawn: list[Any] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **k: (drawn.append(figure), save(figure, *a, **k))
    )
    return drawn


def rows_of(times: dict[int, tuple[float, ...]]) -> list[dict[str, Any]]:
    """Rows of so many microseconds an event, by the number of subscriptions."""
    return [
        {
            "matcher": name,
            "subscriptions": size,
            "us_per_event": us,
            "events_per_second": 1e6 / us,
            "times_the_comprehension": every[4] / us if len(every) > 4 else None,
        }
        for size, every in times.items()
        for name, us in zip(matchengine.cli.bench.ALL, every, strict=False)
    ]


def texts_of(axes: Any) -> list[Any]:
    """All texts that there are on and beside the axes, as boxes."""
    from matplotlib.text import Text

    ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    names = [axes._left_title, axes.xaxis.label, axes.yaxis.label]
    texts = [text for text in (*axes.texts, *names, *ticks) if text.get_text()]
    return [Text.get_window_extent(text) for text in texts]  # without the line to a label


@needs_matplotlib
def test_nothing_in_a_picture_is_cut_off_or_covered(figures: list[Any], tmp_path: Path) -> None:
    rows = rows_of(
        {
            1_000: (0.4, 0.5, 0.6, 210, 1e4),
            100_000: (5.9, 6.8, 6.5, 1.7e4, 1.1e6),
            1_000_000: (10.5, 11.4, 11.2),
        }
    )
    for number, some in enumerate((rows, rows[:10], rows[:5], rows[5:10])):
        matchengine.cli.bench.plot.draw(some, str(tmp_path / f"{number}.png"))
    for figure in figures:
        figure.draw_without_rendering()  # at its own resolution
        for axes in figure.axes:
            boxes = texts_of(axes)
            for box in boxes:
                assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
            assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    upper = figures[0].axes[0]
    points = [p for line in upper.lines for p in upper.transData.transform(line.get_xydata())]
    assert len(points) == 13
    assert all(upper.bbox.contains(*point) for point in points)
    assert sorted(text.get_text().splitlines()[0] for text in upper.texts) == sorted(
        matchengine.cli.bench.ALL
    )


@needs_matplotlib
def test_numbers_of_a_picture_are_plain(figures: list[Any], tmp_path: Path) -> None:
    """Powers of ten, or 1, 2 and 5 where there is but one; and no room without data."""
    draw = matchengine.cli.bench.plot.draw
    draw(
        rows_of(
            {1_000: (0.08, 0.09, 0.08, 800, 7e4), 3_000: (0.08, 0.09, 0.08, 2_385, 1.3e5)}
        ),
        str(tmp_path / "growth.png"),
    )  # fmt: skip
    upper, lower = figures[0].axes

    def shown(axis: Any) -> list[str]:
        assert not axis.get_ticklabels(minor=True)
        return [text.get_text() for text in axis.get_ticklabels()]

    assert shown(upper.xaxis) == ["1,000", "2,000"]
    assert shown(upper.yaxis) == ["0.1", "1", "10", "100", "1,000", "10,000", "100,000"]
    assert shown(lower.xaxis) == [
        "10",
        "100",
        "1,000",
        "10,000",
        "100,000",
        "1,000,000",
        "10,000,000",
    ]
    assert 700 < upper.get_xlim()[0] < upper.get_xlim()[1] < 4_000
    assert 0.05 < upper.get_ylim()[0] < upper.get_ylim()[1] < 2e5


def test_few_events_are_noise(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.01)
    few = ["bench", "--json", "--subscriptions", "50", "--events", "3"]
    assert "take more --events" in command(*few).err
    monkeypatch.setattr(matchengine.cli.bench, "SHORTEST", 0.0)
    assert "take more" not in command(*few).err


@needs_matplotlib
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chart", "--plot: 'chart' ends in none of ."),
        ("chart.nonsense", "--plot: 'chart.nonsense' ends in none of ."),
        ("no/such/folder/chart.png", "--plot: there is no directory 'no/such/folder'\n"),
        ("/", "--plot: '/' is a directory\n"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_is_measured(
    name: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--plot", name])
    assert stopped.value.code == 2
    assert message in capfd.readouterr().err


def test_without_matplotlib_nothing_is_measured(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchengine.cli.bench.plot, "is_possible", lambda: False)
    ran = command("bench", "--plot", "chart.png")
    assert (ran.code, ran.out) == (1, [])
    assert ran.err == "matchengine: --plot needs matplotlib: pip install matplotlib\n"


@pytest.mark.parametrize("what", ["--subscriptions", "--events"])
def test_what_would_not_fit_is_refused(what: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", what, "10000001"])
    assert stopped.value.code == 2
    assert "1 to 10,000,000, is wanted, got '10000001'" in capfd.readouterr().err


def test_what_is_done_is_said_where_there_is_no_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.01)
    monkeypatch.setattr(matchengine.cli.bench, "SHORTEST", 0.0)
    ran = command("bench", "--json", "--subscriptions", "1", "--events", "1")
    making, added, adding, comparing, checked, timing = ran.err.splitlines()
    assert making == "making 1 rule and 1 event"
    assert added.startswith("1 rule added in ")
    assert adding == "adding them to the matchers in plain Python"
    assert comparing == "comparing answers"
    assert checked.endswith(" events checked: all matchers agree")
    assert timing == "timing"


def test_growth(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many each time; the baselines only while loading them is quick."""
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    monkeypatch.setattr(matchengine.cli.bench, "SMALLEST", 20)
    arguments = ["bench", "--growth", "--json", "--events", "10", "--subscriptions", "300"]
    ran = command(*arguments)
    assert [line["subscriptions"] for line in ran.out] == [20] * 5 + [200] * 5 + [300] * 5
    monkeypatch.setattr(matchengine.cli.bench, "LOADING_PATIENCE", 0.0)
    ran = command(*arguments)
    assert [line["subscriptions"] for line in ran.out] == [20] * 5 + [200] * 3 + [300] * 3
    assert ran.out[5]["times_the_comprehension"] is None
    assert ran.err.count("the three ways agree") == 2


def test_growth_for_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "LOADING_PATIENCE", 0.0)
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    assert main(["bench", "--growth", "--events", "5", "--subscriptions", "2000"]) == 0
    _, heads, first, second = capfd.readouterr().out.splitlines()
    assert heads.split()[1:] == ["match_batch", "match_json", "match", "counting", "comprehension"]
    assert (len(first.split()), second.split()[0], second.split()[4:]) == (6, "2,000", ["-", "-"])


def test_bench_does_not_time_wrong_answers(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchengine.cli.bench.CountingMatcher, "match", lambda self, event: [])
    ran = command("bench", "--subscriptions", "300", "--events", "1")
    assert (ran.code, ran.out) == (1, [])
    assert "disagree" in ran.err
