"""JSONTestSuite: each text as the value of {"x": ...}.

What RFC 8259 accepts is accepted and what it refuses is refused, with the place. Where it leaves
the choice, docs/semantics.md decides, and the twin is the same choice in Python.
"""

from __future__ import annotations

import ast
import base64
import functools
import json
from typing import Any

import pytest

from matchengine import EventError, Matcher
from matchengine.reference import evaluate, flatten, load_event, parse
from shared_data import SHARED, needs_shared

SUITE = "suites/json_test_suite"
FILTERS = ["", "EXISTS(x)", "x IS NULL", "x = 1", "x <> 'a'", "x > 0", "x LIKE '%'", "x", "NOT x"]

#: The texts that RFC 8259 leaves open and docs/semantics.md takes. All others it refuses.
TAKEN = {
    "i_number_double_huge_neg_exp.json",
    "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
    "i_structure_500_nested_arrays.json",
}


@functools.cache
def cases(name: str) -> list[dict[str, Any]]:
    path = SHARED / SUITE / name
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def text_of(case: dict[str, Any]) -> bytes:
    if case.get("base64") is not None:
        return base64.b64decode(case["base64"])
    made = repeated(ast.parse(case["generator"], mode="eval").body)
    return made if isinstance(made, bytes) else made.encode()


def repeated(node: ast.expr) -> Any:
    """The value of an expression of literals, `+` and `*`."""
    if not isinstance(node, ast.BinOp):
        return ast.literal_eval(node)
    left, right = repeated(node.left), repeated(node.right)
    return left * right if isinstance(node.op, ast.Mult) else left + right


def check_offset(error: EventError, text: bytes) -> None:
    assert error.offset is not None
    assert 0 <= error.offset <= len(text)


def wrapped(text: bytes) -> bytes:
    return b'{"x": ' + text + b"}"


@pytest.fixture(scope="module")
def matcher() -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((filter, filter) for filter in FILTERS)
    return matcher


def is_taken(matcher: Matcher[Any], text: bytes) -> bool:
    """Does the core take the text? Checks that it means to the core what it means to the twin."""
    try:
        found = matcher.match_json(text)
    except EventError as error:
        check_offset(error, text)
        return False
    values = flatten(load_event(text))
    assert set(found) == {f for f in FILTERS if evaluate(parse(f), values) is True}
    return True


@needs_shared(SUITE)
@pytest.mark.parametrize("kind", ["accept", "reject", "implementation_defined"])
def test_every_text_is_decided(matcher: Matcher[Any], kind: str) -> None:
    mine = [case for case in cases("test_parsing.jsonl") if case["expected"] == kind]
    assert len(mine) > 30
    for case in mine:
        name = case["name"].rpartition("/")[2]
        taken = is_taken(matcher, wrapped(text_of(case)))
        wanted = kind == "accept" or (kind == "implementation_defined" and name in TAKEN)
        assert taken == wanted, name


@needs_shared(SUITE)
def test_alone_a_text_is_an_object_or_refused(matcher: Matcher[Any]) -> None:
    for case in cases("test_parsing.jsonl"):
        text = text_of(case)
        try:
            is_event = isinstance(load_event(text), dict)
        except ValueError:
            is_event = False
        assert is_taken(matcher, text) == is_event, case["name"]


@needs_shared(SUITE)
def test_transform_inputs(matcher: Matcher[Any]) -> None:
    """Texts that readers change in different ways: here they mean what the twin reads."""
    for case in cases("test_transform_inputs.jsonl"):
        text = wrapped(text_of(case))
        try:
            load_event(text)
            is_event = True
        except ValueError:
            is_event = False
        assert is_taken(matcher, text) == is_event, case["name"]
        matcher.match_json(b'{"x": 1}')


@needs_shared(SUITE)
def test_acceptance_does_not_depend_on_who_has_subscribed(matcher: Matcher[Any]) -> None:
    nobody: Matcher[Any] = Matcher()
    for case in cases("test_parsing.jsonl") + cases("test_transform_inputs.jsonl"):
        for text in (wrapped(text_of(case)), b'{"y": {"z": [' + text_of(case) + b"]}}"):
            outcomes = []
            for one in (matcher, nobody):
                try:
                    one.match_json(text)
                    outcomes.append(None)
                except EventError as error:
                    outcomes.append((error.offset, str(error)))
            assert outcomes[0] == outcomes[1], case["name"]
