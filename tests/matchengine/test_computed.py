"""Computed predicates: what the vectors do not say of them."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matchengine import (
    Filter,
    FilterSyntaxError,
    LimitExceeded,
    Limits,
    Matcher,
    attr,
    covers,
    merge,
    overlaps,
    parse,
)


def test_the_builder_says_what_the_text_says() -> None:
    a, b = attr("a"), attr("x y")
    built: dict[str, Filter] = {
        'a < "x y"': a < b,
        "a = a": a == a,  # noqa: PLR0124
        "a <> a": a != a,  # noqa: PLR0124
        '2 * a - "x y" / 3 >= 1.5': 2 * a - b / 3 >= 1.5,
        '1 - a + (2 - "x y") = 0': 1 - a + (2 - b) == 0,
        "-a * 5 <= 1": -a * 5 <= 1,
        "--a > 5": -(-a) > 5,  # noqa: B002
        "a * 2 > 5": 5 < a * 2,  # noqa: SIM300
        'a BETWEEN 1 AND "x y"': a.between(1, b),
        'a + 1 NOT BETWEEN "x y" AND a * a': ~(a + 1).between(b, a * a),
        "a + 5 > 2.5": a + np.int64(5) > np.float32(2.5),
        "5 + a = 'x'": np.int64(5) + a == "x",
        "1 / a > 0": 1 / a > 0,
    }
    for text, f in built.items():
        assert str(f) == text
        assert parse(text) == f
        assert pickle.loads(pickle.dumps(f)) == f
    assert (2 * a - b / 3 >= 1.5).paths == {"a", "x y"}
    assert repr(a * (b + 1)) == '<a * ("x y" + 1)>'
    with pytest.raises(TypeError):
        hash(a + 1)
    with pytest.raises(TypeError, match="is_true"):
        bool(a + 1)


def test_the_bound_of_combinations() -> None:
    event = {"a": [1, 2, 3], "b": [4, 5]}
    filters = {
        "ab": ("a < b", 2 * 6),
        "not": ("NOT a > b", 2 * 6),
        "one": ("a * a = 9", 4 * 3),
        "both": ("a < b AND a * a = 9", 6 * 6),
        "twice": ("a < b AND a < b AND a > 2 + 0", 4 * 6),  # 2 + 0 folds
        "never": ("a < b OR FALSE AND x < y", 4 * 6),
        "single": (" + ".join(["c"] * 50) + " = 50", 1),
        "each": (f"a < b OR {' + '.join(['c'] * 50)} < 50", 102 * 6),
        "plain": ("a = 5 - 2 AND a BETWEEN 1 + 1 AND 4", 1),
    }
    event["c"] = 1
    for bound in sorted({least for _, least in filters.values()}):
        for combinations in (bound - 1, bound):
            if combinations == 0:
                continue
            m: Matcher[str] = Matcher(limits=Limits(combinations=combinations))
            for name, (text, _) in filters.items():
                m.add(text, id=name)
            found = {name for name, (_, least) in filters.items() if combinations >= least}
            assert set(m.match(event)) == found
            for name in filters:
                expected = "true" if name in found else "unknown"
                assert m.explain(event, name).outcome == expected


def test_covering_minds_the_bound() -> None:
    small, large = "a < b", "a < b OR c < d"
    wide = {"a": [1] * 1024, "b": [2] * 512}
    m: Matcher[str] = Matcher()
    m.add(small, id="small")
    m.add(large, id="large")
    assert m.match(wide) == ["small"]
    assert not covers(large, small)
    assert set(m.covering(small)) == {"small"}
    assert merge(small, large) is None
    assert covers(small, "a < b AND c < d")
    assert covers("a < b OR x = 1", "a < b AND y < 2 * 3")
    assert covers("x = 1 OR c < d + 1", "x = 1 AND a < b")  # not because of what is computed
    assert not overlaps(large, "NOT a < b AND NOT c < d", arrays=False)


def test_what_is_computed_is_computed_once() -> None:
    # Ten anchors on 200 values each: what fails would be tried for all of them.
    m: Matcher[str] = Matcher()
    anchors = " OR ".join(f"p{i} > {i}" for i in range(8))
    m.add(f"({anchors}) AND a * b = -1", id="x")
    event: dict[str, Any] = {f"p{i}": list(range(10, 3_000)) for i in range(8)}
    event["a"] = event["b"] = list(range(500))
    started = time.process_time()
    assert m.match(event) == []
    assert time.process_time() - started < 10  # once: some milliseconds; else minutes
    event["a"] = [-1, *event["a"]]
    assert m.match(event) == ["x"]
    assert m.match({"p0": [5, 6], "a": -1, "b": 1}) == ["x"]


def test_what_folds_is_filed_like_a_plain_leaf() -> None:
    m: Matcher[int] = Matcher()
    for text, kind in [
        ("t > 60 * 60", "range"),
        ("60 * 60 > t", "range"),
        ("t = 2 + 3", "equal"),
        ("t BETWEEN -(5) AND 5 * 5", "range"),
        ("t + 1 > 60", "present"),
        ("t > u", "present"),
        ("t = 1 / 0", "present"),
    ]:
        diagnosis = m.check(text)
        assert diagnosis.anchors == {kind: 1}
        assert str(diagnosis.filter) == text
        m.add(text)
    for t in [4, 5, 3600, 3600.5, 59.5]:
        expected = [t > 3600, t < 3600, t == 5, -5 <= t <= 25, t + 1 > 60]
        assert sorted(m.match({"t": t})) == [i for i, holds in enumerate(expected) if holds]
    for i in range(7):
        m.remove(i)
    assert m.stats()["cuts"] == m.stats()["constants"] == m.stats()["paths"] == 0


def test_other_conditions_are_anchors() -> None:
    m: Matcher[int] = Matcher()
    for text, anchors in [
        ("symbol = 'A' AND price * volume > 5", {"equal": 1}),
        ("(a < b OR s = 'x') AND n IN (1, 2)", {"equal": 2}),
        ("a < b OR c = 1", {"present": 1, "equal": 1}),
        ("NOT a < b", {"present": 1}),
    ]:
        assert m.check(text).anchors == anchors


def test_explain_shows_every_attribute() -> None:
    m: Matcher[str] = Matcher()
    m.add("price * volume - price > 1000 AND s <> t", id="x")
    why = m.explain({"price": [10, float("nan")], "volume": 5, "s": "a"}, "x")
    assert not why
    assert [reason.predicate for reason in why.reasons] == ["price * volume - price > 1000"]
    (reason,) = why.reasons
    assert (reason.path, reason.values) == (None, ())
    assert [name for name, _ in reason.attributes] == ["price", "volume"]
    assert str(reason) == ("price * volume - price > 1000 is false: price is 10, nan, volume is 5")
    (listed,) = json.loads(why.as_json())["reasons"]
    assert listed["path"] is None
    assert listed["attributes"] == [
        {"path": "price", "values": [10, "nan"], "more": 0},
        {"path": "volume", "values": [5], "more": 0},
    ]
    missing = m.explain({"price": 1000, "volume": 5}, "x")
    assert "s is missing, t is missing" in str(missing)
    many = " + ".join(f"p{i}" for i in range(9))
    m.add(f"{many} > 0", id="many")
    assert "p4 is missing and 4 more attributes" in str(m.explain({"p0": 1}, "many"))
    # A part that can never hold computes nothing until somebody asks.
    never: Matcher[str] = Matcher()
    never.add("FALSE AND a < b", id="never")
    assert never.explain({"a": [1, 2], "b": 3}, "never").outcome == "false"


def test_files_of_computed_filters(tmp_path: Path) -> None:
    m: Matcher[str] = Matcher()
    m.add("a < b AND c * 2 BETWEEN 1 AND d", id="x")
    m.add("t > 60 * 60", id="y")
    path = tmp_path / "rules.me"
    m.save(path)
    assert b"combinations" not in path.read_bytes()  # earlier versions read files without it
    again: Matcher[str] = Matcher.load(path)
    assert dict(again.items()) == dict(m.items())
    assert again.match({"t": 3601}) == ["y"]
    limited: Matcher[Any] = Matcher(limits=Limits(combinations=7))
    limited.save(path)
    assert Matcher.load(path).limits == Limits(combinations=7)


def test_an_array_of_large_integers() -> None:
    m: Matcher[str] = Matcher()
    m.add("a < b", id="less")
    m.add("a - b < 0", id="difference")
    event = {"a": [10**900 + i for i in range(200)], "b": [10**900 + 1] * 200}
    assert m.match(event) == ["less"]  # as doubles, both are infinite


@pytest.mark.parametrize(
    ("name", "limit", "most"),
    [("a", "predicates", 2**16), ("x" * 100_000, "filter_bytes", 2**4)],
)
def test_doubling_ends_while_it_is_small(name: str, limit: str, most: int) -> None:
    """Arithmetic that fits into no filter is refused when it is joined, not when it is compared."""
    e, operands = attr(name) + attr(name), 2
    while operands < most:
        e, operands = e + e, 2 * operands
    with pytest.raises(LimitExceeded) as caught:
        e + e
    assert caught.value.limit == limit
    assert caught.value.value == caught.value.maximum + 1
    assert (e > 0).paths == {name}  # and the last that was good can be compared


def test_arithmetic_is_as_deep_as_a_filter() -> None:
    e = attr("a") + 1
    for _ in range(999):
        e = -e
    with pytest.raises(LimitExceeded) as caught:
        repr(-e)
    assert (caught.value.limit, caught.value.maximum) == ("filter_depth", 1_000)
    assert parse(str(e > 0)) == (e > 0)


def test_code_may_be_longer_than_a_text() -> None:
    """A number takes more bytes in code than in text, so what the parser takes can be built."""
    e = attr("a") + 0.5
    for _ in range(46):
        e = e + 0.5
    for _ in range(11):
        e = e + e
    f = e > 0
    assert len(f._ir) > Limits().filter_bytes > len(str(f))
    assert parse(str(f)) == f


@pytest.mark.parametrize("test", ["LIKE 'x'", "ILIKE 'x'", "IN (1)", "IS NULL"])
def test_what_tests_no_expression_names_all_its_kin(test: str) -> None:
    with pytest.raises(FilterSyntaxError, match=r"^IN, LIKE, ILIKE and IS NULL test an attribute"):
        parse(f"a + 1 {test}")
