"""Named, seeded workloads: filters as text and as intervals, events as mappings and as JSON.

Everything random comes from the raw 64-bit output of NumPy's PCG64, whose stream NumPy keeps
stable, and from the integer arithmetic of `Raw`. So a workload is the same text with every version
of NumPy; ``tests/test_workloads.py`` pins a hash of each.

* `w1_dense`: 100 attributes, of which an event has 30. Conjunctions of five predicates on distinct
  attributes. The widths of the ranges are solved so that an event matches `MATCHES` subscriptions
  on average, however many there are.
* `w1_sparse`: 30,000 attributes, so that five random ones are never all in one event. Each event
  is made around `MATCHES` subscriptions drawn at random: it has their attributes with values that
  satisfy them, and random other attributes up to 30.
* `keys`: 10,000 conjunctions of two equalities of strings, 20 attributes with 30 values each.
* `json_small`: 1,000 subscriptions on nested JSON objects of about 150, 300, 600 or 1,500 bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "EVENTS",
    "JSON_BYTES",
    "MATCHES",
    "SIZES",
    "WARMUP",
    "Conjunctions",
    "Workload",
    "json_small",
    "keys",
    "w1_dense",
    "w1_sparse",
]

Ints = npt.NDArray[np.int64]
Interval = tuple[str, Any, Any]

#: Distinct events of a workload, each to be used once.
EVENTS = 20_000
#: More events, distinct from those, for warming up.
WARMUP = 500
#: Numbers of subscriptions that W1 is measured at.
SIZES = (10_000, 100_000, 1_000_000)
#: How many subscriptions an event of W1 matches on average.
MATCHES = 5
#: Sizes of the events of json_small.
JSON_BYTES = (150, 300, 600, 1_500)

CARDINALITY = 100
PREDICATES = 5
PRESENT = 30
EQUAL, BETWEEN, LESS, GREATER = range(4)
#: Of fifteen predicates three are equalities and four each are BETWEEN, < and >.
KINDS = np.array([EQUAL] * 3 + [BETWEEN] * 4 + [LESS] * 4 + [GREATER] * 4)
EQUALITY = 0.2


class Raw:
    """Integers from the raw output of PCG64."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def below(self, bound: int | Ints, *shape: int) -> Ints:
        """Integers in [0, bound), bound < 2**32: the upper half of the product with 32 bits.

        The bias is below bound / 2**32.
        """
        raw = self._bits.random_raw(int(np.prod(shape))).reshape(shape) >> np.uint64(32)
        product = raw * np.asarray(bound, dtype=np.uint64)
        return np.asarray(product >> np.uint64(32), dtype=np.int64)

    def distinct(self, bound: int, rows: int, count: int) -> Ints:
        """In each row `count` distinct integers in [0, bound): Floyd's algorithm, row by row."""
        chosen = np.empty((rows, count), dtype=np.int64)
        for column, last in enumerate(range(bound - count, bound)):
            drawn = self.below(last + 1, rows)
            taken = (chosen[:, :column] == drawn[:, None]).any(axis=1)
            chosen[:, column] = np.where(taken, last, drawn)
        return chosen

    def order(self, rows: int, count: int) -> Ints:
        """In each row a permutation of range(count)."""
        keys = self.below(2**32 - 1, rows, count)
        return np.argsort(keys, axis=1, kind="stable")


@dataclass(kw_only=True)
class Workload(ABC):
    """Filters and events. The id of a subscription is its index in `filters`."""

    name: str
    story: str
    filters: list[str]
    #: `EVENTS` distinct events, the keys of which are shared str objects, as from literals.
    events: list[dict[str, Any]]
    warmup: list[dict[str, Any]]

    @property
    @abstractmethod
    def intervals(self) -> Sequence[list[Interval]]:
        """Per subscription the (attribute, least, greatest) that all have to hold."""

    @cached_property
    def lines(self) -> list[bytes]:
        """The events as JSON texts, without line ends."""
        return [_json(event) for event in self.events]

    def digest(self) -> str:
        """SHA-256 of every filter and every event, a line each."""
        text = hashlib.sha256()
        for filter in self.filters:
            text.update(filter.encode() + b"\n")
        for event in self.warmup:
            text.update(_json(event) + b"\n")
        for line in self.lines:
            text.update(line + b"\n")
        return text.hexdigest()


