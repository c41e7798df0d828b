"""The twin: what a filter means, in plain Python that is slow and easy to believe.

The C core is never trusted on its own. This module says the same things again, from the text of
``docs/semantics.md`` and sharing no code with the core, and the tests compare the two. It has
three parts:

* `flatten`, `evaluate` and `matches`: an event becomes values per path, a filter becomes true,
  false or None (unknown). This is the oracle.
* `ReferenceMatcher`: subscriptions in a dict, each evaluated for each event.
* `CountingMatcher`: the classic counting algorithm, as fast as pure Python reasonably gets. This
  is the baseline of the benchmarks, and is itself checked against the oracle.

    >>> f = parse("symbol = 'ACME' AND price < 10")
    >>> matches(f, {"symbol": "ACME", "price": 9})
    True
    >>> evaluate(f, flatten({"symbol": "ACME"})) is None
    True
"""

from __future__ import annotations

import itertools
import math
import operator
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from matchengine._reference_arithmetic import calculate, kind, names, share, steps
from matchengine._reference_filter import (
    Affix,
    And,
    Between,
    Compare,
    Computed,
    Constant,
    Exists,
    In,
    IsNull,
    Leaf,
    Like,
    Matches,
    Node,
    Not,
    Or,
)
from matchengine._reference_lexer import (
    FilterError,
    FilterLimitError,
    FilterSyntaxError,
    FilterTypeError,
)
from matchengine._reference_like import like
from matchengine._reference_parser import parse
from matchengine._reference_regex import fullmatch
from matchengine._reference_values import (
    Scalar,
    TooManyDigits,
    Values,
    check_event,
    flatten,
    fold,
    load_event,
)

__all__ = [
    "Affix",
    "And",
    "Between",
    "Compare",
    "Computed",
    "Constant",
    "CountingMatcher",
    "Exists",
    "FilterError",
    "FilterLimitError",
    "FilterSyntaxError",
    "FilterTypeError",
    "In",
    "IsNull",
    "Leaf",
    "Like",
    "Matches",
    "Node",
    "Not",
    "Or",
    "ReferenceMatcher",
    "Scalar",
    "TooManyDigits",
    "check_event",
    "evaluate",
    "flatten",
    "fold",
    "load_event",
    "matches",
    "parse",
]


# ---- leaves ------------------------------------------------------------------------------------

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _kind(value: Scalar) -> type:
    """bool, float for every number, or str: values of different kinds never compare."""
    return float if type(value) is int else type(value)


def _is_nan(value: Scalar) -> bool:
    """NaN fails every comparison. Left to Python it would pass `<>`."""
    return isinstance(value, float) and math.isnan(value)


def _holds(leaf: Leaf, value: bool | int | float | str) -> bool:
    """Does this one value, which is not null, pass the test of `leaf`?

    Python compares an int with a float exactly, and strings by code point: both as the law says.
    """
    match leaf:
        case Compare(_, symbol, constant):
            comparable = _kind(value) is _kind(constant) and not _is_nan(value)
            return comparable and _OPERATORS[symbol](value, constant)
        case Between(_, low, high):
            at_most = _OPERATORS["<="]
            return _kind(value) is _kind(low) and at_most(low, value) and at_most(value, high)
        case In(_, constants):
            return any(_kind(value) is _kind(one) and value == one for one in constants)
        case Like(_, pattern, escape, folds):
            return isinstance(value, str) and like(pattern, escape, folds, value)
        case Matches(_, regex):
            return isinstance(value, str) and fullmatch(regex, value)
        case Affix(_, "STARTS_WITH", text):
            return isinstance(value, str) and value.startswith(text)
        case Affix(_, "ENDS_WITH", text):
            return isinstance(value, str) and value.endswith(text)
        case Affix(_, "CONTAINS", text):
            return isinstance(value, str) and text in value
    raise TypeError(f"not a test of a value: {leaf!r}")


def _leaf(leaf: Leaf, values: list[Scalar]) -> bool | None:
    """`leaf` over all the values of its path, of which there are none if it is missing."""
    if isinstance(leaf, IsNull):
        return not values or None in values
    if isinstance(leaf, Exists):
        return bool(values)
    if not values:
        return None
    return _or(None if value is None else _holds(leaf, value) for value in values)


