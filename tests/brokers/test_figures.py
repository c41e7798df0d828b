"""The figures at small sizes: they have the shapes that the page says, and are drawn."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brokers.presets import PRESETS
from brokers.simulation import command
from brokers.simulation.figures import command as figures
from brokers.simulation.figures import drawing, medym, siena, strategies
from brokers.simulation.figures.overlay import draw_overlay
from brokers.simulation.figures.quiet import Quiet

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BROKERS = 12
PARTIES = 200

Rows = list[dict[str, Any]]


# ---- the overlay and the network ----------------------------------------------------------------


def test_an_overlay_is_connected_has_cycles_and_is_the_same_again() -> None:
    overlay = draw_overlay(40, 3)
    assert len(overlay.hops(overlay.brokers[0])) == 40
    assert len(overlay.links) > 60
    again = draw_overlay(40, 3)
    assert (again.links, again.points) == (overlay.links, overlay.points)
    assert draw_overlay(40, 4).links != overlay.links


def test_hops_and_length_are_those_of_the_path() -> None:
    overlay = draw_overlay(BROKERS, 1)
    a, *_, b = overlay.brokers
    quiet = Quiet(overlay, "default")
    subscriber, publisher = quiet.client(b), quiet.client(a)
    quiet.subscribe(subscriber, "x = 1")
    quiet.advertise(publisher, "x = 1")
    quiet.reset()
    quiet.publish(publisher, (b'{"x": 1}',))
    hops = overlay.hops(a)[b]
    assert quiet.deliveries == {(subscriber, b'{"x": 1}'): hops}
    assert quiet.crossings == {"events": hops}
    assert quiet.matches == hops + 1
    assert quiet.idle_visits() == hops - 1
    here, length, parents = b, 0.0, overlay.topology.parents(a)
    while here != a:
        length += overlay.length(here, parents[here])
        here = parents[here]
    assert quiet.length == pytest.approx(length)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_subscription_that_leaves_leaves_nothing(preset: str) -> None:
    quiet = Quiet(draw_overlay(6, 1), preset)
    client = quiet.client("b3")
    quiet.subscribe(client, "x = 1")
    assert any(quiet.tables()) == (preset not in ("flooding", "default", "siena-adv"))
    quiet.unsubscribe(client)
    assert not any(quiet.tables())


def test_who_is_not_answered_is_noticed() -> None:
    quiet = Quiet(draw_overlay(3, 1), "default")
    with pytest.raises(RuntimeError, match="is told Failed"):
        quiet.subscribe(quiet.client("b1"), "this is no filter")


# ---- siena --------------------------------------------------------------------------------------


@pytest.fixture(name="siena_rows", scope="module")
def siena_fixture() -> Rows:
    return list(siena.measure(brokers=BROKERS, parties=PARTIES, seed=2))


def costs(rows: Rows, preset: str, objects: int, notifications: int = 10) -> dict[int, int]:
    return {
        row["parties"]: siena.cost(row, notifications)
        for row in rows
        if (row["preset"], row["objects"]) == (preset, objects)
    }


def test_a_centre_that_sends_to_each_grows_linearly(siena_rows: Rows) -> None:
    for objects in siena.OBJECTS:
        cost = costs(siena_rows, siena.CENTRE, objects)
        assert list(cost) == siena.steps(PARTIES)
        late = (cost[200] - cost[100]) / 100
        early = (cost[100] - cost[20]) / 80
        assert 0.8 < late / early < 1.25


@pytest.mark.parametrize("preset", siena.PRESETS)
def test_what_is_distributed_saturates(siena_rows: Rows, preset: str) -> None:
    """Once every site has an interested party, another one costs nothing."""
    cost = costs(siena_rows, preset, 1)
    assert cost[200] == cost[100]
    assert cost[200] > 2 * cost[1]
    assert cost[200] < costs(siena_rows, siena.CENTRE, 1)[200] / 5


def test_on_one_tree_a_notification_crosses_no_link_twice(siena_rows: Rows) -> None:
    for row in siena_rows:
        if row["preset"].startswith("siena") and row["objects"] == 1:
            assert row["events"] <= siena.NOTIFICATIONS * (BROKERS - 1)


def test_the_hierarchy_saves_subscriptions_and_spends_notifications(siena_rows: Rows) -> None:
    by = {(row["preset"], row["objects"], row["parties"]): row for row in siena_rows}
    for objects in siena.OBJECTS:
        for parties in siena.steps(PARTIES):
            up = by["siena-hierarchical", objects, parties]
            all_over = by["siena", objects, parties]
            guided = by["siena-adv", objects, parties]
            assert up["interest"] <= all_over["interest"]
            assert guided["interest"] <= all_over["interest"]
            assert all_over["events"] <= up["events"]
            assert guided["events"] == all_over["events"]
    few = siena.steps(PARTIES)[2]
    assert costs(siena_rows, "siena", 100)[few] < costs(siena_rows, "siena-hierarchical", 100)[few]
    up, all_over = (costs(siena_rows, p, 100, 1)[PARTIES] for p in ("siena-hierarchical", "siena"))
    assert up < all_over


# ---- medym --------------------------------------------------------------------------------------


def test_explicit_destinations_save_matches_and_the_gain_in_links_goes_to_nothing() -> None:
    rows = list(medym.measure(brokers=20, events=20, seed=2))
    of = {(row["preset"], row["selectivity"]): row for row in rows}
    for selectivity in medym.SELECTIVITIES:
        shared, hops, named = (of[preset, selectivity] for preset in medym.PRESETS)
        assert named["crossings"] == hops["crossings"]
        assert named["matches"] <= hops["matches"] == pytest.approx(hops["crossings"] + 1)
        assert named["bytes"] > hops["bytes"]
        if selectivity <= 5:
            assert named["crossings"] < shared["crossings"]
    shared, hops, named = (of[preset, 100] for preset in medym.PRESETS)
    assert shared["crossings"] == hops["crossings"] == named["crossings"] == 19
    assert shared["idle"] == hops["idle"] == named["idle"] == 0


# ---- strategies ---------------------------------------------------------------------------------


@pytest.fixture(name="strategy_rows", scope="module")
def strategies_fixture() -> Rows:
    return list(strategies.measure(brokers=10, subscriptions=100, events=80, seed=2))


def test_all_presets_deliver_the_same(strategy_rows: Rows) -> None:
    """That they do is checked where it is measured, too: see the next test."""
    assert [row["preset"] for row in strategy_rows] == list(PRESETS)
    assert len({row["deliveries"] for row in strategy_rows}) == 1
    assert strategy_rows[0]["deliveries"] > 100
    of = {row["preset"]: row for row in strategy_rows}
    assert of["flooding"]["entries"] == of["flooding"]["interest"] == 0
    assert of["flooding"]["matches"] == 10
    assert of["flooding"]["events"] == max(row["events"] for row in strategy_rows)
    assert of["medym"]["matches"] <= of["default"]["matches"]
    assert of["default"]["hops"] == of["medym"]["hops"] == min(r["hops"] for r in strategy_rows)
    assert of["default"]["entries"] <= of["medym"]["entries"]
    assert of["siena-adv"]["entries"] <= of["siena"]["entries"]


def test_a_preset_that_delivers_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = strategies._expected

    def expected(workload: Any) -> set[tuple[str, bytes]]:
        pairs = real(workload)
        pairs.pop()
        return pairs

    monkeypatch.setattr(strategies, "_expected", expected)
    with pytest.raises(RuntimeError, match="default: 1 deliveries too many or too few"):
        list(strategies.measure(brokers=4, subscriptions=30, events=20))


# ---- the command --------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="sim")
def sim_fixture(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command; of figures there is a small one."""

    def small(*, seed: int) -> Any:
        return strategies.measure(brokers=4, subscriptions=30, events=20, seed=seed)

    monkeypatch.setitem(figures.FIGURES, "strategies", small)

    def run(*arguments: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser(prog="matchengine")
        command.add_command(parser.add_subparsers())
        try:
            parsed = parser.parse_args(["sim", *arguments])
            code = parsed.run(parsed)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def test_the_command_prints_a_table_or_an_array(sim: Run) -> None:
    code, out, err = sim("--figure", "strategies")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["preset", *PRESETS]
    assert "rendezvous" in err
    code, array, _ = sim("--figure", "strategies", "--json")
    assert code == 0
    rows = json.loads(array)
    assert figures.table(rows) == out.splitlines()
    assert len(array.splitlines()) == len(rows) + 2
    assert sim("--figure", "strategies", "--json", "--seed", "5")[1] != array


def test_the_command_draws(sim: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture, again = tmp_path / "one.svg", tmp_path / "two.svg"
    code, rows, _ = sim("--figure", "strategies", "--json", "--plot", str(picture))
    assert code == 0
    assert b"Entries in all tables" in picture.read_bytes()
    drawing.draw("strategies", json.loads(rows), str(again))
    assert again.read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--figure", "pyramid"], "no figure 'pyramid': one of siena, medym, strategies"),
        (["siena", "--figure", "siena"], "--figure does not go with a preset"),
        (["--figure", "siena", "--brokers", "7"], "--figure does not go with --brokers"),
        (["--figure", "siena", "--seeds", "7"], "--figure does not go with --seeds"),
        (["siena", "--plot", "x.svg"], "--plot goes with --figure"),
        ([], "name a preset"),
    ],
)
def test_wrong_usage(sim: Run, arguments: list[str], said: str) -> None:
    code, out, err = sim(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_picture_that_cannot_be_drawn_is_known_before_anything_is_measured(sim: Run) -> None:
    pytest.importorskip("matplotlib")
    code, out, err = sim("--figure", "siena", "--plot", "x.doc")
    assert (code, out) == (2, "")
    assert "--plot: 'x.doc' ends in none of" in err


# ---- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", figures.FIGURES)
def test_the_page_has_picture_data_and_command(name: str) -> None:
    page = (DOCS / "figures.md").read_text(encoding="utf-8")
    rows = json.loads((DOCS / "figures" / f"{name}.json").read_text(encoding="utf-8"))
    assert f"matchengine sim --figure {name} --json --plot docs/figures/{name}.svg" in page
    assert f"](figures/{name}.svg)" in page
    assert f"](figures/{name}.json)" in page
    assert name in drawing.DRAWINGS
    for row in rows if name == "siena" else ():
        assert row["cost"] == siena.cost(row)


@pytest.mark.parametrize("name", ["medym", "strategies"])
def test_the_tables_of_the_page_are_the_data(name: str) -> None:
    page = (DOCS / "figures.md").read_text(encoding="utf-8")
    rows = json.loads((DOCS / "figures" / f"{name}.json").read_text(encoding="utf-8"))
    assert "\n".join(f"    {line}" for line in figures.table(rows)) in page


def test_the_summary_of_the_page_is_the_data() -> None:
    page = (DOCS / "figures.md").read_text(encoding="utf-8")
    rows = json.loads((DOCS / "figures" / "siena.json").read_text(encoding="utf-8"))
    for objects in siena.OBJECTS:
        for preset in siena.LINES:
            cost = costs(rows, preset, objects)
            assert list(cost) == siena.steps(10_000)
            numbers = " | ".join(f"{cost[parties]:,}" for parties in (1, 10, 100, 1_000, 10_000))
            assert f"| {preset} | {objects} | {numbers} |" in page
