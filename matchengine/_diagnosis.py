"""What one knows of a subscription or a filter without an event, and what it warns of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from matchengine import _filters
from matchengine._printer import canonical_text
from matchengine.errors import ExpensiveFilterWarning, MatchEngineError
from matchengine.filters import Filter

__all__ = ["Diagnosis", "Subscription", "warning_of"]

IdT = TypeVar("IdT")

#: me_expense of the core.
EVERY_STRING = 2
#: Characters of a predicate that a warning shows.
SHOWN = 200

_HELP = "AND it with a condition that an index finds, such as an equality or a range"


@dataclass(frozen=True, slots=True)
class Subscription(Generic[IdT]):
    """One subscription as it is now."""

    id: IdT
    filter: Filter
    #: The destination number given with `to`, or None.
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the engine would make of a filter. See `Matcher.check`."""

    #: Why the filter cannot be added, or None. With an error the other fields mean nothing.
    error: MatchEngineError | None = None
    #: The filter, when there is no error.
    filter: Filter | None = None
    #: No event can match it.
    contradiction: bool = False
    #: Every event matches it.
    always_true: bool = False
    #: How many anchors of each kind it would be filed under. None at all (and no contradiction)
    #: means that it is looked at for every event.
    anchors: Mapping[str, int] | None = None
    #: The expected share of events that look at it, 0 to 1.
    cost: float = 0.0
    #: What makes it expensive whatever the events are, or None.
    warning: ExpensiveFilterWarning | None = None

    @property
    def ok(self) -> bool:
        """Can it be added?"""
        return self.error is None


_NO_LEAVES = frozenset(["AND", "OR", "NOT", "TRUE", "FALSE"])


def warning_of(who: str, ir: bytes, found: Mapping[str, Any], more: str = "") -> str:
    """What an `ExpensiveFilterWarning` says of a filter, from what `_diagnose` has `found`."""
    leaves = [node for node in _filters.nodes(ir) if node[0] not in _NO_LEAVES]
    not_ = [("NOT", None, ())] if found["negated"] else []
    predicate = canonical_text([leaves[found["culprit"]], *not_])
    if len(predicate) > SHOWN:
        predicate = f"{predicate[:SHOWN]}..."
    if found["expense"] == EVERY_STRING:
        return (
            f"{who} is tried on every string of its attribute, because {predicate} holds no "
            f"literal: put one into the pattern, or {_HELP}{more}"
        )
    return f"{who} is looked at for every event, because of {predicate}: {_HELP}{more}"
