"""The commands, within this process: what they print, and with which exit code they end."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import matchengine.cli.app
import matchengine.cli.bench
import matchengine.cli.match
import matchengine.cli.source
from matchengine import Matcher
from matchengine.cli import main

RULES = [
    {"id": "alice", "filter": "symbol = 'ACME' AND price < 10"},
    {"id": 2, "filter": "price > 100", "to": 7},
]
EVENTS = [{"symbol": "ACME", "price": 9}, {"price": 50}, {"price": 200}]


@dataclass
class Ran:
    code: int
    out: list[Any]  # lines of JSON
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def command(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command whose output is JSON lines, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(arguments)
        out, err = capfd.readouterr()
        return Ran(code, [json.loads(line) for line in out.splitlines()], err)

    return run


def write_lines(name: str, records: Sequence[object], newline: str = "\n") -> str:
    """Write a file of JSON lines, where bytes and str stand for themselves."""
    lines = [one if isinstance(one, bytes | str) else json.dumps(one) for one in records]
    encoded = [one if isinstance(one, bytes) else one.encode() for one in lines]
    text = newline.encode().join([*encoded, b""])
    with gzip.open(name, "wb") if name.endswith(".gz") else Path(name).open("wb") as stream:
        stream.write(text)
    return name


def answers(*matches: tuple[int, Sequence[object]]) -> list[dict[str, object]]:
    return [{"event": number, "matches": list(ids)} for number, ids in matches]


# ---- match -------------------------------------------------------------------------------------


def test_only_events_with_matches_are_printed(command: Command) -> None:
    ran = command("match", write_lines("rules", RULES), write_lines("events", EVENTS))
    assert (ran.code, ran.out, ran.err) == (0, answers((0, ["alice"]), (2, [2])), "")


def test_all_and_count(command: Command) -> None:
    rules, events = write_lines("rules", RULES), write_lines("events", EVENTS)
    assert command("match", rules, events, "--all").out == answers(
        (0, ["alice"]), (1, []), (2, [2])
    )
    assert command("match", rules, events, "--count").out == [
        {"event": 0, "count": 1},
        {"event": 2, "count": 1},
    ]
    ran = command("match", "--count", "--all", rules, events)
    assert [line["count"] for line in ran.out] == [1, 0, 1]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_blank_lines_are_skipped_yet_numbered(command: Command, newline: str) -> None:
    rules = write_lines("rules", ["", RULES[1], " \t"], newline)
    events = write_lines("events", ["", EVENTS[2], " ", "\t", EVENTS[1], EVENTS[2], ""], newline)
    assert command("match", rules, events).out == answers((1, [2]), (5, [2]))
    assert command("match", "--all", rules, events).out == answers((1, [2]), (4, []), (5, [2]))


def test_the_last_line_needs_no_newline(command: Command) -> None:
    Path("rules").write_text('{"id": 1, "filter": "a"}')
    Path("events").write_text('\n{"a": true}')
    assert command("match", "rules", "events").out == answers((1, [1]))


@pytest.mark.parametrize("empty", ["", "\n", " \n\n"])
def test_nothing_in_nothing_out(command: Command, empty: str) -> None:
    Path("empty").write_text(empty)
    rules, events = write_lines("rules", RULES), write_lines("events", EVENTS)
    for arguments in [(rules, "empty"), ("empty", events), ("empty", "empty")]:
        ran = command("match", *arguments)
        assert (ran.code, ran.out, ran.err) == (0, [], "")


def test_compressed_files_and_stdin(command: Command) -> None:
    rules, events = write_lines("rules.gz", RULES), write_lines("events.gz", EVENTS)
    expected = answers((0, ["alice"]), (2, [2]))
    assert command("match", rules, events).out == expected
    plain = Path(write_lines("events", EVENTS)).read_bytes()
    assert command("match", rules, "-", stdin=plain).out == expected
    plain = Path(write_lines("rules", RULES)).read_bytes()
    assert command("match", "-", events, stdin=plain).out == expected


def test_ids_are_printed_as_they_were_given(command: Command) -> None:
    ids = [
        "a",
        "",
        'q"\\\n',
        "é漢😀",
        "\ud800",
        0,
        -1,
        10**30,
        1.5,
        True,
        [1, ["x"]],
        {"b": 1, "a": 2},
    ]
    rules = write_lines("rules", [{"id": id, "filter": "TRUE"} for id in ids])
    (answer,) = command("match", rules, write_lines("events", [{}])).out
    assert sorted(map(repr, answer["matches"])) == sorted(map(repr, ids))


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize("many", [1, 1 << 20])
def test_the_answer_does_not_depend_on_the_pieces(
    command: Command, chunk: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchengine.cli.source, "CHUNK", chunk)
    monkeypatch.setattr(matchengine.cli.match, "MANY_MATCHES", many)
    matcher: Matcher[int] = Matcher()
    rules = [{"id": n, "filter": f"a = {n % 7} OR b > {n}"} for n in range(20)]
    matcher.add_many((n, rule["filter"]) for n, rule in enumerate(rules))
    events: list[Any] = [{"a": n % 9, "b": n % 23} for n in range(100)]
    events[::13] = [""] * len(events[::13])
    events[50] = "{"
    ran = command(
        "match", "--all", "--skip-bad", write_lines("rules", rules), write_lines("events", events)
    )
    expected = [(n, set(matcher.match(e))) for n, e in enumerate(events) if isinstance(e, dict)]
    assert [(line["event"], set(line["matches"])) for line in ran.out] == expected
    assert ran.err.count("\n") == 1


# ---- bad input ---------------------------------------------------------------------------------


def test_a_bad_event_ends_the_run(command: Command) -> None:
    events = write_lines("events", [EVENTS[0], "", '{"a": }', EVENTS[2]])
    ran = command("match", write_lines("rules", RULES), events)
    assert (ran.code, ran.out) == (1, answers((0, ["alice"])))
    assert ran.err == "events:3: expected a value (at byte 6)\n"


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "5", "nul", '{"a": 1} x', '{"a": "\\ud800"}', b'{"a": "\xff"}', '{"a": NaN}'],
)
def test_bad_events_are_skipped_on_demand(command: Command, line: str | bytes) -> None:
    events = write_lines("events", [EVENTS[0], line, "", line, EVENTS[2], line])
    ran = command("match", "--skip-bad", write_lines("rules", RULES), events)
    assert (ran.code, ran.out) == (1, answers((0, ["alice"]), (4, [2])))
    starts = [one.split(": ", 1)[0] for one in ran.err.splitlines()]
    assert starts == ["events:2", "events:4", "events:6"]


def test_a_line_that_is_too_long(command: Command) -> None:
    long = b'{"a": "' + b"x" * (17 << 20) + b'"}'
    events = write_lines("events", [EVENTS[0], long, EVENTS[2]])
    ran = command("match", "--skip-bad", write_lines("rules", RULES), events)
    assert (ran.code, ran.out) == (1, answers((0, ["alice"]), (2, [2])))
    assert ran.err.startswith("events:2: ")
    assert "event_bytes" in ran.err
    assert len(ran.err) < 200


def test_bad_rules_end_the_run_before_it_begins(command: Command) -> None:
    rules = write_lines("rules", [RULES[0], "", {"id": "x", "filter": "price <"}])
    ran = command("match", rules, write_lines("events", EVENTS))
    assert (ran.code, ran.out) == (1, [])
    assert ran.err == (
        'rules:3: "x": expected a name, a constant or (, got the end\n  price <\n         ^\n'
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ('{"id": 1, "filter": "a"} x', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"id": NaN, "filter": "a"}', "NaN is no value"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8 (at byte 8)"),
        ("[]", "expected {"),
        ({"filter": "a"}, 'no "id"'),
        ({"id": None, "filter": "a"}, 'no "id"'),
        ({"id": 1}, '1: the rule has no "filter"'),
        ({"id": 1, "filter": 5}, '1: the rule has no "filter"'),
        ({"id": 1, "filter": "a", "to": -1}, '1: "to"'),
        ({"id": 1, "filter": "a", "to": True}, '1: "to"'),
        ({"id": 1, "filter": "a = NULL"}, "1: nothing compares with NULL"),
        ({"id": 1, "filter": "a IN ("}, "1: expected"),
        ({"id": 1, "filter": "\ud800"}, "1: "),
        ({"id": 1, "filter": "(" * 1001 + "a" + ")" * 1001}, "1000"),
        ({"id": 2, "filter": "a"}, "2: the id is taken"),
    ],
)
def test_what_is_no_rule(command: Command, line: object, message: str) -> None:
    rules = write_lines("rules", [RULES[1], line, RULES[0]])
    events = write_lines("events", EVENTS)
    ran = command("match", "--skip-bad", rules, events)
    assert (ran.code, ran.out) == (1, answers((0, ["alice"]), (2, [2])))
    assert ran.err.startswith("rules:2: ")
    assert message in ran.err
    assert command("match", rules, events).out == []
    assert command("match", rules, events).code == 1


def test_files_that_cannot_be_read(command: Command) -> None:
    rules, events = write_lines("rules", RULES), write_lines("events", EVENTS)
    Path("folder").mkdir()
    Path("lie.gz").write_bytes(b"{}\n" * 100)
    for arguments in [("absent", events), (rules, "absent"), (rules, "folder"), (rules, "lie.gz")]:
        ran = command("match", *arguments)
        assert (ran.code, ran.out) == (1, [])
        assert ran.err.count("\n") == 1
        assert "cannot be read: " in ran.err
    assert command("check", "absent").code == 1


def test_a_torn_gzip_file_is_answered_as_far_as_it_goes(command: Command) -> None:
    name = write_lines("events.gz", [{"price": n, "x": str(n)} for n in range(100_000)])
    whole = Path(name).read_bytes()
    rules = write_lines("rules", RULES)
    Path(name).write_bytes(whole[: len(whole) // 2])
    ran = command("match", "--count", rules, name)
    assert ran.code == 1
    assert ran.err.startswith("events.gz: cannot be read: ")
    Path(name).write_bytes(whole[:-6] + b"xxxxxx")
    assert command("match", "--count", rules, name).code == 1


# ---- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["match"],
        ["match", "rules"],
        ["match", "-", "-"],
        ["match", "rules", "events", "--frobnicate"],
        ["check"],
        ["bench", "--events", "0"],
        ["bench", "--subscriptions", "many"],
    ],
)
def test_wrong_usage(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "usage: matchengine" in err


def test_help(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["match", "--help"], ["check", "-h"], ["bench", "-h"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert "usage: matchengine" in capfd.readouterr().out


# ---- check -------------------------------------------------------------------------------------

CHECKED = [
    RULES[0],
    {"id": "b", "filter": "price <"},
    "",
    "nonsense",
    RULES[0],
    {"id": "c", "filter": "a = 1 AND FALSE"},
    {"id": "d", "filter": ""},
    {"id": "e", "filter": "NOT a = 1"},
    {"id": "b", "filter": "x IN (1, 2)"},
]


def test_check_reports_every_rule(command: Command) -> None:
    ran = command("check", "--json", write_lines("rules", CHECKED))
    assert ran.code == 1
    assert ran.err == "rules: 5 good, 3 bad\n"
    assert [(line["line"], line["ok"]) for line in ran.out] == [
        (1, True), (2, False), (4, False), (5, False), (6, True), (7, True), (8, True), (9, True),
    ]  # fmt: skip
    good = {line["id"]: line for line in ran.out if line["ok"]}
    assert good["alice"]["anchors"] == {"equal": 1}
    assert 0 < good["alice"]["cost"] < 1
    assert good["alice"]["filter"] == RULES[0]["filter"]
    assert good["b"]["anchors"] == {"equal": 2}
    assert good["c"]["contradiction"]
    assert good["c"]["cost"] == 0
    assert good["d"]["always_true"]
    assert good["d"]["filter"] == "TRUE"
    bad = {line["line"]: line for line in ran.out if not line["ok"]}
    assert bad[2]["position"] == len("price <")
    assert "taken by line 1" in bad[5]["error"]


def test_check_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", write_lines("rules", CHECKED)]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith('rules:1: ok: "alice": cost 0.')
    assert lines[0].endswith("filed under 1 equal")
    assert lines[1:4] == [
        'rules:2: error: "b": expected a name, a constant or (, got the end',
        "  price <",
        "         ^"
    ]  # fmt: skip
    text = "\n".join(lines)
    assert 'rules:6: ok: "c": cost 0, no event can match it' in text
    assert 'rules:7: ok: "d": cost 1, every event matches it' in text
    assert main(["check", write_lines("good", RULES)]) == 0


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


def test_bench_for_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(matchengine.cli.bench, "PATIENCE", 0.05)
    has_matplotlib = importlib.util.find_spec("matplotlib") is not None
    chart = tmp_path / "bench.svg"
    small = ["bench", "--subscriptions", "100", "--events", "20"]
    assert main([*small, "--plot", str(chart)]) == (0 if has_matplotlib else 1)
    assert chart.exists() == has_matplotlib
    out, err = capfd.readouterr()
    assert out.startswith("100 subscriptions\n")
    assert "match_json" in out
    assert ("matplotlib" in err) != has_matplotlib


def test_bench_does_not_time_wrong_answers(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchengine.cli.bench.CountingMatcher, "match", lambda self, event: [])
    ran = command("bench", "--subscriptions", "300", "--events", "1")
    assert (ran.code, ran.out) == (1, [])
    assert "disagree" in ran.err


# ---- commands of other packages ----------------------------------------------------------------


def add_hello(commands: Any) -> None:
    parser = commands.add_parser("hello")
    parser.add_argument("--code", type=int, default=0)
    parser.set_defaults(run=lambda arguments: arguments.code)


def entry_points(
    monkeypatch: pytest.MonkeyPatch, *functions: Callable[[Any], None]
) -> list[str]:  # the groups that were asked for
    groups: list[str] = []

    def found(group: str) -> list[SimpleNamespace]:
        groups.append(group)
        return [SimpleNamespace(value="package:add", load=lambda f=f: f) for f in functions]

    monkeypatch.setattr(matchengine.cli.app.metadata, "entry_points", found)
    return groups


def test_another_package_brings_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = entry_points(monkeypatch, add_hello)
    assert main(["hello"]) == 0
    assert main(["hello", "--code", "1"]) == 1
    assert groups == ["matchengine.commands"] * 2


def test_own_commands_do_not_wait_for_other_packages(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = entry_points(monkeypatch, add_hello)
    assert command("check", write_lines("rules", RULES), "--json").code == 0
    assert groups == []


def test_a_broken_package_is_named_and_ignored(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(commands: Any) -> None:
        raise RuntimeError("out of order")

    entry_points(monkeypatch, broken, add_hello)
    assert main(["hello"]) == 0
    assert "package:add: out of order" in capfd.readouterr().err


def test_it_imports_no_brokers() -> None:
    assert "brokers" not in sys.modules
