"""The commands, within this process: what they print, and with which exit code they end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import matchengine.cli.app
import matchengine.cli.match
import matchengine.cli.rules
import matchengine.cli.source
from command_kit import EVENTS, RULES, Command, command_fixture, write_lines  # noqa: F401
from matchengine import MatchEngineError, Matcher
from matchengine.cli import main
from matchengine.cli.rules import load_rules
from matchengine.cli.source import Source


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
        [],
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
        ("[" * 100_000, "nested too deep"),
        ('{"id": ' + "1" * 5_000 + "}", "an integer has more than 4300 digits"),
        ('{"id": NaN, "filter": "a"}', "NaN is no value"),
        (b"\xef\xbb\xbf{}", "byte order mark of UTF-8"),
        (b'{"id": "\xff"}', "not UTF-8 (at byte 8)"),
        ("[]", "expected {"),
        ({"id": {"a": 1}, "filter": "a"}, "an object cannot be an id"),
        ({"id": [1, [{}]], "filter": "a"}, "an object cannot be an id"),
        ('{"id": 1e999, "filter": "a"}', "infinity cannot be an id"),
        ({"filter": 5}, 'the rule has no "filter"'),
        ({"id": 1}, '1: the rule has no "filter"'),
        ({"id": 1, "filter": 5}, '1: the rule has no "filter"'),
        ({"id": 1, "filter": "a", "to": -1}, '1: "to"'),
        ({"id": 1, "filter": "a", "to": True}, '1: "to"'),
        ({"id": 1, "filter": "a", "to": 2**32 - 1}, '1: "to"'),
        ({"id": 1, "filter": "a = NULL"}, "1: nothing compares with NULL"),
        ({"id": 1, "filter": "a IN ("}, "1: expected"),
        ({"id": 1, "filter": "\ud800"}, "1: "),
        ({"id": 1, "filter": "(" * 1001 + "a" + ")" * 1001}, "1000"),
        ({"id": 2, "filter": "a"}, "2: the id is taken by line 1"),
        ('{"id": 2.0, "filter": "a"}', "2.0: the id is taken by line 1"),
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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_named(command: Command, encoding: str) -> None:
    """It is not taken, but said; the same for rules and events."""
    rules, events = write_lines("rules", RULES), write_lines("events", EVENTS)
    for name, arguments in [("rules", (rules, "e")), ("events", ("r", events))]:
        write_lines("r", RULES)
        write_lines("e", EVENTS)
        Path(name).write_bytes(Path(name).read_text().encode(encoding))
        ran = command("match", "--skip-bad", *arguments)
        assert ran.code == 1
        first = ran.err.splitlines()[0]
        assert first.startswith(f"{name}:1: ")
        assert "a byte order mark of UTF-" in first
        assert ran.err.count("byte order mark") == 1


def test_rules_without_ids_get_numbers_that_are_free(command: Command) -> None:
    lines = [{"filter": "TRUE"}, {"id": 0, "filter": "a"}, {"id": None, "filter": "TRUE"}]
    rules, events = write_lines("rules", lines), write_lines("events", [{}])
    (answer,) = command("match", rules, events).out
    assert sorted(answer["matches"]) == [1, 2]
    checked = command("check", "--json", rules).out
    assert [(line["line"], line["id"]) for line in checked] == [(1, 1), (2, 0), (3, 2)]


LINES = [
    '{"id": "a", "filter": "x = 1"}', '{"id": [1, ["é"]], "filter": "x = 2", "to": 4294967294}',
    '{"id": 7, "filter": "x = 3"}', '{"id": 7.0, "filter": "x = 3"}', '{"filter": "x = 4"}',
    '{"id": 0, "filter": "x = 5"}', '{"id": false, "filter": "x = 5"}', "", " \t\r", "\x0b", "[]",
    '{"id": {}, "filter": "x = 6"}', '{"id": NaN, "filter": "x"}', '{"id": 1e999, "filter": "x"}',
    '{"id": "b", "filter": "x ="}', '{"id": "c", "filter": "x", "to": 4294967295}',
    '{"id": "d", "filter": null}', '{"id": "e"}', "\ufeff{}", '{"id": "f", "filter": "x"} f',
    "[" * 100_000, '{"id": ' + "[" * 400 + "]" * 400 + ', "filter": "x = 7"}',
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=6))
def test_a_file_is_read_as_add_many_reads_it(lines: list[str]) -> None:
    """What one refuses the other refuses, and what both take has the same ids."""
    text = "\n".join(lines)
    matcher: Matcher[Any] = Matcher()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules")
        path.write_text(text, encoding="utf-8")
        loaded: Matcher[Any] = Matcher()
        with Source(str(path)) as source:
            rules = list(load_rules(source, loaded))
    try:
        matcher.add_many(text.encode())
    except MatchEngineError:
        assert any(rule.error for rule in rules)
    else:
        assert not any(rule.error for rule in rules)
        assert {id: str(one.filter) for id, one in matcher.items()} == {
            id: str(one.filter) for id, one in loaded.items()
        }


def test_a_rule_that_is_too_long(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchengine.cli.rules, "LINE_BYTES", 70)
    lines = [RULES[1], {"id": "long", "filter": "a = 1 " + " " * 50}, RULES[0]]
    rules, events = write_lines("rules", lines), write_lines("events", EVENTS)
    ran = command("match", "--skip-bad", rules, events)
    assert (ran.code, ran.out) == (1, answers((0, ["alice"]), (2, [2])))
    assert ran.err == "rules:2: line 2 exceeds the limit line_bytes, which is 70\n"


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
    assert command("check", "").err == "'': cannot be read: No such file or directory\n"


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
        ["explain", "a = 1"],
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
    code = "import sys, matchengine.cli; sys.exit('brokers' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
