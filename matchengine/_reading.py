"""What `Matcher.add_many` takes (a mapping, pairs, JSON lines) as id, filter and destination.

Reading runs other people's code (mappings, iterators), so it comes before any lock. Filters are
handed on as they are: whoever parses them asks, after an error, where the bad one stood.
"""

from __future__ import annotations

import json
import operator
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from matchengine._core import NO_DESTINATION
from matchengine.errors import FilterSyntaxError, LimitExceeded

__all__ = ["destination_of", "is_buffer", "read_subscriptions"]

#: Arrays in arrays of an id in a JSON line: as deep as tuples in a saved file.
DEEPEST = 16

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
            if line.strip():
                _check_length(number, line, most)
                triple = _triple_of(number, line)
                numbers.append(number)
                yield triple

    return triples(), lambda n, id: f"line {numbers[n]}"


def _check_length(number: int, line: str | bytes, most: int) -> None:
    size = len(line)
    if isinstance(line, str) and size <= most < 4 * size and not line.isascii():
        size = len(line.encode("utf-8", "surrogatepass"))
    if size > most:
        message = f"line {number} exceeds the limit line_bytes, which is {most}"
        raise LimitExceeded(message, "line_bytes", size, most)


def _triple_of(number: int, line: str | bytes) -> tuple[Any, str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FilterSyntaxError(f"line {number}: not JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get("filter"), str):
        raise FilterSyntaxError(f'line {number}: expected {{"id": ..., "filter": "..."}}')
    id = _id_of(number, record.get("id"))
    to = record.get("to")
    if to is not None and (type(to) is not int or not 0 <= to < 2**32 - 1):
        raise FilterSyntaxError(f'line {number}: "to" is no number of a destination: {to!r:.50}')
    return id, record["filter"], to


def _id_of(number: int, value: Any, depth: int = 0) -> Any:
    """The id that a JSON value says: arrays are tuples."""
    if isinstance(value, dict):
        raise FilterSyntaxError(f"line {number}: an object cannot be an id, nor part of one")
    if not isinstance(value, list):
        return value
    if depth == DEEPEST:
        raise FilterSyntaxError(f"line {number}: the arrays of an id are deeper than {DEEPEST}")
    return tuple(_id_of(number, one, depth + 1) for one in value)


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
