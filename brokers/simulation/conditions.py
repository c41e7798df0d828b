"""What simulated subscribers want: conjunctions over few attributes with few values.

So few that filters are often equal, cover each other, or stand side by side and merge. This file is
also the oracle's evaluator: `holds` is all it believes, and it shares nothing with the engine. As
events have only the values listed here, one table per attribute (`Index`) finds all conjunctions
that an event meets, with an AND for each attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from brokers.simulation.chance import Chance

__all__ = ["DOMAINS", "Condition", "Conjunction", "Index", "Values", "draw_conjunction"]
__all__ += ["body_of", "draw_values", "holds", "matches", "text_of"]

Value = int | str
#: An event: attributes that are missing are not in it.
Values = Mapping[str, Value]

#: The values that an attribute may have.
DOMAINS: Final[dict[str, tuple[Value, ...]]] = {
    "a": tuple(range(16)),
    "b": tuple(range(16)),
    "c": tuple(range(6)),
    "s": ("u", "uv", "uvw", "uvx", "v", "vu", "vv", "w"),
}
#: How often an event lacks an attribute.
MISSING: Final = 0.1


class Condition(NamedTuple):
    """One attribute must have one of some values."""

    attribute: str
    #: "=", "in", "range" (from the first up to, not including, the second), "between" (both
    #: included), "prefix"
    kind: str
    values: tuple[Value, ...]


#: All conditions must hold; they are about distinct attributes, in the order of DOMAINS.
Conjunction = tuple[Condition, ...]


def holds(condition: Condition, value: Value | None) -> bool:
    """Does the condition hold for this value of its attribute? None: it is missing."""
    if value is None:
        return False
    if condition.kind in ("=", "in"):
        return value in condition.values
    if condition.kind == "prefix":
        return str(value).startswith(str(condition.values[0]))
    low, high = condition.values
    assert isinstance(value, int)
    if condition.kind == "between":
        return int(low) <= value <= int(high)
    return int(low) <= value < int(high)


def matches(conjunction: Conjunction, values: Values) -> bool:
    """Do all conditions hold?"""
    return all(holds(one, values.get(one.attribute)) for one in conjunction)


def text_of(conjunction: Conjunction) -> str:
    """The filter, as brokers read it; canonical, so that they say it in the same words."""
    return " AND ".join(map(_text_of_one, conjunction)) or "TRUE"


def _text_of_one(condition: Condition) -> str:
    name, kind, values = condition
    if kind == "range":
        return f"{name} >= {values[0]} AND {name} < {values[1]}"
    if kind == "between":
        return f"{name} BETWEEN {values[0]} AND {values[1]}"
    constants = ", ".join(
        f"'{value}'" if isinstance(value, str) else str(value) for value in values
    )
    if kind == "prefix":
        return f"STARTS_WITH({name}, {constants})"
    return f"{name} = {constants}" if kind == "=" else f"{name} IN ({constants})"


def draw_conjunction(chance: Chance) -> Conjunction:
    """A filter that 1 to 30 % of all events match, mostly; sometimes one that all match."""
    if chance.happens(0.03):
        return ()
    names = chance.shuffled(tuple(DOMAINS))[: 1 if chance.happens(0.6) else 2]
    return tuple(_draw_condition(name, chance) for name in sorted(names))


def _draw_condition(name: str, chance: Chance) -> Condition:
    domain = DOMAINS[name]
    kind = chance.random()
    if kind < 0.3:
        return Condition(name, "=", (chance.pick(domain),))
    if kind < 0.45:
        chosen = chance.shuffled(domain)[: chance.whole(2, 3)]
        return Condition(name, "in", tuple(sorted(chosen, key=domain.index)))
    if name == "s":
        return Condition(name, "prefix", (chance.pick(("u", "uv", "v")),))
    # Ranges begin and end on a lattice: they nest, and the next one begins where one ends. Those
    # that include both ends merge there; the others are two conditions, and do not.
    width = chance.pick((2, 4, 4, 8)) if len(domain) > 8 else 2
    low = width * chance.whole(0, len(domain) // width - 1)
    kind_of_range = "between" if chance.happens(0.5) else "range"
    return Condition(name, kind_of_range, (low, low + width))


def draw_values(chance: Chance, within: Conjunction = ()) -> dict[str, Value]:
    """An event, one that meets these conditions."""
    values = {
        name: chance.pick(domain) for name, domain in DOMAINS.items() if not chance.happens(MISSING)
    }
    for condition in within:
        allowed = [value for value in DOMAINS[condition.attribute] if holds(condition, value)]
        values[condition.attribute] = chance.pick(allowed)
    return values


def body_of(values: Values) -> bytes:
    """The event, as it is published."""
    parts = [
        f'"{name}": "{value}"' if isinstance(value, str) else f'"{name}": {value}'
        for name, value in values.items()
    ]
    return f"{{{', '.join(parts)}}}".encode()


class Index:
    """Conjunctions by number; which does an event match? The answer is a set, as bits of an int."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Value | None, int]] = {
            name: dict.fromkeys((*domain, None), 0) for name, domain in DOMAINS.items()
        }

    def add(self, number: int, conjunction: Conjunction) -> None:
        """File it under all values that it allows."""
        conditions = {one.attribute: one for one in conjunction}
        for name, row in self._rows.items():
            condition = conditions.get(name)
            for value in row:
                if condition is None or holds(condition, value):
                    row[value] |= 1 << number

    def remove(self, number: int) -> None:
        """Forget it; nothing happens if it is not there."""
        for row in self._rows.values():
            for value in row:
                row[value] &= ~(1 << number)

    def find(self, values: Values) -> int:
        """The numbers of all that match, as bits."""
        found = -1
        for name, row in self._rows.items():
            found &= row[values.get(name)]
        return found