# ---- computed predicates -----------------------------------------------------------------------


def _computed(node: Computed, values: Values, root: Node) -> bool | None:
    """`node` over every combination of its attributes' values: each has one value at a time."""
    paths = sorted(set().union(*map(names, node.operands)))
    lists = [values.get(path, []) for path in paths]
    count = math.prod(map(len, lists))
    if count == 0 or (count > 1 and steps(node) > 0 and count > share(root)):
        return None
    combinations = itertools.product(*lists)
    return _or(_combination(node, dict(zip(paths, one, strict=True))) for one in combinations)


def _combination(node: Computed, chosen: Mapping[str, Scalar]) -> bool | None:
    if any(value is None for value in chosen.values()):
        return None
    kinds = {kind(operand, chosen) for operand in node.operands}
    unordered = bool in kinds and node.relation not in ("=", "<>")
    if None in kinds or len(kinds) > 1 or unordered:
        return False
    try:
        left, *others = (calculate(operand, chosen) for operand in node.operands)
    except ZeroDivisionError:
        return None
    if any(map(_is_nan, [left, *others])):
        return False
    if node.relation == "BETWEEN":
        at_most = _OPERATORS["<="]
        return at_most(others[0], left) and at_most(left, others[1])
    return _OPERATORS[node.relation](left, others[0])


# ---- connectives -------------------------------------------------------------------------------


def _and(operands: Iterable[bool | None]) -> bool | None:
    outcomes = set(operands)
    return False if False in outcomes else None if None in outcomes else True


def _or(operands: Iterable[bool | None]) -> bool | None:
    outcomes = set(operands)
    return True if True in outcomes else None if None in outcomes else False


def evaluate(node: Node, values: Values) -> bool | None:
    """True, False, or None for unknown."""
    # Every node is met twice: first it asks for its operands, then it takes their outcomes.
    root = node
    todo = [(node, False)]
    outcomes: list[bool | None] = []
    while todo:
        node, answered = todo.pop()
        if isinstance(node, Leaf):
            outcomes.append(_leaf(node, values.get(node.path, [])))
        elif isinstance(node, Computed):
            outcomes.append(_computed(node, values, root))
        elif isinstance(node, Constant):
            outcomes.append(node.value)
        else:
            assert isinstance(node, (Not, And, Or))
            operands = (node.operand,) if isinstance(node, Not) else node.operands
            if not answered:
                todo.append((node, True))
                todo.extend((operand, False) for operand in operands)
                continue
            taken = outcomes[-len(operands) :]
            del outcomes[-len(operands) :]
            outcomes.append(_connect(node, taken))
    return outcomes.pop()


def _connect(node: Not | And | Or, operands: list[bool | None]) -> bool | None:
    if isinstance(node, Not):
        return None if operands[0] is None else not operands[0]
    return _and(operands) if isinstance(node, And) else _or(operands)


def matches(node: Node, event: Mapping[str, object]) -> bool:
    """Does a subscription to `node` get `event`? Unknown is not enough."""
    return evaluate(node, flatten(event)) is True


# ---- the obvious matcher -----------------------------------------------------------------------


class ReferenceMatcher:
    """Every filter is evaluated for every event."""

    def __init__(self) -> None:
        self._filters: dict[Hashable, Node] = {}
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._filters)

    def __contains__(self, id: Hashable) -> bool:
        return id in self._filters

    def add(self, filter: str | Node, id: Hashable = None) -> Hashable:
        """Subscribe. Raises ValueError for an id that is taken; None takes an int that is not."""
        node = parse(filter) if isinstance(filter, str) else filter
        if id is None:
            while self._next_id in self._filters:
                self._next_id += 1
            id = self._next_id
        if id in self._filters:
            raise ValueError(f"{id!r} is taken")
        self._filters[id] = node
        return id

    def replace(self, id: Hashable, filter: str | Node) -> None:
        """Change a filter. Raises KeyError for an id that is unknown."""
        node = parse(filter) if isinstance(filter, str) else filter
        if id not in self._filters:
            raise KeyError(id)
        self._filters[id] = node

    def remove(self, id: Hashable) -> None:
        """Unsubscribe. Raises KeyError for an id that is unknown."""
        del self._filters[id]

    def match(self, event: Mapping[str, object]) -> list[Hashable]:
        """The ids of the filters that are true."""
        values = flatten(event)
        return [id for id, node in self._filters.items() if evaluate(node, values) is True]


