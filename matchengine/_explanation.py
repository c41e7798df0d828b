"""Why an event matches a subscription, or why not: the predicates that decide.

The truth of every leaf comes from the engine; what decides is found in the filter's tree, from its
root down. Kleene's connectives have an answer because of some operands only, those that are what
the connective is (under NOT: the operand):

    price < 10 AND (symbol = 'ACME' OR urgent)     event {"price": 12, "symbol": "ACME"}
    ^^^^^^^^^^ false                                AND is false because of its false operand
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matchengine import _filters, _operands
from matchengine._ids import show
from matchengine._printer import Node, canonical_text
from matchengine.filters import Filter

__all__ = ["Anchor", "Explanation", "Reason", "explanation_of"]

_NOT = {"true": "false", "false": "true", "unknown": "unknown"}
#: What decides AND and OR alone, strongest first.
_ORDER = {"AND": ("false", "unknown", "true"), "OR": ("true", "unknown", "false")}

_ANCHORS = {
    "equal": "a value of {}",
    "range": "a range of {}",
    "pattern": "a text pattern on {}",
    "present": "the presence of {}",
}
_STAGES = {
    "anchor": "which the event does not meet",
    "needs": "which the event meets, but it lacks an attribute or a value that the filter needs",
    "residual": "which the event meets, but the rest of the filter does not hold",
    "matched": "which the event meets, and the rest holds",
}
_BY_ZERO = "divided by zero"
_TOO_MANY = "more combinations of values than it may look at (Limits.combinations)"
_SHOWN = 5  # values of one attribute in a text
_NAMED = 5  # attributes of one predicate in a text
_BITS = 10_000  # of an int, beyond which Python may refuse to print it
_LISTED = 100  # values of one attribute in a dict: an array may be long, and have many predicates


@dataclass(frozen=True, slots=True)
class Reason:
    """A predicate that decides, and what the event says to it."""

    #: The predicate in the filter's own text.
    predicate: str
    #: "true", "false" or "unknown".
    outcome: str
    #: The attribute; None for the constants TRUE and FALSE, and for a computed predicate.
    path: str | None
    #: What the event has there, in order: several for an array, none where it is missing.
    values: tuple[Any, ...]
    #: A computed predicate, such as ``a * b > 5``: its attributes, each with its values.
    attributes: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    #: Why a computed predicate is unknown though it has all its values; else "".
    cause: str = ""

    def __str__(self) -> str:
        known = [(self.path, self.values)] if self.path is not None else self.attributes[:_NAMED]
        shown = ", ".join(f"{path} is {_values_text(values)}" for path, values in known)
        more = len(self.attributes) - _NAMED
        shown += f" and {more:,} more attributes" if more > 0 else ""
        told = "; ".join(filter(None, [shown, self.cause]))
        return f"{self.predicate} is {self.outcome}" + (f": {told}" if told else "")

    def as_dict(self) -> dict[str, Any]:
        """The same as dicts and lists, 100 values at most of an attribute."""
        known: dict[str, Any] = {"predicate": self.predicate, "outcome": self.outcome}
        known.update(_listed(self.path, self.values))
        if self.attributes:
            known["attributes"] = [_listed(*one) for one in self.attributes]
        if self.cause:
            known["cause"] = self.cause
        return known


@dataclass(frozen=True, slots=True)
class Anchor:
    """A condition that the engine has filed the filter under, and how far the event came there."""

    #: "equal", "range", "pattern", "present", or "none": every event looks at the filter.
    kind: str
    path: str | None
    #: "anchor" (not met), "needs" or "residual" (met, and ruled out by that), "matched".
    stage: str

    def __str__(self) -> str:
        if self.kind == "none":
            return f"filed nowhere: every event looks at it ({self.stage})"
        return f"filed under {_ANCHORS[self.kind].format(self.path)}, {_STAGES[self.stage]}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an event matches a subscription, or why not. ``str()`` is for people."""

    id: Any
    filter: Filter
    #: Does the subscription match? That is what `match` answers.
    matched: bool
    #: What the whole filter is for the event: "true", "false" or "unknown".
    outcome: str
    #: The predicates that decide, in the filter's order.
    reasons: tuple[Reason, ...]
    #: Where the engine has the filter; empty when no event can match it.
    anchors: tuple[Anchor, ...]

    def __bool__(self) -> bool:
        """Does the subscription match?"""
        return self.matched

    def __str__(self) -> str:
        return self.text(show(self.id))

    def text(self, name: str) -> str:
        """For people, as ``str()``, with a name of one's own for the subscription."""
        verb = "matches" if self.matched else f"does not match: the filter is {self.outcome}"
        lines = [f"{_printable(name)} {verb}", f"  {_printable(str(self.filter))}"]
        lines += [f"  - {_printable(str(reason))}" for reason in self.reasons]
        for text, count in Counter(map(str, self.anchors)).items():
            lines.append(f"  {text}" + (f" ({count:,} times)" if count > 1 else ""))
        return "\n".join(lines if self.anchors else [*lines, "  no event can match it"])

    def as_dict(self) -> dict[str, Any]:
        """The same as dicts, lists, strings and the event's values, 100 at most of an attribute."""
        return {
            "id": self.id,
            "filter": str(self.filter),
            "matched": self.matched,
            "outcome": self.outcome,
            "reasons": [reason.as_dict() for reason in self.reasons],
            "anchors": [
                {"kind": anchor.kind, "path": anchor.path, "stage": anchor.stage}
                for anchor in self.anchors
            ],
        }

    def as_json(self) -> str:
        """`as_dict` as one line of JSON, with the repr of what JSON does not have (bytes, NaN)."""
        known = self.as_dict()
        try:
            json.dumps(self.id, default=repr, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            known["id"] = show(self.id)
        for reason in known["reasons"]:
            for one in [reason, *reason.get("attributes", [])]:
                one["values"] = [_json_value(value) for value in one["values"]]
        return json.dumps(known, ensure_ascii=False, default=repr)


def explanation_of(
    id: Any,
    filter: Filter,
    matched: bool,
    leaves: Sequence[tuple[str, Sequence[tuple[object, ...]]]],
    rows: Sequence[tuple[str, tuple[int, int] | None, str]],
    combinations: int,
) -> Explanation:
    """Make an explanation from what `_engine.Store._examine` has found. Linear in the filter.

    `combinations` is the matcher's limit.
    """
    nodes = _filters.nodes(filter._ir)
    outcomes, operands = _evaluate(nodes, [truth for truth, _ in leaves])
    numbers = {at: number for number, at in enumerate(_leaves(nodes))}
    names = [_names(nodes[at]) for at in numbers]
    # What a computed predicate looks at, if no leaf is folded to a plain one; else it is more.
    steps = sum(len(_items(node)) for node in nodes if node[0] == "COMPUTE")
    share = max(1, combinations // max(1, steps))
    reasons = []
    for at in sorted(_deciding(nodes, outcomes, operands)):
        known: dict[str, tuple[object, ...]] = {}
        if at in numbers:
            known = dict(zip(names[numbers[at]], leaves[numbers[at]][1], strict=True))
        _, path, _ = nodes[at]
        values, attributes = ((), tuple(known.items())) if path is None else (known[path], ())
        cause = ""
        if outcomes[at] == "unknown" and path is None:
            cause = _cause(nodes[at], known, share)
        text = canonical_text([nodes[at]])
        reasons.append(Reason(text, outcomes[at], path, values, attributes, cause))
    if matched != (outcomes[-1] == "true"):
        raise AssertionError(f"{filter}: matched is {matched}, its leaves say {outcomes[-1]}")
    return Explanation(
        id=id,
        filter=filter,
        matched=matched,
        outcome=outcomes[-1],
        reasons=tuple(reasons),
        anchors=tuple(
            Anchor(kind, names[at[0]][at[1]] if at is not None else None, stage)
            for kind, at, stage in rows
        ),
    )


def _is_leaf(node: Node) -> bool:
    return node[1] is not None or node[0] == "COMPUTE"


def _leaves(nodes: Sequence[Node]) -> Iterator[int]:
    return (at for at, node in enumerate(nodes) if _is_leaf(node))


def _names(leaf: Node) -> list[str]:
    """The attributes that a leaf mentions, as often as it does."""
    _, path, _ = leaf
    if path is not None:
        return [path]
    return [str(value) for kind, value in _items(leaf) if kind == "name"]


def _items(leaf: Node) -> list[tuple[str, object]]:
    """The code of a computed predicate."""
    code: bytes = leaf[2][1]  # type: ignore[assignment]
    return _operands.items(code)


def _cause(leaf: Node, known: dict[str, tuple[object, ...]], share: int) -> str:
    """Why a computed predicate is unknown, where no missing or null attribute says it.

    What is left is a division by zero, or that there was too much to look at. Nothing is computed
    again here: which of the two it was is told by there being no division, or few combinations.
    """
    if any(not values or None in values for values in known.values()):
        return ""
    if not any(kind == "/" for kind, _ in _items(leaf)):
        return _TOO_MANY
    if math.prod(map(len, known.values())) <= share:
        return _BY_ZERO
    return f"{_BY_ZERO}, or {_TOO_MANY}"


def _evaluate(nodes: Sequence[Node], truths: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """The outcome of every node, in postfix order, and the numbers of its operands."""
    outcomes: list[str] = []
    operands: list[list[int]] = []
    stack: list[int] = []
    left = iter(truths)
    for at, (op, _, constants) in enumerate(nodes):
        count = 1 if op == "NOT" else int(constants[0]) if op in _ORDER else 0  # type: ignore[call-overload]
        below = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        stack.append(at)
        operands.append(below)
        if _is_leaf(nodes[at]):
            outcomes.append(next(left))
        elif op == "NOT":
            outcomes.append(_NOT[outcomes[below[0]]])
        elif op in _ORDER:
            found = {outcomes[i] for i in below}
            outcomes.append(next(outcome for outcome in _ORDER[op] if outcome in found))
        else:
            outcomes.append(op.lower())
    return outcomes, operands


def _deciding(
    nodes: Sequence[Node], outcomes: Sequence[str], operands: Sequence[Sequence[int]]
) -> Iterator[int]:
    """The leaves, and the constants TRUE and FALSE, because of which the root is what it is."""
    work = [len(nodes) - 1]
    while work:
        at = work.pop()
        if not operands[at]:
            yield at
        elif nodes[at][0] == "NOT":
            work.extend(operands[at])
        else:
            work.extend(i for i in operands[at] if outcomes[i] == outcomes[at])


def _json_value(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if type(value) is int and value.bit_length() > _BITS:
        return _filters.decimal(value)
    return value


def _printable(text: str) -> str:
    """The text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _listed(path: str | None, values: tuple[Any, ...]) -> dict[str, Any]:
    more = max(0, len(values) - _LISTED)
    return {"path": path, "values": list(values[:_LISTED]), "more": more}


def _values_text(values: tuple[Any, ...]) -> str:
    shown = ", ".join(map(_value_text, values[:_SHOWN])) or "missing"
    more = len(values) - _SHOWN
    return shown + (f" and {more:,} more" if more > 0 else "")


def _value_text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _filters.decimal(value) if isinstance(value, int) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)"
