"""Rules made from events: of every kind of leaf, with constants that the events really hold.

Every rule is made around one event, its *origin*, so that rules match now and then however rare
their values are.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matchengine.reference import Scalar, flatten

__all__ = ["MadeRule", "RuleMaker"]

PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z0-9_$]+)*")
KEYWORDS = {
    "AND",
    "OR",
    "NOT",
    "TRUE",
    "FALSE",
    "NULL",
    "IN",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "IS",
    "ESCAPE",
}

#: What is cut out of a string to make a pattern is so long, where the string is.
SHORTEST_PIECE, LONGEST_PIECE = 4, 12

#: A value is rare that at most this share of the events hold. Most rules need a rare one, as
#: most people want few of the events; BROAD is the share of leaves for which any value will do.
RARE = 0.005
BROAD = 0.03


@dataclass(frozen=True, slots=True)
class MadeRule:
    """A filter, and the event (by number) that it was made around."""

    filter: str
    origin: int


class RuleMaker:
    """Makes rules from the values of `events`, the same ones for the same seed."""

    def __init__(self, events: Sequence[Mapping[str, object]], seed: int) -> None:
        """Flatten all events, once."""
        self._rng = random.Random(seed)
        #: The values per path of each event.
        self.flat = [flatten(event) for event in events]
        self._values: dict[str, list[Scalar]] = {}
        for flat in self.flat:
            for path, values in flat.items():
                self._values.setdefault(path, []).extend(values)
        self._paths = sorted(self._values)
        holders = Counter(_key(path, one) for flat in self.flat for path, one in _pairs(flat))
        most = max(1, int(RARE * len(events)))
        self._rare = [
            [(path, one) for path, one in _pairs(flat) if holders[_key(path, one)] <= most]
            for flat in self.flat
        ]

    def make(self, count: int) -> list[MadeRule]:
        """Some more rules."""
        shapes: list[Callable[[int], str]] = [
            self._selective,
            self._conjunction,
            self._conjunction,
            self._conjunction,
            self._alternatives,
            self._clauses,
            self._with_negation,
            self._with_presence,
        ]
        rules = []
        for _ in range(count):
            origin = self._rng.randrange(len(self.flat))
            rules.append(MadeRule(self._rng.choice(shapes)(origin), origin))
        return rules

    # ---- shapes ------------------------------------------------------------------------------

    def _conjunction(self, event: int) -> str:
        leaves = [self._leaf(event) for _ in range(self._rng.randrange(1, 4))]
        return " AND ".join([self._selective(event), *leaves])

    def _alternatives(self, event: int) -> str:
        other = self._rng.randrange(len(self.flat))
        return f"{self._conjunction(event)} OR ({self._conjunction(other)})"

    def _clauses(self, event: int) -> str:
        """(a OR b) AND (c OR d) AND ...: its disjunctive form would be exponential."""
        clauses = []
        for _ in range(self._rng.randrange(2, 5)):
            other = self._rng.randrange(len(self.flat))
            clauses.append(f"({self._selective(event)} OR {self._selective(other)})")
        return " AND ".join(clauses)

    def _with_negation(self, event: int) -> str:
        inner = " OR ".join(self._selective(self._rng.randrange(len(self.flat))) for _ in range(2))
        negation = self._rng.choice((f"NOT ({inner})", f"NOT {self._leaf(event)}"))
        return f"{self._selective(event)} AND {negation}"

    def _with_presence(self, event: int) -> str:
        name = _name(self._rng.choice(self._paths))
        tests = (f"{name} IS NULL", f"{name} IS NOT NULL", f"EXISTS({name})", f"NOT EXISTS({name})")
        return f"{self._rng.choice(tests)} AND {self._selective(event)}"

    # ---- leaves ------------------------------------------------------------------------------

    def _pick(self, event: int, rare: bool = False) -> tuple[str, Scalar]:
        """A path of the event, and a value there; a rare one if there is one."""
        if rare and self._rare[event] and self._rng.random() > BROAD:
            return self._rng.choice(self._rare[event])
        flat = self.flat[event]
        path = self._rng.choice(list(flat))
        return path, self._rng.choice(flat[path])

    def _any_value(self, path: str, kind: type) -> Scalar:
        """Another value of the path, of this kind if one is soon found."""
        values = self._values[path]
        for _ in range(8):
            value = self._rng.choice(values)
            if _kind(value) is kind:
                return value
        return None

    def _selective(self, event: int) -> str:
        """A leaf that holds for `event` and for few others, as far as its values allow."""
        path, value = self._pick(event, rare=True)
        name = _name(path)
        if value is None:
            return f"{name} IS NULL"
        if isinstance(value, bool):
            return name if value else f"{name} = FALSE"
        choice = self._rng.randrange(4)
        if choice == 0:
            return f"{name} IN ({', '.join(self._members(path, value))})"
        if choice == 1 and not isinstance(value, str):
            low, high = sorted((value, value + self._rng.choice((1, 0.5, value * 0.01))))
            return f"{name} BETWEEN {_constant(low)} AND {_constant(high)}"
        if choice >= 2 and isinstance(value, str) and value:
            return self._pattern(name, value)
        return f"{name} = {_constant(value)}"

    def _members(self, path: str, value: Scalar) -> list[str]:
        members = [value, *(self._rng.choice(self._values[path]) for _ in range(2))]
        self._rng.shuffle(members)
        return [_constant(one) for one in members if one is not None]

    def _leaf(self, event: int) -> str:
        """A leaf that may hold or not."""
        path, value = self._pick(event)
        name = _name(path)
        if value is None:
            return f"{name} IS{self._rng.choice(('', ' NOT'))} NULL"
        if isinstance(value, bool):
            return f"{name} {self._rng.choice(('=', '<>'))} {_constant(value)}"
        other = self._any_value(path, _kind(value))
        choice = self._rng.randrange(6)
        if choice == 0 and other is not None:
            low, high = sorted((value, other))  # type: ignore[type-var]  # of one kind
            between = self._rng.choice(("BETWEEN", "NOT BETWEEN"))
            return f"{name} {between} {_constant(low)} AND {_constant(high)}"
        if choice == 1:  # perhaps of another type
            path = self._rng.choice(self._paths)
            other = self._rng.choice(self._values[path])
        if choice == 2 and isinstance(value, str) and value:
            return self._pattern(name, value)
        if other is None or isinstance(other, bool):
            return f"{name} <> {_constant(value)}"
        operator = self._rng.choice(("<", "<=", ">", ">=", "<>"))
        return f"{name} {operator} {_constant(other)}"

    def _pattern(self, name: str, value: str) -> str:
        """A test of a piece of the string."""
        start = self._rng.randrange(max(1, len(value) - SHORTEST_PIECE))
        piece = value[start : start + self._rng.randrange(SHORTEST_PIECE, LONGEST_PIECE)]
        choice = self._rng.randrange(6)
        if choice == 0:
            return f"STARTS_WITH({name}, {_constant(value[: start + SHORTEST_PIECE])})"
        if choice == 1:
            return f"ENDS_WITH({name}, {_constant(value[-len(piece) - 2 :])})"
        if choice == 2:
            return f"CONTAINS({name}, {_constant(piece)})"
        if choice == 3:
            return f"{name} ILIKE {_constant('%' + _escaped(piece.swapcase()) + '%')} ESCAPE '!'"
        if choice == 4:
            holes = "".join("_" if self._rng.random() < 0.2 else _escaped(one) for one in value)
            return f"{name} LIKE {_constant(holes)} ESCAPE '!'"
        head, tail = value[:start][:LONGEST_PIECE], value[start:][-LONGEST_PIECE:]
        return f"{name} LIKE {_constant(_escaped(head) + '%' + _escaped(tail))} ESCAPE '!'"


def _pairs(flat: Mapping[str, list[Scalar]]) -> Iterator[tuple[str, Scalar]]:
    """Path and value, each pair once."""
    for path, values in flat.items():
        for value in {(_kind(one), one): one for one in values}.values():
            yield path, value


def _key(path: str, value: Scalar) -> tuple[str, type, Scalar]:
    return path, _kind(value), value


def _kind(value: Scalar) -> type:
    return float if type(value) is int else type(value)


def _name(path: str) -> str:
    if PLAIN_NAME.fullmatch(path) and path.upper() not in KEYWORDS:
        return path
    return '"' + path.replace('"', '""') + '"'


def _constant(value: Scalar) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).upper() if isinstance(value, bool) else repr(value)


def _escaped(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)
