"""Other engines behind one face: built from a workload, asked for the matches of one event.

`prepare` makes of a mapping what the engine wants to be given; where it does something, matching is
timed with and without it. Every engine gets the predicates in the form that suits it best.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matchengine import Matcher
from workloads import Workload

__all__ = ["ENGINES", "PACKAGES", "Engine"]

Event = dict[str, Any]


class Engine:
    """What matches events against the subscriptions of the workload that it is made from."""

    #: Is `prepare` more than nothing?
    prepares = False
    #: The numbers of the subscriptions that match what `prepare` has made: a method, or the
    #: engine's own function, so that nothing stands between.
    match: Callable[[Any], list[int]]

    def prepare(self, event: Event) -> Any:
        return event


class Ours(Engine):
    """matchengine, one mapping a call."""

    def __init__(self, workload: Workload) -> None:
        matcher: Matcher[int] = Matcher()
        matcher.add_many(list(enumerate(workload.filters)))
        matcher.match_batch(workload.warmup)
        self.match = matcher.match


class Mokaccino(Engine):
    """A percolator in Rust. Its documents are flat and hold strings; its ranges are of integers.

    A range is given both of its ends, although one would do where the other is that of the domain:
    with one, version 0.9.1 misses matches (11 of about 750 of w1_sparse). After `optimized()` it is
    slower with ranges, and misses some, too.
    """

    prepares = True
    equalities_are_ranges = False

    def __init__(self, workload: Workload) -> None:
        import mokaccino

        self._document = mokaccino.Document
        percolator = mokaccino.Percolator()
        for number, predicates in enumerate(workload.intervals):
            leaves = [leaf for each in predicates for leaf in self._leaves(mokaccino.Query, *each)]
            percolator.add_query_id(mokaccino.Query.from_and(leaves), number)
        self.match = percolator.percolate_list

    def _leaves(self, query: Any, name: str, least: Any, greatest: Any) -> list[Any]:
        if least == greatest and not self.equalities_are_ranges:
            return [query.from_kv(name, str(least))]
        return [query.from_kge(name, least), query.from_kle(name, greatest)]

    def prepare(self, event: Event) -> Any:
        document = self._document()
        for name, value in event.items():
            document.add_value(name, str(value))
        return document


class MokaccinoRanges(Mokaccino):
    """Equalities as ranges: on w1_sparse it misses 4 of about 750 matches with equalities."""

    equalities_are_ranges = True


class Lambdas(Engine):
    """A list of Python lambdas, compiled from text."""

    def __init__(self, workload: Workload) -> None:
        self._tests: list[Callable[[Event], bool]] = [
            eval(f"lambda e: {' and '.join(_python(*each) for each in predicates)}")
            for predicates in workload.intervals
        ]

    def match(self, prepared: Event) -> list[int]:
        return [number for number, test in enumerate(self._tests) if test(prepared)]


def _python(name: str, least: Any, greatest: Any) -> str:
    value = "e" + "".join(f"[{key!r}]" for key in name.split("."))
    return f"{value} == {least!r}" if least == greatest else f"{least} <= {value} <= {greatest}"


class RuleEngine(Engine):
    """rule-engine: an expression language in Python."""

    def __init__(self, workload: Workload) -> None:
        import rule_engine

        self._rules = [
            rule_engine.Rule(
                " and ".join(_expression(_items(n), lo, hi, "and") for n, lo, hi in each)
            )
            for each in workload.intervals
        ]

    def match(self, prepared: Event) -> list[int]:
        return [number for number, rule in enumerate(self._rules) if rule.matches(prepared)]


class Cel(Engine):
    """common-expression-language: CEL in Rust. cel-python takes several hundred times as long."""

    def __init__(self, workload: Workload) -> None:
        import cel

        self._context = cel.Context
        self._programs = [
            cel.compile(" && ".join(_expression(n, lo, hi, "&&") for n, lo, hi in each))
            for each in workload.intervals
        ]

    def match(self, prepared: Event) -> list[int]:
        context = self._context(variables=prepared)
        return [
            number
            for number, program in enumerate(self._programs)
            if program.execute(context) is True
        ]


def _expression(value: str, least: Any, greatest: Any, conjunction: str) -> str:
    """A predicate in the words that rule-engine and CEL share, but for the AND."""
    if least != greatest:
        return f"{value} >= {least} {conjunction} {value} <= {greatest}"
    if isinstance(least, bool):
        return f"{value} == {str(least).lower()}"
    return f'{value} == "{least}"' if isinstance(least, str) else f"{value} == {least!r}"


def _items(name: str) -> str:
    """``user["country"]``: rule-engine takes dots, too, eight times as long."""
    first, *rest = name.split(".")
    return first + "".join(f'["{key}"]' for key in rest)


ENGINES: dict[str, Callable[[Workload], Engine]] = {
    "matchengine": Ours,
    "mokaccino": Mokaccino,
    "mokaccino (ranges)": MokaccinoRanges,
    "lambdas": Lambdas,
    "rule-engine": RuleEngine,
    "CEL": Cel,
}
#: What has to be installed for an engine, and what it is imported as.
PACKAGES = {
    "mokaccino": ("mokaccino", "mokaccino"),
    "mokaccino (ranges)": ("mokaccino", "mokaccino"),
    "rule-engine": ("rule-engine", "rule_engine"),
    "CEL": ("common-expression-language", "cel"),
}
