"""Regular expressions: time over the length of the string, and many of them on one attribute.

    python benchmarks/regexes.py [--only lengths|many] [--png FILE]

*lengths* matches one regex against strings of up to a megabyte, beside Python's ``re`` where that
is not exponential, and draws ``docs/regex-linear.svg``. *many* matches 10,000 regexes of three
families (``bench_regex.py``) against running each with ``re``, and each in a matcher of its own.
All answers are compared first. Times are processor time. Writes
``benchmarks/results/regexes.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import calibrate
from bench_regex import KINDS, REGEXES, case_of, with_re
from matchengine import ExpensiveFilterWarning, Matcher, attr

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "regexes.json"
PLOT = ROOT / "docs" / "regex-linear.svg"

LENGTHS = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
REPEATS = 5
ROUNDS = 9
EVENTS = 20  # of ours in a round, which has one of the others
WORDS = ["get", "put", "post", "patch", "delete", "head", "options", "trace"]


def random_letters(length: int) -> str:
    return "".join(random.Random(length).choices("ab", k=length))


def cut(text: str) -> Callable[[int], str]:
    return lambda length: (text * (length // len(text) + 1))[:length]


#: Name, regex, the string of a length, and whether `re` comes back from it. The last character is
#: one that the regex can end with, or first and last bytes would settle it.
PATTERNS: list[tuple[str, str, Callable[[int], str], bool]] = [
    ("(a+)+[bc] on aaa...!b", "(a+)+[bc]", lambda n: "a" * (n - 2) + "!b", False),
    ("((a*)*[xy]?)*[bc] on aaa...!b", "((a*)*[xy]?)*[bc]", lambda n: "a" * (n - 2) + "!b", False),
    (
        "(get|put|...)(/(get|put|...))* on words",
        "({0})([/]({0}))*".format("|".join(WORDS)),
        lambda n: "/".join(random.Random(n).choices(WORDS, k=n // 5)),
        True,
    ),
    (
        r"[a-z]+([0-9_]+[\p{L}.-]+)* on text",
        r"[a-z]+([0-9_]+[\p{L}.-]+)*",
        cut("request12.path-of_7some.Éléments42x"),
        True,
    ),
    (".*a.{2000} on random a and b (no table)", ".*a.{2000}", random_letters, True),
]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def least(ask: Callable[[Any], object], what: object) -> float:
    return min(seconds(lambda: ask(what)) for _ in range(REPEATS))


# ---- time over length ---------------------------------------------------------------------------


def measure_lengths() -> list[dict[str, Any]]:
    found = []
    for name, regex, make, comparable in PATTERNS:
        matcher: Matcher[int] = Matcher()
        matcher.add(attr("a").matches(regex), id=1)
        oracle = re.compile(regex.replace("\\p{L}", "a-zA-ZÀ-ÿ")).fullmatch
        ours, theirs = [], []
        for length in LENGTHS:
            text = make(length)
            event = {"a": text}
            if comparable:
                assert matcher.matches_any(event) is (oracle(text) is not None), (name, length)
                theirs.append(least(oracle, text))
            else:
                assert not matcher.matches_any(event)
                short = make(8)
                assert matcher.matches_any({"a": short}) is (oracle(short) is not None)
            ours.append(least(matcher.matches_any, event))
        slope = slope_of(ours)
        rate = ours[-1] / LENGTHS[-1] * 1e9
        print(f"{name:45} 1 MB: {ours[-1] * 1e3:7.2f} ms, {rate:5.1f} ns a byte, slope {slope:.2f}")
        found.append(
            {"name": name, "regex": regex, "lengths": LENGTHS, "matchengine": ours, "re": theirs}
        )
    return found


def slope_of(times: list[float]) -> float:
    """The exponent of time over length, between 10,000 and 1,000,000 characters: 1 is linear."""
    first = LENGTHS.index(10_000)
    return math.log(times[-1] / times[first]) / math.log(LENGTHS[-1] / LENGTHS[first])


def draw(found: list[dict[str, Any]], png: str | None) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "matchengine", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    for number, one in enumerate(found):
        milliseconds = [1e3 * value for value in one["matchengine"]]
        axes.plot(LENGTHS, milliseconds, "o-", ms=3.5, color=f"C{number}", label=one["name"])
        if one["re"]:
            milliseconds = [1e3 * value for value in one["re"]]
            axes.plot(LENGTHS, milliseconds, "s:", ms=3, color=f"C{number}", alpha=0.6)
    axes.plot([], [], "s:", ms=3, color="gray", label="the same with Python's re")
    axes.set(xscale="log", yscale="log", xlabel="length of the string", ylabel="milliseconds")
    axes.set_title("One regular expression, linear in the string", fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=7.5, loc="upper left", frameon=False)
    figure.savefig(PLOT, metadata={"Date": None})
    if png:
        figure.savefig(png, dpi=110)


# ---- many on one attribute -----------------------------------------------------------------------


def measure_family(kind: str) -> dict[str, Any]:
    case = case_of(kind)
    compiled = with_re(case)
    alone = []
    for regex in case.regexes:
        single: Matcher[int] = Matcher()
        single.add(attr("path").matches(regex), id=1)
        alone.append(single.matches_any)
    events = iter(case.events)
    for _ in range(5):
        event = next(events)
        expected = {i for i, fullmatch in enumerate(compiled) if fullmatch(event["path"])}
        assert set(case.matcher.match(event)) == expected
        assert {i for i, matches in enumerate(alone) if matches(event)} == expected
    times: dict[str, list[float]] = {"together": [], "re": [], "alone": []}
    for _ in range(ROUNDS):
        some = [next(events) for _ in range(EVENTS)]
        event = next(events)
        took = seconds(lambda some=some: [case.matcher.match(one) for one in some])
        times["together"].append(took / EVENTS)
        path = event["path"]
        times["re"].append(seconds(lambda p=path: [fullmatch(p) for fullmatch in compiled]))
        times["alone"].append(seconds(lambda e=event: [matches(e) for matches in alone]))
    row: dict[str, Any] = {"family": kind, "regexes": REGEXES}
    for name, values in times.items():
        row[name] = statistics.median(values)
    for name in ("re", "alone"):
        pairs = zip(times[name], times["together"], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        row[f"faster_than_{name}"] = statistics.quantiles(ratios, n=4)
    print(
        f"{kind:10} {row['together'] * 1e6:10,.1f} us   re {row['re'] * 1e6:10,.1f} us "
        f"({row['faster_than_re'][1]:,.0f} x)   each alone {row['alone'] * 1e6:10,.1f} us "
        f"({row['faster_than_alone'][1]:,.0f} x)"
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=["lengths", "many"])
    parser.add_argument("--png", help="draw the plot in this file, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ExpensiveFilterWarning)
    report = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if arguments.only != "many":
        report["lengths"] = {"load": calibrate.load(), "patterns": measure_lengths()}
        draw(report["lengths"]["patterns"], arguments.png)
    if arguments.only != "lengths":
        report["many"] = {
            "load": calibrate.load(),
            "families": [measure_family(kind) for kind in KINDS],
        }
    report["machine"] = calibrate.machine()
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
