"""``matchengine sim``: what it prints, when it fails, and that a failure can be seen again."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable

import pytest

from brokers.presets import PRESETS
from brokers.sim import FAULTS
from brokers.simulation import command
from brokers.simulation.coverage import LONG, expected, missing
from lying_nodes import Duplicates, Loses, Refuses
from tiny_node import TinyNode

Run = Callable[..., tuple[int, str, str]]
SMALL = ("--brokers", "4", "--messages", "1500")


@pytest.fixture(name="sim")
def sim_fixture(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command, with a node of the tests' own if one is given."""

    def run(*arguments: str, make: Callable[..., TinyNode] | None = None) -> tuple[int, str, str]:
        if make is not None:
            monkeypatch.setattr(command, "Subject", make)
            monkeypatch.setattr(command, "check_tables", None)
        parser = argparse.ArgumentParser(prog="matchengine")
        command.add_command(parser.add_subparsers())
        parsed = parser.parse_args(["sim", *arguments])
        code = parsed.run(parsed)
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_pass(sim: Run, preset: str) -> None:
    code, out, err = sim(preset, *SMALL, "--seed", "3", "--json")
    record = json.loads(out)
    assert (code, err, record["failure"], record["seed"]) == (0, "", None, 3)
    assert record["deliveries"] > 100


def test_one_seed_is_told_in_text(sim: Run) -> None:
    code, out, err = sim("default", *SMALL, "--seed", "1", "--faults", "loss,pause")
    assert (code, err) == (0, "")
    assert re.match(r"seed 1 \(\w+ of \d links; faults: loss, pause\): all promises kept\n", out)
    assert re.search(r"^messages +[\d,]+$", out, re.MULTILINE)
    assert re.search(r"^trace [0-9a-f]{32}$", out, re.MULTILINE)


def test_many_seeds_are_summed_up(sim: Run) -> None:
    arguments = ("flooding", *SMALL, "--seeds", "4", "--faults", "all", "--json")
    code, out, _ = sim(*arguments, "--jobs", "2", make=TinyNode)
    *records, summary = map(json.loads, out.splitlines())
    assert code == 0
    assert [record["seed"] for record in records] == [0, 1, 2, 3]
    assert summary["seeds"] == 4
    assert summary["failed"] == []
    for name in ("messages", "deliveries", "published"):
        assert summary[name] == sum(record[name] for record in records) > 0
    counters = sum((Counter(record["counters"]) for record in records), Counter())
    assert Counter(summary["counters"]) == counters
    alone = sim("flooding", *SMALL, "--seed", "2", "--faults", "all", "--json", make=TinyNode)
    assert json.loads(alone[1])["trace"] == records[2]["trace"]


@pytest.mark.parametrize("liar", [Loses, Duplicates, Refuses])
def test_a_failure_says_how_to_see_it_again(sim: Run, liar: Callable[..., TinyNode]) -> None:
    arguments = ("flooding", *SMALL, "--seeds", "6", "--jobs", "2", "--shape", "ring")
    code, out, _ = sim(*arguments, "--faults", "delay,storm", make=liar)
    assert code == 1
    replay = re.findall(r"^  (matchengine sim .*)$", out, re.MULTILINE)[0]
    assert "--shape ring" in replay
    failure = out[: out.index(replay) + len(replay)]
    program, sim_word, *again = shlex.split(replay)
    assert (program, sim_word) == ("matchengine", "sim")
    code, out, _ = sim(*again, make=liar)
    assert code == 1
    assert out.strip() == failure.strip()


def test_a_failure_tells_the_story_of_its_event(sim: Run) -> None:
    code, out, _ = sim("flooding", *SMALL, "--seeds", "6", make=Duplicates)
    assert code == 1
    assert re.search(r"^seed \d \(.*\): FAILED at \d+\.\d{4} s\n  duplicate: ", out, re.MULTILINE)
    body = re.search(
        r"^  the event (\{.*\}):\n +[\d.]+  #[\d.]+ -> b\d  Publish$", out, re.MULTILINE
    )
    assert body is not None
    assert "n" in json.loads(body[1])
    assert re.search(r"^ +[\d.]+  b\d -> b\d  Events$", out, re.MULTILINE)
    assert re.search(r"^flooding: \d of 6 seeds passed; failed: \d", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "no preset 'nonsense': one of default, central"),
        (["default", "--faults", "rain"], "'rain' is no fault; there are none, all, loss"),
        (["default", "--faults", "all,loss"], "'all' is no fault"),
        (["default", "--brokers", "0"], "a whole number, 1 to 999, is wanted, got '0'"),
        (["default", "--messages", "many"], "is wanted, got 'many'"),
        (["default", "--seed", "1", "--seeds", "2"], "not allowed with"),
        (["default", "--shape", "cube"], "invalid choice"),
        ([], "PRESET"),
    ],
)
def test_wrong_usage(
    sim: Run, capfd: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        sim(*arguments)
    assert raised.value.code == 2
    assert complaint in capfd.readouterr().err


def test_what_a_long_run_must_have_met(sim: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.simulation.coverage.LONG", 1_000)
    code, _, err = sim("default", *SMALL, "--faults", "loss", make=TinyNode)
    assert code == 1
    assert re.search(
        r"^matchengine: in [\d,]+ messages there was no uncoverings$", err, re.MULTILINE
    )


def test_counters_that_are_expected() -> None:
    assert set(expected("default", [])) == {"refused", "uncoverings", "merges_undone"}
    assert set(expected("flooding", [])) == {"refused"}
    for fault in FAULTS:
        assert f"fault {fault}" in expected("default", [fault])
    everything = Counter(dict.fromkeys(expected("default", FAULTS), 1))
    assert missing("default", FAULTS, LONG, everything) == []
    assert missing("default", FAULTS, LONG, everything - Counter(["failovers"])) == ["failovers"]
    assert missing("default", FAULTS, LONG - 1, Counter()) == []