# ---- the counting matcher ----------------------------------------------------------------------
#
# Yan and Garcia-Molina, "Index structures for selective dissemination of information under the
# Boolean model" (TODS 1994): index every predicate; for an event, look up the predicates that it
# satisfies and count them per subscription; a conjunction matches when all of its predicates
# have been counted. The inner loops are slices, `+=` and `Counter`, which run in C. Arrays, not
# lists: the ints of a long list lie scattered in memory, which more than doubles the time.

#: The two columns of a posting list: whose predicate it is, and which predicate.
_SLOT, _LEAF = 0, 1
_Columns = tuple["array[int]", "array[int]"]


def _columns() -> _Columns:
    return array("q"), array("q")


class _Bounds:
    """The one-sided bounds of one operator on one path, sorted by their constants."""

    def __init__(self, symbol: str) -> None:
        # `a > 5` holds for every value after 5, so a value satisfies the bounds that lie before
        # it: a prefix of the sorted array for > and >=, a suffix for < and <=.
        self._prefix = symbol in (">", ">=")
        self._cut = bisect_right if symbol in (">=", "<") else bisect_left
        self._constants: list[Scalar] = []
        self._columns = _columns()
        self._sorted = True

    def add(self, constant: Scalar, slot: int, leaf: int) -> None:
        self._constants.append(constant)
        self._columns[_SLOT].append(slot)
        self._columns[_LEAF].append(leaf)
        self._sorted = False

    def satisfied(self, value: float | str, column: int) -> array[int]:
        if not self._sorted:
            self._sort()
        cut = self._cut(self._constants, value)  # type: ignore[type-var]  # all of one kind
        found = self._columns[column]
        return found[:cut] if self._prefix else found[cut:]

    def _sort(self) -> None:
        constants = self._constants
        order = sorted(range(len(constants)), key=constants.__getitem__)  # type: ignore[arg-type]
        self._constants = [constants[i] for i in order]
        slots, leaves = self._columns
        self._columns = (
            array("q", [slots[i] for i in order]),
            array("q", [leaves[i] for i in order]),
        )
        self._sorted = True


class _PathIndex:
    """The predicates on one path."""

    def __init__(self) -> None:
        # Bools apart, because to a dict True is 1. Numbers and strings cannot be confused, and
        # equal ints and floats have equal hashes.
        self.equal: dict[Scalar, _Columns] = {}
        self.equal_bool: dict[Scalar, _Columns] = {}
        self.exists = _columns()
        self.numbers: dict[str, _Bounds] = {}
        self.strings: dict[str, _Bounds] = {}

    def add(self, leaf: Leaf, slot: int, number: int) -> int:
        """Index `leaf` under this number, and say how often one value has to be found for it."""
        match leaf:
            case Exists():
                _post(self.exists, slot, number)
            case Compare(_, "=", constant):
                self._add_equal(constant, slot, number)
            case In(_, constants):
                # A constant that is there twice, perhaps as 1 and 1.0, must be found once.
                for constant in {(_kind(one), one): one for one in constants}.values():
                    self._add_equal(constant, slot, number)
            case Compare(_, symbol, constant):
                self._add_bound(symbol, constant, slot, number)
            case Between(_, low, high):
                self._add_bound(">=", low, slot, number)
                self._add_bound("<=", high, slot, number)
                return 2
        return 1

    def _add_equal(self, constant: Scalar, slot: int, number: int) -> None:
        table = self.equal_bool if isinstance(constant, bool) else self.equal
        _post(table.setdefault(constant, _columns()), slot, number)

    def _add_bound(self, symbol: str, constant: Scalar, slot: int, number: int) -> None:
        bounds = self.strings if isinstance(constant, str) else self.numbers
        if symbol not in bounds:
            bounds[symbol] = _Bounds(symbol)
        bounds[symbol].add(constant, slot, number)

    def find(self, value: Scalar, column: int, found: array[int]) -> None:
        """Append one column of every posting that `value` satisfies."""
        found += self.exists[column]
        if value is None or _is_nan(value):  # neither passes any test but EXISTS
            return
        if isinstance(value, bool):
            equal, bounds = self.equal_bool.get(value), None
        else:
            equal = self.equal.get(value)
            bounds = self.strings if isinstance(value, str) else self.numbers
        if equal is not None:
            found += equal[column]
        if bounds:
            for one in bounds.values():
                found += one.satisfied(value, column)


