"""What `Matcher.add_many` takes (a mapping, pairs, JSON lines) as id, filter and destination.

Reading runs other people's code (mappings, iterators), so it comes before any lock. Filters are
handed on as they are: whoever parses them asks, after an error, where the bad one stood. What a
line of a file of rules is, is said here once, for the command line as well.
"""

from __future__ import annotations

import json
import math
import operator
import reprlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from matchengine._core import NO_DESTINATION
from matchengine.errors import FilterSyntaxError, LimitExceeded

__all__ = [
    "check_length",
    "destination_of",
    "is_blank",
    "is_buffer",
    "marked_encoding",
    "read_subscriptions",
    "rule_of",
]

#: Arrays in arrays of an id in a JSON line: as deep as tuples in a saved file.
DEEPEST = 16
TOO_DEEP = f"nested too deep: no id has arrays deeper than {DEEPEST}"
#: Byte order marks. UTF-32 with the little end first begins as UTF-16 does: one name for both.
MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

#: Id, filter, and destination or None; and what tells where number `n` with its id stands.
Triples = tuple[Iterator[tuple[Any, Any, Any]], Callable[[int, Any], str]]


def read_subscriptions(subscriptions: Any, line_bytes: int) -> Triples:
    """Id, filter and destination of each, and what tells where number `n` with its id stands."""
    if isinstance(subscriptions, Mapping):
        items = list(subscriptions.items())
        return (
            ((id, filter, None) for id, filter in items),
            lambda n, id: f"the filter of {reprlib.repr(id)}",
        )
    if isinstance(subscriptions, str):
        return _read_lines(subscriptions.split("\n"), line_bytes)
    if is_buffer(subscriptions):
        return _read_lines(bytes(memoryview(subscriptions).cast("B")).split(b"\n"), line_bytes)
    return (
        _read_pairs(subscriptions),
        lambda n, id: f"item {n}, the filter of {reprlib.repr(id)}",
    )


def _read_pairs(pairs: Iterable[Any]) -> Iterator[tuple[Any, Any, Any]]:
    for number, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"item {number} is no pair of id and filter: {reprlib.repr(pair)}")
        yield pair[0], pair[1], None


def is_buffer(subscriptions: object) -> bool:
    if isinstance(subscriptions, list | tuple):
        return False
    try:
        memoryview(subscriptions)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _read_lines(lines: list[Any], most: int) -> Triples:
    """Ids, filters and destinations of JSON lines; blank lines are skipped."""
    numbers: list[int] = []

    def triples() -> Iterator[tuple[Any, Any, Any]]:
        for number, line in enumerate(lines, 1):
            if not is_blank(line):
                check_length(number, line, most)
                try:
                    triple = rule_of(line)
                except ValueError as error:
                    raise FilterSyntaxError(f"line {number}: {error}") from None
                numbers.append(number)
                yield triple

    return triples(), lambda n, id: f"line {numbers[n]}"


def check_length(number: int, line: str | bytes, most: int) -> None:
    """Raise `LimitExceeded` for a line of more than `most` bytes, before anything reads it."""
    size = len(line)
    if isinstance(line, str) and size <= most < 4 * size and not line.isascii():
        size = len(line.encode("utf-8", "surrogatepass"))
    if size > most:
        message = f"line {number} exceeds the limit line_bytes, which is {most}"
        raise LimitExceeded(message, "line_bytes", size, most)


def is_blank(line: str | bytes) -> bool:
    """Has the line nothing but JSON's white space?"""
    return not (line.strip(" \t\r") if isinstance(line, str) else line.strip(b" \t\r"))


def marked_encoding(line: str | bytes) -> str:
    """The encoding of which the line begins with a byte order mark, or ""."""
    if isinstance(line, str):
        return "UTF-8" if line.startswith("\ufeff") else ""
    return next((name for mark, name in MARKS.items() if line.startswith(mark)), "")


def rule_of(line: str | bytes) -> tuple[Any, str, int | None]:
    """Id, filter and destination of ``{"id": ..., "filter": "...", "to": ...}``.

    The filter alone is needed; an id of None stands for none. Arrays become tuples, so that every
    id can be hashed and printed as the JSON that it was. Raises ValueError that says what is wrong.
    """
    try:
        record = _decode(line if isinstance(line, str) else line.decode())
    except ValueError as error:
        if marked := marked_encoding(line):
            wrong = f"begins with a byte order mark of {marked}: UTF-8 without one is wanted"
        elif isinstance(error, UnicodeDecodeError):
            wrong = f"not UTF-8 (at byte {error.start})"
        else:
            raise
        raise ValueError(wrong) from None
    if not isinstance(record, dict):
        raise ValueError('expected {"id": ..., "filter": "..."}')
    id = _id_of(record.get("id"))
    filter: Any = record.get("filter")
    to: Any = record.get("to")
    wrong = ""
    if not isinstance(filter, str):
        wrong = 'the rule has no "filter" that is a string'
    elif to is not None and (type(to) is not int or not 0 <= to < 2**32 - 1):
        wrong = f'"to" is the number of a destination, 0 to {2**32 - 2}'
    if wrong:
        raise ValueError(wrong if id is None else f"{json.dumps(id, ensure_ascii=False)}: {wrong}")
    return id, filter, to


def id_of(text: str) -> Any:
    """The id that a JSON text says, as in a rule. Raises ValueError where it says none."""
    return _id_of(_decode(text))


def _decode(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, also for one that Python does not read."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (at character {error.pos})") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except _NoValue:
        raise
    except ValueError:  # all that is left: what int() refuses
        most = sys.get_int_max_str_digits()
        raise ValueError(f"an integer has more than {most} digits, the most allowed") from None


def _id_of(id: Any, depth: int = 0) -> Any:
    """The id with tuples for arrays."""
    if isinstance(id, dict):
        raise ValueError("an object cannot be an id, nor part of one")
    if isinstance(id, float) and math.isinf(id):
        raise ValueError("infinity cannot be an id")
    if not isinstance(id, list):
        return id
    if depth == DEEPEST:
        raise ValueError(TOO_DEEP)
    return tuple(_id_of(one, depth + 1) for one in id)


class _NoValue(ValueError):
    """A constant of JavaScript's that JSON has not."""


def _refuse(name: str) -> NoReturn:
    raise _NoValue(f"not JSON: {name} is no value")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def destination_of(to: object) -> int:
    """The number of a destination as the core takes it. Raises TypeError and ValueError."""
    if to is None:
        return NO_DESTINATION
    if isinstance(to, bool) or not hasattr(to, "__index__"):
        raise TypeError(f"a destination is an int, got {to!r}")
    number = int.__pos__(operator.index(to))
    if not 0 <= number < NO_DESTINATION:
        raise ValueError(f"a destination is 0 to {NO_DESTINATION - 1}, got {number}")
    return number
