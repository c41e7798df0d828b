"""``matchengine check`` and ``matchengine explain``: one rule at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_kit import EVENTS, RULES, Command, command_fixture, write_lines  # noqa: F401
from matchengine.cli import main

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
    ran = command(
        "check", "--json", write_lines("deep", [{"filter": "(" * 1001 + "a" + ")" * 1001}])
    )
    assert ran.out[0]["position"] == 1000
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
        "         ^",
    ]  # fmt: skip
    text = "\n".join(lines)
    assert 'rules:6: ok: "c": cost 0, no event can match it' in text
    assert 'rules:7: ok: "d": cost 1, every event matches it' in text
    assert main(["check", write_lines("good", RULES)]) == 0


def test_warnings_are_notes(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    rules = write_lines("rules", [RULES[0], {"id": 5, "filter": "NOT EXISTS(a)"}])
    warned = [line["warning"] for line in command("check", "--json", rules).out]
    assert warned[0] is None
    assert warned[1].startswith("the filter is looked at for every event")
    main(["check", rules])
    assert f"rules:2: note: {warned[1]}\n" in capfd.readouterr().err
    events = write_lines("events", EVENTS)
    assert "looked at" not in command("match", rules, events).err


# ---- explain -----------------------------------------------------------------------------------


def test_explain_a_text_or_a_line(command: Command) -> None:
    ran = command("explain", "--json", "price < 10", '{"price": 12}')
    assert (ran.code, ran.err, ran.out[0]["matched"]) == (0, "", False)
    line = '{"id": ["a", 1], "filter": "price < 10"}'
    ran = command("explain", "--json", line, "-", stdin=b'{"price": 2}')
    assert (ran.code, ran.out[0]["id"], ran.out[0]["matched"]) == (0, ["a", 1], True)


@pytest.mark.parametrize(
    ("wanted", "id"),
    [("alice", "alice"), ('"alice"', "alice"), (' "\\u0061lice"', "alice"), ("2", 2), ("2.0", 2)],
)
def test_explain_a_rule_of_a_file(command: Command, wanted: str, id: object) -> None:
    rules = write_lines("rules.gz", ["", "no rule", *RULES, {"id": "late", "filter": "price <"}])
    ran = command("explain", "--json", rules, "--id", wanted, '{"symbol": "ACME", "price": 120}')
    assert (ran.code, ran.err, ran.out[0]["id"]) == (0, "", id)
    assert ran.out[0]["matched"] == (id == 2)


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("[1,[2]]", "[1, [2]]"),
        ("[1, [2]]", "[1, [2]]"),
        ("[1.0, [2]]", "[1, [2]]"),
        ('"7"', '"7"'),
        ("7", "7"),
        ("8", '"8"'),
        ("[x", '"[x"'),
        ('"\\u00e9"', '"é"'),
        ("true", "true"),
    ],
)
def test_ids_are_compared_as_values(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, wanted: str, shown: str
) -> None:
    """Any spelling of the JSON will do; what is none, or no rule has, is a string."""
    ids = [[1, [2]], "7", 7, "8", "[x", "é", True]
    path = tmp_path / "rules"
    path.write_text("\n".join(json.dumps({"id": id, "filter": "a = 1"}) for id in ids))
    assert main(["explain", str(path), "--id", wanted, '{"a": 1}']) == 0
    assert capfd.readouterr().out.splitlines()[0] == f"{shown} matches"


def test_a_rule_of_a_file_that_cannot_be_explained(command: Command) -> None:
    rules = write_lines("rules", [*RULES, {"id": "late", "filter": "price <"}])
    for wanted, message in [
        ("late", 'rules:3: "late": expected a name'),
        ("bob", "rules: no rule has the id bob"),
        ('"late"', 'rules:3: "late": expected a name'),
        ("null", "rules: no rule has the id null"),
        ("{}", "rules: no rule has the id {}"),
        ("[" * 100_000, "rules: no rule has the id [["),
    ]:
        ran = command("explain", rules, "--id", wanted, "{}")
        assert (ran.code, ran.out) == (1, [])
        assert ran.err.startswith(message)
    assert "absent: cannot be read" in command("explain", "absent", "--id", "x", "{}").err
    for bad in (["price <", "{}"], ['{"filter": "a ="}', "{}"], ["a", "[]"], ["{", "{}"]):
        assert command("explain", *bad).code == 1


def test_the_first_rule_of_an_id_is_explained(command: Command) -> None:
    """[true] equals [1], and comes too late: that is said, and refuses nothing."""
    lines = [{"id": [1], "filter": "a = 1"}, {"id": [True], "filter": "b"}]
    rules = write_lines("rules", lines)
    ran = command("explain", "--json", rules, "--id", "[1]", '{"a": 1}')
    assert (ran.code, ran.out[0]["id"], ran.out[0]["matched"]) == (0, [1], True)
    assert ran.err == "rules:2: [true]: the id is taken by line 1\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rules", "{}"], "add --id ID"),
        (["a = 1", "events"], "give - for EVENT"),
        (["-", "--id", "x", "-"], "both be stdin"),
    ],
)
def test_a_file_where_a_text_is_wanted(
    command: Command, capfd: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    write_lines("rules", RULES)
    write_lines("events", EVENTS)
    with pytest.raises(SystemExit) as stopped:
        command("explain", *arguments)
    assert stopped.value.code == 2
    assert hint in capfd.readouterr().err
