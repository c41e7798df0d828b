"""JSON texts beside `json.loads` and the twin: accepted by both or neither, and matched alike."""

from __future__ import annotations

import contextlib
import json

from matchengine import EventError, Matcher, reference

FILTERS = [
    "a = 1", "a <> 1", "a < 2.5", "a >= 9007199254740993", "a = 'x'", "a = TRUE", "a IS NULL",
    "NOT a = 1", "EXISTS(a.b)", "a.b.c > -1", 'EXISTS("")', '"x." IS NOT NULL', '"a.0" = 1',
    "a LIKE '%b%'", "b ILIKE 'A_'", "b IN (1, 'b', FALSE)", "b BETWEEN 0 AND 1e300", "b > 'a'",
    "CONTAINS(a.b, 'é')", "MATCHES(b, '.*😀.*')", "NOT EXISTS(b)", "long.path.to.a.value = 0",
]  # fmt: skip

_matcher: Matcher[int] = Matcher()
_matcher.add_many(enumerate(FILTERS))
_nodes = [reference.parse(text) for text in FILTERS]


def answer(text: bytes) -> list[int] | None:
    """What matches; None when the text is refused, which has a place in it."""
    try:
        return sorted(_matcher.match_json(text))
    except EventError as error:
        if error.offset is not None and not 0 <= error.offset <= len(text):
            raise AssertionError(f"{error.offset} is not in the text") from error
        return None


def one_input(data: bytes) -> None:
    """The first two bytes are fuzz_json.c's; one corpus is good for both."""
    text = data[2:]
    try:
        event = reference.load_event(text.decode())
        wanted = [n for n, node in enumerate(_nodes) if reference.matches(node, event)]
    except (ValueError, RecursionError, TypeError):
        event, wanted = None, None
    found = answer(text)
    assert found == wanted, text
    if event is None:
        return
    assert sorted(_matcher.match(event)) == wanted, text
    with contextlib.suppress(ValueError):  # JSON has no infinity
        text = json.dumps(event, allow_nan=False)
        assert sorted(_matcher.match_json(text)) == wanted, text
