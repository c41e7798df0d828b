"""Does an installed matchengine work? For a wheel just built, with nothing but Python and NumPy:

    python -I tests/smoke.py

Compares the engine with its plain Python twin on made-up rules, in threads as well, saves and
loads, and runs the command. Takes a few seconds; prints one line.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matchengine
from matchengine import ExpensiveFilterWarning, FilterSyntaxError, LimitExceeded, Limits, Matcher
from matchengine.reference import ReferenceMatcher

ROOT = Path(__file__).resolve().parent.parent
LEAVES = (
    "n = {n}", "n <> {n}", "n < {n}.5", "d BETWEEN -{n} AND {n}", "s IN ('v{n}', 'ü', TRUE)",
    "s LIKE 'v%{n}'", "s ILIKE 'V_'", "MATCHES(s, 'v[0-{n}]+')", "CONTAINS(s, '{n}')",
    "list.item >= {n}", "n IS NULL", "EXISTS(d)", "flag",
)  # fmt: skip


def make_filter(rng: random.Random) -> str:
    """Two to four leaves under AND, OR and NOT."""
    leaves = [rng.choice(LEAVES).format(n=rng.randrange(10)) for _ in range(rng.randint(2, 4))]
    text = leaves[0]
    for leaf in leaves[1:]:
        text = f"({text}) {rng.choice(('AND', 'AND', 'OR'))} {rng.choice(('', 'NOT '))}{leaf}"
    return text


def make_event(rng: random.Random) -> dict[str, object]:
    """Some attributes, of any type."""
    event: dict[str, object] = {
        "n": rng.choice((rng.randrange(10), 10**30, None, "x", rng.random() * 10)),
        "d": rng.uniform(-10, 10),
        "s": rng.choice((f"v{rng.randrange(100)}", "ü", "", True)),
        "list": [{"item": rng.randrange(12)} for _ in range(rng.randrange(3))],
        "flag": rng.random() < 0.3,
    }
    return {name: event[name] for name in event if rng.random() < 0.8}


def compare() -> Matcher[int]:
    """Every way to match against the twin."""
    rng = random.Random(5)
    rules = {number: make_filter(rng) for number in range(400)}
    events = [make_event(rng) for _ in range(200)]
    matcher: Matcher[int] = Matcher()
    twin = ReferenceMatcher()
    with warnings.catch_warnings():  # of the NOTs among them: they are to be matched, too
        warnings.simplefilter("ignore", ExpensiveFilterWarning)
        matcher.add_many(rules)
    for id, rule in rules.items():
        twin.add(rule, id)
    expected = [sorted(map(int, twin.match(event))) for event in events]  # type: ignore[call-overload]
    assert sum(map(len, expected)) > 1_000
    texts = [json.dumps(event) for event in events]
    assert [sorted(matcher.match(event)) for event in events] == expected
    with ThreadPoolExecutor(4) as pool:
        assert list(map(sorted, pool.map(matcher.match_json, texts))) == expected
    assert list(map(sorted, matcher.match_batch("\n".join(texts)))) == expected
    assert list(map(sorted, pickle.loads(pickle.dumps(matcher)).match_batch(events))) == expected
    assert all(matcher.explain(events[0], id).matched == (id in expected[0]) for id in rules)
    return matcher


def refuse() -> None:
    """Errors cross from C to Python as they should."""
    for bad, kind in (("price <", FilterSyntaxError), ("a OR b", LimitExceeded)):
        try:
            Matcher(limits=Limits(predicates=1)).add(bad)
        except kind:
            continue
        raise AssertionError(bad)


def run_command(folder: Path) -> None:
    """The command as a process, with the kernels that every machine has."""
    (folder / "rules").write_text('{"id": "x", "filter": "a > 0"}\n', encoding="utf-8")
    (folder / "events").write_text('{"a": 0}\n{"a": 1}\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-m", "matchengine", "match", "rules", "events"],
        cwd=folder,
        env=os.environ | {"MATCHENGINE_SIMD": "portable"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"event": 1, "matches": ["x"]}


def main() -> None:
    """Everything, and where it was found."""
    home = Path(matchengine.__file__).resolve().parent
    assert home != ROOT / "matchengine", "this is the source tree, not an installation"
    assert {"py.typed", "_core.pyi", "__main__.py"} <= {path.name for path in home.iterdir()}
    importlib.import_module("brokers")
    matcher = compare()
    refuse()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.me")
        matcher.save(path)
        assert set(Matcher.load(path)) == set(matcher)
        run_command(Path(folder))
    version = importlib.metadata.version("matchengine")
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"matchengine {version} works: {home}, Python {python}, {matcher.stats()['simd']}")


if __name__ == "__main__":
    main()