def _json(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


# ---- W1 ---------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Conjunctions(Workload):
    """W1: intervals on numbered attributes, as arrays of a row per subscription."""

    attributes: int
    #: Mean width of a range, in 1/10,000 of the domain.
    width: int
    attrs: Ints
    least: Ints
    greatest: Ints
    #: The events as arrays, too: attributes and values, a row per event.
    event_attrs: Ints = field(repr=False)
    event_values: Ints = field(repr=False)

    @cached_property
    def intervals(self) -> list[list[Interval]]:
        names = _names(self.attributes)
        rows = zip(self.attrs.tolist(), self.least.tolist(), self.greatest.tolist(), strict=True)
        return [[(names[a], lo, hi) for a, lo, hi in zip(*row, strict=True)] for row in rows]


def dense_width(subscriptions: int, attributes: int) -> int:
    """The mean width, in 1/10,000, at which an event matches `MATCHES` subscriptions on average.

    Predicates are independent, so the mean number of matches is N, times the probability that the
    event has all five attributes, times the mean selectivity of a predicate to the fifth. Raises
    ValueError where even ranges over the whole domain match too rarely.
    """
    together = 1.0
    for taken in range(PREDICATES):
        together *= (PRESENT - taken) / (attributes - taken)
    selectivity = float((MATCHES / (subscriptions * together)) ** (1 / PREDICATES))
    width = round(10_000 * (selectivity - EQUALITY / CARDINALITY) / (1 - EQUALITY))
    if not 0 < width <= 10_000:
        raise ValueError(f"no width gives {MATCHES} matches with {subscriptions} subscriptions")
    return width


def w1_dense(subscriptions: int = 100_000, *, events: int = EVENTS) -> Conjunctions:
    """100 attributes. The events do not depend on the number of subscriptions."""
    width = dense_width(subscriptions, 100)
    predicates = _predicates(Raw(1_001), subscriptions, 100, width)
    raw = Raw(1_002)
    event_attrs = raw.distinct(100, events + WARMUP, PRESENT)
    event_values = raw.below(CARDINALITY, events + WARMUP, PRESENT)
    story = "many subscribers, few attributes, wide ranges: every attribute is hot"
    return _w1("w1_dense", story, 100, width, predicates, (event_attrs, event_values))


def w1_sparse(subscriptions: int = 100_000, *, events: int = EVENTS) -> Conjunctions:
    """30,000 attributes, ranges of a fifth of the domain, events made around subscriptions."""
    width = 2_000
    predicates = _predicates(Raw(2_001), subscriptions, 30_000, width)
    attrs, _, least, greatest = predicates
    made = _around(Raw(2_002), attrs, least, greatest, events + WARMUP)
    story = "many subscribers to many different things: an event concerns few of them"
    return _w1("w1_sparse", story, 30_000, width, predicates, made)


def _w1(
    name: str,
    story: str,
    attributes: int,
    width: int,
    predicates: tuple[Ints, Ints, Ints, Ints],
    events: tuple[Ints, Ints],
) -> Conjunctions:
    """The workload of what `_predicates` has made, and of attributes and values of events."""
    attrs, kinds, least, greatest = predicates
    event_attrs, event_values = events
    made = _events(event_attrs, event_values, attributes)
    return Conjunctions(
        name=name,
        story=story,
        filters=_texts(attrs, kinds, least, greatest),
        events=made[WARMUP:],
        warmup=made[:WARMUP],
        attributes=attributes,
        width=width,
        attrs=attrs,
        least=least,
        greatest=greatest,
        event_attrs=event_attrs[WARMUP:],
        event_values=event_values[WARMUP:],
    )


def _predicates(raw: Raw, rows: int, attributes: int, width: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Attributes, kinds, least and greatest values of `PREDICATES` predicates per row.

    Widths are spread evenly about their mean, by half of the distance to an end of the domain,
    and every position is as likely as any other: a predicate of width w holds for w of the values.
    """
    attrs = raw.distinct(attributes, rows, PREDICATES)
    kinds = KINDS[raw.below(len(KINDS), rows, PREDICATES)]
    half = min(width, 10_000 - width) // 2
    exact = width - half + raw.below(2 * half + 1, rows, PREDICATES)
    widths = (exact + raw.below(100, rows, PREDICATES)) // 100  # rounded up or down by chance
    widths = np.where(kinds == EQUAL, 1, np.clip(widths, 1, CARDINALITY))
    free = raw.below(CARDINALITY + 1 - widths, rows, PREDICATES)
    least = np.select([kinds == LESS, kinds == GREATER], [0, CARDINALITY - widths], free)
    return attrs, kinds, least, least + widths - 1


def _around(raw: Raw, attrs: Ints, least: Ints, greatest: Ints, rows: int) -> tuple[Ints, Ints]:
    """Attributes and values of events that satisfy `MATCHES` random subscriptions each.

    Where two of them share an attribute (one event in a hundred), the first has its way.
    """
    spare = 16
    chosen = raw.below(len(attrs), rows, MATCHES)
    wanted = attrs[chosen].reshape(rows, -1)
    low, high = least[chosen].reshape(rows, -1), greatest[chosen].reshape(rows, -1)
    values = low + raw.below(high - low + 1, rows, wanted.shape[1])
    all_attrs = np.hstack([wanted, raw.below(30_000, rows, spare)])
    all_values = np.hstack([values, raw.below(CARDINALITY, rows, spare)])
    orders = raw.order(rows, PRESENT)
    event_attrs = np.empty((rows, PRESENT), dtype=np.int64)
    event_values = np.empty((rows, PRESENT), dtype=np.int64)
    for row, order in enumerate(orders):
        _, first = np.unique(all_attrs[row], return_index=True)
        kept = np.sort(first)[:PRESENT]
        event_attrs[row] = all_attrs[row, kept][order]
        event_values[row] = all_values[row, kept][order]
    return event_attrs, event_values


def _names(attributes: int) -> list[str]:
    return [sys.intern(f"a{number}") for number in range(attributes)]


def _events(attrs: Ints, values: Ints, attributes: int) -> list[dict[str, Any]]:
    names = _names(attributes)
    return [
        dict(zip([names[a] for a in row], some, strict=True))
        for row, some in zip(attrs.tolist(), values.tolist(), strict=True)
    ]


def _texts(attrs: Ints, kinds: Ints, least: Ints, greatest: Ints) -> list[str]:
    """The filters as text."""
    form: list[Callable[[int, int, int], str]] = [
        lambda a, lo, hi: f"a{a} = {lo}",
        lambda a, lo, hi: f"a{a} BETWEEN {lo} AND {hi}",
        lambda a, lo, hi: f"a{a} < {hi + 1}",
        lambda a, lo, hi: f"a{a} > {lo - 1}",
    ]
    columns = [
        [
            form[kind](a, lo, hi)
            for kind, a, lo, hi in zip(
                kinds[:, slot].tolist(),
                attrs[:, slot].tolist(),
                least[:, slot].tolist(),
                greatest[:, slot].tolist(),
                strict=True,
            )
        ]
        for slot in range(PREDICATES)
    ]
    return [" AND ".join(row) for row in zip(*columns, strict=True)]


# ---- equalities ---------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Listed(Workload):
    """A workload whose predicates are a list."""

    predicates: list[list[Interval]]

    @property
    def intervals(self) -> list[list[Interval]]:
        return self.predicates


def keys(*, events: int = EVENTS) -> Listed:
    """What engines that index keys and values are made for; an event matches 11 on average."""
    raw = Raw(4_001)
    names, values = raw.distinct(20, 10_000, 2), raw.below(30, 10_000, 2)
    predicates = [
        [(f"a{name}", f"v{value}", f"v{value}") for name, value in zip(*row, strict=True)]
        for row in zip(names.tolist(), values.tolist(), strict=True)
    ]
    attributes = _names(20)
    made = [
        dict(zip(attributes, (f"v{value}" for value in row), strict=True))
        for row in raw.below(30, events + WARMUP, 20).tolist()
    ]
    return Listed(
        name="keys",
        story="many subscribers, each to one kind of thing in one place",
        filters=[" AND ".join(f"{n} = '{v}'" for n, v, _ in each) for each in predicates],
        events=made[WARMUP:],
        warmup=made[:WARMUP],
        predicates=predicates,
    )


# ---- nested JSON --------------------------------------------------------------------------------

KIND = ["order", "refund", "return", "quote", "invoice", "shipment", "review", "cancel"]
TIER = ["basic", "silver", "gold", "platinum"]
COUNTRIES = (
    "AR AT AU BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU "
    "ID IE IL IN IS IT JP KR LT LU LV MX MY NL NO NZ PE PH PL PT RO SE SG TH US"
)
COUNTRY = COUNTRIES.split()
SYSTEM = ["android", "ios", "linux", "macos", "windows"]
REMARK = (
    "please leave the parcel with a neighbour at number ten if nobody answers the bell because "
    "our last order came late and one of the cups was broken thank you for sending another café "
    "naïve Zürich"
)
WORD = REMARK.split()
#: Words in the note of an event, by the size of the event; and readings in its list.
NOTE = {150: 0, 300: 0, 600: 43, 1_500: 132}
READINGS = {150: 0, 300: 0, 600: 0, 1_500: 56}


def json_small(event_bytes: int = 300, *, events: int = EVENTS) -> Listed:
    """1,000 subscriptions; the events have 11 to 20 keys and match at most 5 of them."""
    subscriptions = [_order_filter(row) for row in Raw(3_001).below(1_000_000, 1_000, 6).tolist()]
    drawn = Raw(3_002).below(1_000_000, (events + WARMUP) * 101 // 100, 10)
    few = drawn[_how_many(subscriptions, drawn) <= MATCHES][: events + WARMUP]
    rest = Raw(3_003 + event_bytes).below(1_000_000, len(few), 256)
    made = [
        _order(some, more, event_bytes)
        for some, more in zip(few.tolist(), rest.tolist(), strict=True)
    ]
    return Listed(
        name=f"json_small_{event_bytes}",
        story="a thousand rules on a stream of small nested documents",
        filters=[" AND ".join(map(_order_text, each)) for each in subscriptions],
        events=made[WARMUP:],
        warmup=made[:WARMUP],
        predicates=subscriptions,
    )


def _order_filter(row: list[int]) -> list[Interval]:
    """One of three shapes; each holds for about one event in a thousand."""
    shape, where, what, start, _, _ = row
    country = COUNTRY[where % len(COUNTRY)]
    if shape % 4 < 2:
        price = start % 60_000
        kind = KIND[what % len(KIND)]
        return [
            ("user.country", country, country),
            ("kind", kind, kind),
            ("item.price", price / 100, (price + 40_000) / 100),
        ]
    if shape % 4 == 2:
        tier = TIER[what % len(TIER)]
        return [
            ("user.country", country, country),
            ("user.tier", tier, tier),
            ("item.quantity", 81 + start % 4, 100),
        ]
    user = start % 99_900
    return [("user.id", user, user + 99), ("paid", True, True), ("item.quantity", 1, 50)]


def _order_text(predicate: Interval) -> str:
    path, least, greatest = predicate
    if least is True:
        return path
    if isinstance(least, str):
        return f"{path} = '{least}'"
    return f"{path} BETWEEN {least!r} AND {greatest!r}"


def _columns(drawn: Ints) -> dict[str, tuple[Ints, list[Any]]]:
    """Per path that is subscribed to: each event's number, and the values by number."""
    return {
        "kind": (drawn[:, 0] % len(KIND), KIND),
        "paid": (drawn[:, 1] % 2, [False, True]),
        "user.id": (drawn[:, 2] % 100_000, list(range(100_000))),
        "user.country": (drawn[:, 3] % len(COUNTRY), COUNTRY),
        "user.tier": (drawn[:, 4] % len(TIER), TIER),
        "item.price": (drawn[:, 5] % 100_000, [cents / 100 for cents in range(100_000)]),
        "item.quantity": (1 + drawn[:, 6] % 100, list(range(101))),
    }


def _how_many(subscriptions: list[list[Interval]], drawn: Ints) -> Ints:
    """How many subscriptions each event matches."""
    columns = _columns(drawn)
    found = np.zeros(len(drawn), dtype=np.int64)
    for predicates in subscriptions:
        holds = np.ones(len(drawn), dtype=np.bool_)
        for path, least, greatest in predicates:
            numbers, values = columns[path]
            holds &= (numbers >= values.index(least)) & (numbers <= values.index(greatest))
        found += holds
    return found


def _order(some: list[int], more: list[int], event_bytes: int) -> dict[str, Any]:
    """One event, from the numbers that decide what it matches and others."""
    event: dict[str, Any] = {
        "id": 100_000_000 + more[0] * 800 + more[1] % 800,
        "kind": KIND[some[0] % len(KIND)],
        "paid": some[1] % 2 == 1,
        "user": {
            "id": some[2] % 100_000,
            "country": COUNTRY[some[3] % len(COUNTRY)],
            "tier": TIER[some[4] % len(TIER)],
        },
        "item": {
            "sku": f"{more[2]:06d}-{more[3] % 100:02d}",
            "price": some[5] % 100_000 / 100,
            "quantity": 1 + some[6] % 100,
        },
    }
    if event_bytes >= 300:
        event["time"] = (
            f"2024-{1 + more[4] % 12:02d}-{1 + more[5] % 28:02d}"
            f"T{more[6] % 24:02d}:{more[7] % 60:02d}:{more[8] % 60:02d}Z"
        )
        event["device"] = {
            "system": SYSTEM[more[9] % len(SYSTEM)],
            "address": f"10.{more[11] % 256}.{more[12] % 256}.{more[13] % 256}",
        }
        event["session"] = "".join(f"{n:05x}" for n in more[10:20])
        event["item"]["tags"] = [WORD[more[20 + i] % 20] for i in range(1 + more[23] % 3)]
    if event_bytes >= 600:
        street = f"{1 + more[24] % 300} {WORD[more[25] % 20]} street"
        event["shipping"] = f"{street}, {more[26] % 100_000:05d} {WORD[more[27] % len(WORD)]}"
        event["note"] = " ".join(WORD[n % len(WORD)] for n in more[28 : 28 + NOTE[event_bytes]])
    if event_bytes >= 1_500:
        event["readings"] = [n / 100 if n % 2 else n for n in more[-READINGS[1_500] :]]
    return event
