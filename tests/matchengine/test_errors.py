"""What errors say, what they are, and that they survive a pickle."""

import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matchengine import Matcher, errors
from matchengine.errors import (
    DuplicateSubscription,
    EventError,
    EventLimitExceeded,
    ExpensiveFilterWarning,
    FileFormatError,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    MatchEngineError,
    UnknownSubscription,
)
from matchengine.filters import parse

ONE_OF_EACH = [
    MatchEngineError("something"),
    FilterSyntaxError("expected a name, got AND", "NOT AND", 4, "a name"),
    FilterTypeError("no order", "a < TRUE", 4),
    FilterTypeError("without a text"),
    LimitExceeded("too deep", "filter_depth", 1001, 1000),
    LimitExceeded("too deep", "filter_depth", 2, 1, text="NOT NOT a", position=4),
    EventError("not an object", offset=5, index=3),
    EventError("bytes are no value", path="a.b"),
    EventLimitExceeded("too many digits", "digits", 1001, 1000, path="a", index=0),
    FileFormatError("truncated", "rules.me", 17),
    DuplicateSubscription("alice"),
    UnknownSubscription(("a", 1)),
    ExpensiveFilterWarning("every event looks at it"),
]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_pickle_keeps_everything(error: MatchEngineError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), vars(back), back.args) == (str(error), vars(error), error.args)


def test_one_of_each_is_all_of_them() -> None:
    assert {type(error).__name__ for error in ONE_OF_EACH} == set(errors.__all__)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (FilterSyntaxError, ValueError),
        (FilterTypeError, TypeError),
        (LimitExceeded, ValueError),
        (EventError, ValueError),
        (EventLimitExceeded, LimitExceeded),
        (EventLimitExceeded, EventError),
        (FileFormatError, ValueError),
        (DuplicateSubscription, ValueError),
        (UnknownSubscription, KeyError),
    ],
)
def test_what_they_inherit(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)
    assert issubclass(error, MatchEngineError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EventError("bad"), "bad"),
        (EventError("bad", offset=0), "bad (at byte 0)"),
        (EventError("bad", path=""), "bad (at '')"),
        (EventError("bad", path="a.b", index=7), "event 7: bad (at 'a.b')"),
        (EventLimitExceeded("deep", "event_depth", 513, 512, offset=9), "deep (at byte 9)"),
        (LimitExceeded("deep", "filter_depth", 1, 0), "deep"),
        (LimitExceeded("deep", "filter_depth", 1, 0, "NOT a", 4), "deep\n  NOT a\n      ^"),
        (FileFormatError("bad"), "bad"),
        (FileFormatError("bad", offset=0), "bad (at byte 0)"),
        (FileFormatError("bad", "a\nb", 7), "'a\\nb': bad (at byte 7)"),
        (DuplicateSubscription("alice"), "the id 'alice' is taken"),
        (UnknownSubscription(5), "no subscription has the id 5"),
    ],
)
def test_messages(error: Exception, text: str) -> None:
    assert str(error) == text


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError


def test_messages_survive_rude_and_huge_ids() -> None:
    assert "Rude" in str(UnknownSubscription(Rude()))
    assert len(str(DuplicateSubscription("x" * 10**6))) < 200
    assert len(str(EventError("bad", path="x" * 10**6))) < 200


# ---- the caret ----------------------------------------------------------------------------------


