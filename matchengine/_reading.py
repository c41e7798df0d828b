"""What `Matcher.add_many` takes, a mapping, pairs, or JSON lines, as pairs of id and filter.

Reading runs other people's code (mappings, iterators), so it comes before any lock. Filters are
handed on as they are: whoever parses them asks, after an error, where the bad one stood.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from matchengine.errors import FilterSyntaxError

__all__ = ["read_subscriptions"]

#: The pairs, and what tells where pair `n` with its id stands.
Pairs = tuple[Iterator[tuple[Any, Any]], Callable[[int, Any], str]]


def read_subscriptions(subscriptions: Any) -> Pairs:
    """Pairs of id and filter, and what tells where pair `n` with its id stands."""
    if isinstance(subscriptions, Mapping):
        return iter(list(subscriptions.items())), lambda n, id: f"the filter of {reprlib.repr(id)}"
    if isinstance(subscriptions, str):
        return _read_lines(subscriptions.split("\n"))
    if _is_buffer(subscriptions):
        return _read_lines(bytes(memoryview(subscriptions).cast("B")).split(b"\n"))
    return (
        _read_pairs(subscriptions),
        lambda n, id: f"item {n}, the filter of {reprlib.repr(id)}",
    )


def _read_pairs(pairs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for number, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"item {number} is no pair of id and filter: {reprlib.repr(pair)}")
        yield pair[0], pair[1]


def _is_buffer(subscriptions: object) -> bool:
    if isinstance(subscriptions, list | tuple):
        return False
    try:
        memoryview(subscriptions)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _read_lines(lines: list[Any]) -> Pairs:
    """Ids and filters of JSON lines; blank lines are skipped."""
    numbers: list[int] = []

    def pairs() -> Iterator[tuple[Any, Any]]:
        for number, line in enumerate(lines, 1):
            if line.strip():
                pair = _pair_of(number, line)
                numbers.append(number)
                yield pair

    return pairs(), lambda n, id: f"line {numbers[n]}"


def _pair_of(number: int, line: str | bytes) -> tuple[Any, str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FilterSyntaxError(f"line {number}: not JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get("filter"), str):
        raise FilterSyntaxError(f'line {number}: expected {{"id": ..., "filter": "..."}}')
    id = _hashable(record.get("id"))
    if isinstance(id, dict):
        raise FilterSyntaxError(f"line {number}: an object cannot be an id")
    return id, record["filter"]


def _hashable(id: Any) -> Any:
    return tuple(map(_hashable, id)) if isinstance(id, list) else id
