"""``matchengine check``: what the engine would make of each rule."""

from __future__ import annotations

import argparse
import json
from typing import Any

from matchengine import Diagnosis, Matcher
from matchengine.cli.output import BAD_INPUT, OK, Output, Progress, complain
from matchengine.cli.rules import Rule, read_rules
from matchengine.cli.source import Source
from matchengine.errors import FilterSyntaxError, FilterTypeError, MatchEngineError

__all__ = ["add_command"]

#: What is printed of a rule with --json, but for its line and id.
_Report = dict[str, Any]


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the parser."""
    parser = commands.add_parser(
        "check",
        help="find bad rules, and say what the good ones cost",
        description="Print what is wrong with each bad rule, and of each good one its cost (the "
        "expected share of events that look at it, from 0 to 1) and its anchors (the conditions "
        "that it is filed under). The exit code is 1 when a rule is bad.",
    )
    parser.add_argument(
        "rules", metavar="RULES", help='JSON lines {"id": ..., "filter": "..."}; .gz or - as well'
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    output = Output()
    matcher: Matcher[str] = Matcher()
    with Source(arguments.rules) as source, Progress("checking", source.size) as progress:
        # All are added first: what a rule costs depends on the others.
        faults: list[tuple[Rule, _Report]] = []
        lines: dict[str, int] = {}
        for rule in read_rules(source):
            faults.append((rule, _fault(matcher, rule, lines)))
            if rule.line % 1000 == 0:
                progress.update(source.position())
    for rule, fault in faults:
        report = fault or _virtues(matcher.check(rule.filter))
        if arguments.json:
            id = {"id": json.loads(rule.id)} if rule.id else {}
            output.write([json.dumps({"line": rule.line} | id | report)])
        else:
            output.write([f"{source.name}:{rule.line}: {_sentence(rule, report)}"])
    bad = sum(bool(fault) for _, fault in faults)
    complain(f"{source.name}: {len(faults) - bad} good, {bad} bad")
    return BAD_INPUT if bad else OK


def _fault(matcher: Matcher[str], rule: Rule, lines: dict[str, int]) -> _Report:
    """Add a rule, or report why that cannot be."""
    if rule.error:
        return {"ok": False, "error": rule.error}
    if rule.id in lines:
        return {"ok": False, "error": f"{rule.id}: the id is taken by line {lines[rule.id]}"}
    try:
        matcher.add(rule.filter, id=rule.id, to=rule.to)
    except MatchEngineError as error:
        report: _Report = {"ok": False, "error": f"{rule.id}: {error}"}
        if isinstance(error, FilterSyntaxError | FilterTypeError):
            report["position"] = error.position
        return report
    lines[rule.id] = rule.line
    return {}


def _virtues(found: Diagnosis) -> _Report:
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
    warning = f"; {report['warning']}" if report["warning"] else ""
    return f"ok: {rule.id}: cost {report['cost']:.2g}, {remark}{warning}"