def caret(text: str, **params: Any) -> list[str]:
    with pytest.raises((FilterSyntaxError, FilterTypeError)) as caught:
        parse(text, **params)
    message, *lines = str(caught.value).split("\n")
    assert message == caught.value.message
    return lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = AND", ["  a = AND", "      ^"]),
        ("AND", ["  AND", "  ^"]),
        ("a =", ["  a =", "     ^"]),
        ("a < TRUE", ["  a < TRUE", "      ^"]),
        # Under the character, whatever its width: é 1, 😀 and 数 2 columns, U+0301 none.
        ("é = 'é' b", ["  é = 'é' b", "          ^"]),
        ("a = '😀' b", ["  a = '😀' b", "           ^"]),
        ("数 = ;", ["  数 = ;", "       ^"]),
        ("a = 'e\u0301' b", ["  a = 'e\u0301' b", "          ^"]),
        # What would move the cursor, or turn the line around, is a dot.
        ("a\t= 'x\u202e\0' b", ["  a·= 'x··' b", "            ^"]),
        ("a = '\ud800'", ["  a = '·'", "       ^"]),
        # One line of several.
        ("a = 1\nAND b = = 2\nOR c", ["  line 2: AND b = = 2", "                  ^"]),
        ("a = 1 AND\n", ["  line 2: ", "          ^"]),
        ("a = 1 1\r\n", ["  line 1: a = 1 1·", "                ^"]),
    ],
)
def test_caret_line(text: str, lines: list[str]) -> None:
    assert caret(text) == lines


@pytest.mark.parametrize("before", [0, 33, 34, 35, 1000, 100_000])
@pytest.mark.parametrize("after", [0, 33, 34, 35, 1000])
def test_long_lines_show_a_window(before: int, after: int) -> None:
    line, mark = caret("x" * before + ";" + "y" * after)
    assert line[len(mark) - 1] == ";"
    assert len(line) <= 2 + 3 + 34 + 34 + 3
    assert line.startswith("  ..." if before > 34 else "  x" if before else "  ;")
    assert line.endswith("..." if after > 33 else "y" if after else ";")


def test_what_a_syntax_error_knows() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse("größe = 5 OR AND")
    error = caught.value
    assert (error.text, error.position) == ("größe = 5 OR AND", 13)
    assert error.expected == "a name, a constant, NOT or ("
    assert error.message == "expected a name, a constant, NOT or (, got AND"
    with pytest.raises(FilterSyntaxError) as caught:
        parse("a = 5x")
    assert (caught.value.message, caught.value.expected) == ("malformed number", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a IN ("b")', "single quotes"),
        ("a + 'x' > 2", "arithmetic needs numbers"),
        ("a + b", "expected a comparison, got the end"),
        ("a + b IN (1)", "test an attribute, not an expression"),
        ("CONTAINS(a + b, 'x')", "takes the name of an attribute"),
        ("a * (b", r"expected an operator or \)"),
        ("MATCHES(a, '(')", "the end of the regex"),
        ("upper(a) = 'X'", "no function upper"),
        ("größe(a)", "no function of this name"),
        ("a = NULL", "IS NULL"),
        ("a = :p", "no value was given"),
        ("a = 'x", "no closing '"),
        ("5 = 5", "one side"),
        ("a LIKE '!' ESCAPE '!'", "ends in its escape"),
    ],
)
def test_errors_name_the_fault(text: str, words: str) -> None:
    with pytest.raises((FilterSyntaxError, FilterTypeError), match=words):
        parse(text)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.match('{"a": 1}'), EventError, "mapping, got str (match_json takes text)"),
        (lambda m: m.match(None), EventError, "an event is a mapping, got NoneType"),
        (lambda m: m.match_json({"a": 1}), TypeError, "str, bytes or a buffer of bytes, got dict"),
        (lambda m: m.match_json(5), TypeError, "JSON text is str, bytes or a buffer"),
        (lambda m: m.match_batch(None), EventError, "JSON lines, got NoneType"),
        (lambda m: m.match_batch({"a": 1}), EventError, "JSON lines, got dict"),
    ],
)
def test_what_is_no_event_at_all(
    call: Callable[[Matcher[Any]], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call(Matcher())


def test_the_source_tree_says_what_it_is(tmp_path: Path) -> None:
    shutil.copytree(
        Path(__file__).parents[2] / "matchengine",
        tmp_path / "matchengine",
        ignore=shutil.ignore_patterns("*.so", "*.pyd"),
    )
    command = [sys.executable, "-c", "import matchengine"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "ImportError: this is matchengine's source tree" in found.stderr
