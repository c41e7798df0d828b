"""Events that are odd, hostile or huge: taken by value, or refused whoever has subscribed."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import json
import mmap
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from matchengine import EventError, LimitExceeded, Limits, Matcher
from matchengine.reference import matches, parse

FILTERS = ["", "a = 5", "a < 5", "a IS NULL", "EXISTS(a)", "a.b = 'x'", "a LIKE 'x%'", "NOT a = 5"]


@pytest.fixture
def matcher() -> Matcher[Any]:
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((filter, filter) for filter in FILTERS)
    return matcher


def wanted(event: Mapping[str, Any]) -> set[str]:
    return {filter for filter in FILTERS if matches(parse(filter), event)}


def ask_every_way(matcher: Matcher[Any], event: Any) -> Iterator[set[Any]]:
    yield set(matcher.match(event))
    yield set(matcher.match_batch([{}, event, event])[2])
    assert matcher.count(event) == len(matcher.match(event))
    assert matcher.matches_any(event)


# ---- mappings ------------------------------------------------------------------------------------


class Custom(Mapping[str, Any]):
    """A mapping and nothing more."""

    def __init__(self, **items: Any) -> None:
        self._items = items

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


MAPPINGS: list[Mapping[str, Any]] = [
    {},
    collections.OrderedDict(a=5),
    collections.defaultdict(list, a=[4, 5]),
    collections.UserDict(a={"b": "x"}),
    collections.ChainMap({"a": 5}, {"a": 6, "b": 1}),
    MappingProxyType({"a": MappingProxyType({"b": "x"})}),
    Custom(a=Custom(b=Custom(), c=[Custom(b="x")])),
    {"a": (1, [5, (None,)])},
    {"a": collections.namedtuple("Pair", "x y")(4, "xy")},
    {"a": type("Subclass", (list,), {})([5])},
]


@pytest.mark.parametrize("event", MAPPINGS, ids=lambda e: type(e).__name__)
def test_mappings_of_every_kind(matcher: Matcher[Any], event: Mapping[str, Any]) -> None:
    for found in ask_every_way(matcher, event):
        assert found == wanted(event)


class LyingInt(int):
    def __int__(self) -> int:
        return 99

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("not to be called")

    def __hash__(self) -> int:
        raise AssertionError("not to be called")


class LyingStr(str):
    def __str__(self) -> str:
        return "a lie"

    def encode(self, *_: Any, **__: Any) -> bytes:
        raise AssertionError("not to be called")


class LyingFloat(float):
    def __float__(self) -> float:
        return 99.0


class Colour(enum.IntEnum):
    RED = 5


class Word(enum.StrEnum):
    XY = "xy"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (LyingInt(5), 5),
        (LyingFloat(4.5), 4.5),
        (LyingStr("xy"), "xy"),
        (Colour.RED, 5),
        (Word.XY, "xy"),
        (np.True_, True),
        (np.int8(5), 5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.int64(-(2**63)), -(2**63)),
        (np.float16(4.5), 4.5),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64("nan"), float("nan")),
        (np.str_("xy"), "xy"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_subclasses_and_numpy_scalars_count_by_value(
    matcher: Matcher[Any], value: Any, plain: Any
) -> None:
    for event, same in [({"a": value}, {"a": plain}), ({"a": [value, 1]}, {"a": [plain, 1]})]:
        for found in ask_every_way(matcher, event):
            assert found == wanted(same)


def test_keys_may_be_subclasses_of_str(matcher: Matcher[Any]) -> None:
    for key in (np.str_("a"), Word("xy")):
        event: dict[str, Any] = {key: 5, "b": 1}
        same = {str.__str__(key): 5}
        for found in ask_every_way(matcher, event):
            assert found == wanted(same)


@pytest.mark.parametrize(
    "value",
    [
        decimal.Decimal(5),
        datetime.datetime(2024, 1, 1),
        b"x",
        bytearray(b"x"),
        memoryview(b"x"),
        array.array("i", [5]),
        5j,
        {5},
        (n for n in [5]),
        range(5),
        np.array([5]),
        np.array(5),
        np.datetime64("2024-01-01"),
        np.timedelta64(5),
        np.bytes_(b"x"),
        np.complex128(5),
        np.void(b"x"),
        np.ma.masked,
        object(),
        Ellipsis,
        NotImplemented,
    ],
    ids=lambda v: type(v).__name__,
)
@pytest.mark.parametrize("key", ["a", "nobody wants this"])
def test_other_types_are_refused(matcher: Matcher[Any], key: str, value: Any) -> None:
    for event, path in [
        ({key: value}, key),
        ({"z": 1, key: [1, [value]]}, f"{key}.1.0"),
        ({"z": {"y": {key: value}}}, f"z.y.{key}"),
    ]:
        with pytest.raises(EventError) as caught:
            matcher.match(event)
        assert caught.value.path == path
        with pytest.raises(EventError) as caught:
            matcher.match_batch([{}, {}, event, {}])
        assert caught.value.index == 2


@pytest.mark.parametrize("bad", [b'{"a":', '{"a":', bytearray(b"{}x"), b"", b"\xff", None, 5, "[]"])
@pytest.mark.parametrize("other", [b'{"a": 5}', '{"a": 5}', {"a": 5}])
def test_the_bad_event_of_a_batch_is_named(matcher: Matcher[Any], bad: Any, other: Any) -> None:
    """However many there are of what may be matched in one go."""
    for before in (0, 1, 511, 512, 5_000):
        batch = [*[other] * before, bad, *[other] * 3]
        for call in (matcher.match_batch, matcher.destinations_batch):
            with pytest.raises(EventError) as caught:
                call(batch)
            assert caught.value.index == before


@pytest.mark.parametrize("bad", ["\ud800", "x\udfff", "\udc00\ud800", "é\ud83d"])
def test_lone_surrogates_are_refused(matcher: Matcher[Any], bad: str) -> None:
    for event in ({"a": bad}, {"z": [bad]}, {bad: 1}, {"z": {bad: {}}}, {"z": LyingStr(bad)}):
        with pytest.raises(EventError):
            matcher.match(event)


# ---- events that fight back ----------------------------------------------------------------------


class Reentrant(dict[str, Any]):
    """Changes the matcher whenever it is looked at."""

    matcher: Matcher[Any]
    turn = 0

    def items(self) -> Any:
        self.turn += 1
        self.matcher.add("a = 5", id=("added", self.turn))
        self.matcher.discard(("added", self.turn - 1))
        self.matcher.replace("a < 5", "a < 6")
        assert "a = 5" in self.matcher.match({"a": 5})
        assert len(self.matcher.match_batch([{"a": 5}])) == 1
        return super().items()


def test_an_event_that_changes_the_matcher(matcher: Matcher[Any]) -> None:
    event = Reentrant(a=5)
    event.matcher = matcher
    for given in (event, {"z": event, "a": 5}, Custom(z=[event], a=5)):
        found = set(matcher.match(given))
        assert found >= {"", "a = 5", "EXISTS(a)", "a < 5"}
        assert {id for id in found if isinstance(id, tuple)} == {("added", event.turn)}
        matcher.validate()
    found = set(matcher.match_batch([{"a": 5}, event, {"a": 5}])[2])
    assert found >= {"", "a = 5", "EXISTS(a)"}
    matcher.validate()


class Failing(dict[str, Any]):
    def items(self) -> Any:
        raise ZeroDivisionError("on purpose")


def test_errors_of_an_event_come_through(matcher: Matcher[Any]) -> None:
    for event in (Failing(), {"a": [Failing()]}, Custom(a=Failing())):
        with pytest.raises(ZeroDivisionError):
            matcher.match(event)
        with pytest.raises(ZeroDivisionError):
            matcher.match_batch([{}, event])
    assert set(matcher.match({"a": 5})) == wanted({"a": 5})


def test_an_event_that_holds_itself(matcher: Matcher[Any]) -> None:
    mapping: dict[str, Any] = {"a": 1}
    mapping["self"] = mapping
    array: list[Any] = [1]
    array.append(array)
    for event in (mapping, {"a": array}, Custom(a=array), collections.UserDict(a=mapping)):
        with pytest.raises(LimitExceeded) as caught:
            matcher.match(event)
        assert caught.value.limit == "event_depth"


# ---- buffers -------------------------------------------------------------------------------------


def buffers(text: bytes) -> Iterator[Any]:
    yield text.decode()
    yield LyingStr(text.decode())
    yield np.str_(text.decode())
    yield text
    yield bytearray(text)
    yield memoryview(text)
    yield memoryview(bytearray(text)).toreadonly()
    yield memoryview(b"##" + text + b"##")[2:-2]
    yield memoryview(text).cast("b")
    yield memoryview(text).cast("c")
    yield array.array("B", text)
    yield np.frombuffer(text, dtype=np.uint8)
    with mmap.mmap(-1, len(text)) as mapped:
        mapped.write(text)
        yield mapped


def test_text_in_every_kind_of_buffer(matcher: Matcher[Any]) -> None:
    for given in buffers(b'{"a": 5, "b": "\xc3\xa9"}'):
        assert set(matcher.match_json(given)) == wanted({"a": 5}), type(given)
        assert set(matcher.match_batch(given)[0]) == wanted({"a": 5}), type(given)
        assert matcher.count(given) == len(wanted({"a": 5})), type(given)
        assert matcher.matches_any(given)
        assert matcher.destinations(given) == []


def test_buffers_that_are_no_text(matcher: Matcher[Any]) -> None:
    text = b'{"a": 5}'
    with pytest.raises((BufferError, ValueError)):
        matcher.match_json(memoryview(text * 2)[::2])
    with pytest.raises((BufferError, ValueError)):
        matcher.match_json(np.frombuffer(text * 2, dtype=np.uint8)[::2])
    released = memoryview(text)
    released.release()
    with pytest.raises(ValueError, match="released"):
        matcher.match_json(released)
    for other in (None, 5, {"a": 5}, [text], object()):
        with pytest.raises(TypeError):
            matcher.match_json(other)


def test_a_buffer_cannot_shrink_while_it_is_read(matcher: Matcher[Any]) -> None:
    text = bytearray(b'{"a": 5}')
    assert set(matcher.match_json(text)) == wanted({"a": 5})
    text.clear()  # nothing is held any longer
    with pytest.raises(EventError):
        matcher.match_json(text)


# ---- texts ---------------------------------------------------------------------------------------

TEXT = (
    ' {"a": {"b": [1, "xé\\u00e9\\ud83d\\ude00", true, null, -1.5e3]}, "é": {}, "z": []}'.encode()
)


def test_truncated_at_every_byte(matcher: Matcher[Any]) -> None:
    assert matcher.match_json(TEXT)
    for end in range(len(TEXT)):
        for bad in (TEXT[:end], TEXT[:end] + b"\0", TEXT[:end] + b"\xff" + TEXT[end:]):
            with pytest.raises(EventError) as caught:
                matcher.match_json(bad)
            assert 0 <= caught.value.offset <= len(bad)
        with pytest.raises(EventError) as caught:
            matcher.match_batch(TEXT + b"\n\n" + TEXT[:end].strip() + b"x")
        assert caught.value.index == 1
    for text in (
        b"\xef\xbb\xbf" + TEXT,
        TEXT + b"x",
        TEXT + TEXT,
        b"[" + TEXT + b"]",
        b"5",
        b'"a"',
    ):
        with pytest.raises(EventError):
            matcher.match_json(text)


def test_hostile_depth(matcher: Matcher[Any]) -> None:
    for text in ('{"a":' * 10**6, '{"a":' + "[" * 10**6, '{"z":' + "[{}," * 10**5):
        with pytest.raises(LimitExceeded) as caught:
            matcher.match_json(text)
        assert caught.value.limit == "event_depth"
    event: Any = {}
    for _ in range(10**6):
        event = {"a": event}
    with pytest.raises(LimitExceeded):
        matcher.match(event)
    while event:  # Python's own destructor would do as well, on most machines
        event = event.pop("a")


def test_hostile_numbers(matcher: Matcher[Any]) -> None:
    for digits in (400, 1000):
        number = "9" * digits
        assert set(matcher.match_json(f'{{"a": {number}}}')) == wanted({"a": 10**digits - 1})
        assert set(matcher.match({"a": 10**digits - 1})) == wanted({"a": 10**digits - 1})
    for text in ("1" + "0" * 10**6, "-" + "9" * 1001):
        with pytest.raises(LimitExceeded) as caught:
            matcher.match_json(f'{{"z": {text}}}')
        assert caught.value.limit == "digits"
    with pytest.raises(LimitExceeded):
        matcher.match({"z": -(1 << 10**6)})
    for text in ("1" + "0" * 10**6 + ".0", "1e999999999999", "0." + "0" * 10**6 + "1"):
        matcher.match_json(f'{{"a": {text}}}')


# ---- limits --------------------------------------------------------------------------------------


def limit_of(call: Any, argument: Any) -> tuple[str, int]:
    with pytest.raises(LimitExceeded) as caught:
        call(argument)
    assert isinstance(caught.value, EventError)
    return caught.value.limit, caught.value.maximum


def test_values_exactly_and_one_more() -> None:
    matcher: Matcher[Any] = Matcher()
    matcher.add("a = 65535", id="last")
    at = list(range(65_536))
    assert matcher.match({"a": at}) == ["last"]
    assert matcher.match_json(json.dumps({"a": at})) == ["last"]
    for event in ({"a": [*at, 1]}, {"a": at, "z": None}, {"a": at[1:], "z": [1, {"y": True}]}):
        assert limit_of(matcher.match, event) == ("event_values", 65_536)
        assert limit_of(matcher.match_json, json.dumps(event)) == ("event_values", 65_536)
    huge = [None] * 10**6
    assert limit_of(matcher.match, {"z": huge})[0] == "event_values"
    assert limit_of(matcher.match_json, json.dumps({"z": huge}))[0] == "event_values"
    wide: Matcher[Any] = Matcher(limits=Limits(event_values=2**32 - 1))
    wide.add("z IS NULL AND NOT EXISTS(y)", id="x")
    assert wide.match({"z": huge}) == ["x"] == wide.match_json(json.dumps({"z": huge}))


def test_small_limits_exactly_and_one_more() -> None:
    limits = Limits(event_bytes=20, event_depth=3, event_values=2, digits=4)
    matcher: Matcher[Any] = Matcher(limits=limits)
    matcher.add("", id="all")
    good = ['{"a": [[1, 9999]]}', '{"a":"0123456789ab"}', '{"a":{"b":{}}}     ', '{"a":-9999}']
    for text in good:
        assert matcher.match_json(text) == ["all"] == matcher.match(json.loads(text))
    for event, name in [
        ({"a": [1, 2], "b": 3}, "event_values"),
        ({"a": [[[]]]}, "event_depth"),
        ({"a": 10_000}, "digits"),
        ({"a": -10_000}, "digits"),
        ({"abcde": "0123456789abcdef"}, "event_bytes"),
    ]:
        assert limit_of(matcher.match, event)[0] == name
        text = json.dumps(event, separators=(",", ":"))
        assert limit_of(matcher.match_json, text)[0] == name
        assert limit_of(matcher.match_batch, [{}, event])[0] == name
        assert limit_of(matcher.match_batch, f"{{}}\n{text}")[0] == name
        with pytest.raises(LimitExceeded, match=f"{name}, which is {getattr(limits, name)}"):
            matcher.match_json(text)
    assert limit_of(matcher.match_json, " " * 19 + "{}")[0] == "event_bytes"


# ---- what an event costs -------------------------------------------------------------------------


def unmatched_text(keys: int) -> bytes:
    return json.dumps({f"key {i}": [i, f"text {i}", {"x": i + 0.5}] for i in range(keys)}).encode()


def test_match_json_builds_no_objects_for_the_event() -> None:
    """A thousand keys cost no more Python memory than ten, during the call and after it."""
    matcher: Matcher[Any] = Matcher()
    matcher.add_many((None, f'"key {i}" = -1 OR "key {i}.x" = -1') for i in range(50))
    blocks, peaks = [], []
    for text in (unmatched_text(10), unmatched_text(1000)):
        for _ in range(10):
            assert matcher.match_json(text) == []
        before = sys.getallocatedblocks()
        for _ in range(1000):
            matcher.match_json(text)
        blocks.append(sys.getallocatedblocks() - before)
        tracemalloc.start()
        try:
            matcher.match_json(text)
            tracemalloc.reset_peak()
            start, _ = tracemalloc.get_traced_memory()
            matcher.match_json(text)
            peaks.append(tracemalloc.get_traced_memory()[1] - start)
        finally:
            tracemalloc.stop()
    assert max(blocks) < 20, "something is left after every call"
    assert peaks[1] <= peaks[0] + 64, "something is built for every key"
