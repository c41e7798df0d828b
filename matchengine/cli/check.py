"""``matchengine check``: what the engine would make of each rule."""

from __future__ import annotations

import argparse
import json
from typing import Any

from matchengine.cli.command import Commands, add_json, add_rules, new_command
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain
from matchengine.cli.rules import Rule, load_rules, name_of
from matchengine.cli.source import Source
from matchengine.matcher import Diagnosis, Matcher

__all__ = ["add_command"]

#: What is printed of a rule with --json, but for its line and id.
_Report = dict[str, Any]


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the parser."""
    parser = new_command(
        commands,
        "check",
        _run,
        "find bad rules, and say what the good ones cost",
        "Print what is wrong with each bad rule, and of each good one its cost (the "
        "expected share of events that look at it, from 0 to 1) and its anchors (the conditions "
        "that it is filed under). The exit code is 1 when a rule is bad.",
    )
    add_rules(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    output = Output()
    matcher: Matcher[Any] = Matcher()
    with Source(arguments.rules) as source, Progress("checking", source.size) as progress:
        # All are added first: what a rule costs depends on the others.
        rules: list[Rule] = []
        for rule in load_rules(source, matcher):
            rules.append(rule)
            if rule.line % 1000 == 0:
                progress.update(source.position())
    rules.sort(key=lambda rule: rule.line)
    for rule in rules:
        report = _fault(rule) if rule.error else _virtues(matcher, rule)
        if arguments.json:
            id = {} if rule.id is None else {"id": rule.id}
            output.write([json.dumps({"line": rule.line} | id | report)])
        else:
            output.write([f"{source.name}:{rule.line}: {_sentence(rule, report)}"])
            if warning := report.get("warning"):
                complain(f"{source.name}:{rule.line}: note: {warning}")
    bad = sum(bool(rule.error) for rule in rules)
    complain(f"{source.name}: {len(rules) - bad} good, {bad} bad")
    return BAD_INPUT if bad else OK


def _fault(rule: Rule) -> _Report:
    report: _Report = {"ok": False, "error": rule.error}
    return report if rule.position is None else report | {"position": rule.position}


def _virtues(matcher: Matcher[Any], rule: Rule) -> _Report:
    found: Diagnosis = matcher.check(rule.filter)
    return {
        "ok": True,
        "filter": str(found.filter),
        "cost": found.cost,
        "anchors": dict(found.anchors or {}),
        "contradiction": found.contradiction,
        "always_true": found.always_true,
        "warning": None if found.warning is None else str(found.warning),
    }


def _sentence(rule: Rule, report: _Report) -> str:
    """The report for people."""
    if not report["ok"]:
        return f"error: {report['error']}"
    if report["contradiction"]:
        remark = "no event can match it"
    elif report["always_true"]:
        remark = "every event matches it"
    elif report["anchors"]:
        counts = (f"{count} {kind}" for kind, count in report["anchors"].items())
        remark = f"filed under {', '.join(counts)}"
    else:
        remark = "filed nowhere: every event looks at it"
    return f"ok: {name_of(rule.id)}: cost {report['cost']:.2g}, {remark}"