def _post(columns: _Columns, slot: int, number: int) -> None:
    columns[_SLOT].append(slot)
    columns[_LEAF].append(number)


def _is_indexable(node: Node) -> bool:
    if isinstance(node, Compare):
        return node.operator != "<>"
    return isinstance(node, (Between, In, Exists))


class CountingMatcher:
    """The counting algorithm for conjunctions; any other filter is evaluated for each event.

    Of a conjunction, `= < <= > >=`, BETWEEN, IN and EXISTS are counted. What else it contains is
    evaluated once those hold.
    """

    def __init__(self) -> None:
        self._paths: dict[str, _PathIndex] = {}
        self._ids: list[Hashable] = []
        self._taken: set[Hashable] = set()
        self._need = array("q")  # by slot: how many finds make the counted part true
        self._least = 2  # no need is smaller, except that of a slot of which nothing is counted
        self._owner: list[int] = []  # by leaf: its slot
        self._finds: list[int] = []  # by leaf: how often one value has to be found for it
        self._rest: dict[int, Node] = {}  # by slot: the part that is not counted, if any
        self._uncounted: list[int] = []  # slots of which nothing is counted

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, filter: str | Node, id: Hashable) -> Hashable:
        """Subscribe. Raises ValueError for an id that is taken."""
        node = parse(filter) if isinstance(filter, str) else filter
        if id in self._taken:
            raise ValueError(f"{id!r} is taken")
        slot = len(self._ids)
        rest: list[Node] = []
        need = 0
        for part in node.operands if isinstance(node, And) else (node,):
            if isinstance(part, Leaf) and _is_indexable(part):
                need += self._index(part, slot)
            else:
                rest.append(part)
        self._taken.add(id)
        self._ids.append(id)
        self._need.append(need)
        if rest:
            self._rest[slot] = And(tuple(rest)) if len(rest) > 1 else rest[0]
        if need:
            self._least = min(self._least, need)
        else:
            self._uncounted.append(slot)
        return id

    def _index(self, leaf: Leaf, slot: int) -> int:
        number = len(self._owner)
        path = self._paths.setdefault(leaf.path, _PathIndex())
        self._owner.append(slot)
        self._finds.append(path.add(leaf, slot, number))
        return self._finds[number]

    def match(self, event: Mapping[str, object]) -> list[Hashable]:
        """The ids of the filters that are true."""
        values = flatten(event)
        found = array("q")
        for path, several in values.items():
            index = self._paths.get(path)
            if index is None:
                continue
            if len(several) == 1:
                index.find(several[0], _SLOT, found)
            else:
                self._find_several(index, several, found)
        need, least, rest, ids = self._need, self._least, self._rest, self._ids
        # Most slots are found too seldom, and `least` says so before `need` is looked up.
        counts = Counter(found).items()
        slots = [slot for slot, count in counts if count >= least and count == need[slot]]
        if rest:
            slots += self._uncounted
            slots = [s for s in slots if s not in rest or evaluate(rest[s], values) is True]
        return [ids[slot] for slot in slots]

    def _find_several(self, index: _PathIndex, values: list[Scalar], found: array[int]) -> None:
        """As `find`, where a predicate counts once, however many of the values satisfy it."""
        satisfied: set[int] = set()
        for value in values:
            leaves = array("q")
            index.find(value, _LEAF, leaves)
            # Of BETWEEN, one value has to satisfy both ends.
            counts = Counter(leaves).items()
            satisfied.update(leaf for leaf, count in counts if count == self._finds[leaf])
        for leaf in satisfied:
            found.extend([self._owner[leaf]] * self._finds[leaf])
