"""Bounds on everything a stranger can send."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Limits", "limits_of"]

#: The C core counts in 64 bits, and sizes of strings in 32.
LARGEST = 2**32 - 1
#: REGEX_STATES_MOST of the core.
LARGEST_REGEX = 16_384


@dataclass(frozen=True, slots=True)
class Limits:
    """What a matcher accepts; a filter or an event beyond it raises `LimitExceeded`.

    Each limit is inclusive, and may be set from 1 to 2**32 - 1 (`regex_states`: to 16,384).
    """

    #: Bytes of a filter's text, in UTF-8.
    filter_bytes: int = 1 << 20
    #: Nesting of parentheses and NOT in a filter.
    filter_depth: int = 1_000
    #: Comparisons (leaves) in a filter.
    predicates: int = 100_000
    #: Constants in one IN.
    in_values: int = 1_000_000
    #: Bytes of an event: of its JSON text, or of the keys and strings of a mapping, with 2 more
    #: for each container.
    event_bytes: int = 16 << 20
    #: Nesting of objects and arrays in an event, the outermost object included.
    event_depth: int = 512
    #: Scalars (nulls included) in an event.
    event_values: int = 65_536
    #: Decimal digits of an integer, in a filter and in an event.
    digits: int = 1_000
    #: States of one regular expression: its characters and operators, repetition written out.
    regex_states: int = 2_048
    #: Ranges of characters in the different sets of one regular expression.
    regex_ranges: int = 32_768
    #: Nesting of parentheses in a regular expression.
    regex_depth: int = 1_000
    #: States of all regular expressions in a filter together.
    filter_states: int = 65_536
    #: Bytes of a JSON line of `add_many`.
    line_bytes: int = 8 << 20
    #: Work of a filter's computed predicates, such as ``a < b``, on the arrays of one event: each
    #: of them looks at as many combinations of values as this, divided by the number of names,
    #: constants and operators in all of them. Beyond it, it is unknown. Nothing is refused.
    combinations: int = 1_048_576

    def __post_init__(self) -> None:
        """Refuse what is no bound."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"Limits.{field.name} must be an int, got {value!r}")
            most = LARGEST_REGEX if field.name == "regex_states" else LARGEST
            if not 1 <= value <= most:
                raise ValueError(f"Limits.{field.name} must be 1 to {most}, got {value}")


def limits_of(limits: object) -> Limits | None:
    """What was given as limits. Raises TypeError for anything but a Limits or None."""
    if limits is None or isinstance(limits, Limits):
        return limits
    raise TypeError(f"limits is a Limits or None, got {type(limits).__name__}")
