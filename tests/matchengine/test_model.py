"""The matcher against its twin, step by step: any operation at any time, under every SIMD width."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from matchengine import (
    DuplicateSubscription,
    Filter,
    FilterSyntaxError,
    Matcher,
    Matches,
    UnknownSubscription,
    _core,
    parse,
    reference,
)
from matchengine.reference import ReferenceMatcher, load_event
from strategies import built_filters, events, filter_texts, json_lines, json_texts

SIMD = [name for name in ("portable", "avx2", "avx512", "neon") if _core.force_simd(name)]
_core.force_simd("")

#: Ids that are equal to one another across types (1, 1.0, True), as in a dict.
IDS = st.sampled_from([None, None, 0, 1, 1.0, True, -1, "", "a", ("a", 1), frozenset(), 10**30])
TO = st.sampled_from([None, None, 0, 1, 7, 2**32 - 2])


class MatcherAgainstTwin(RuleBasedStateMachine):
    """One matcher, one twin, and the results that are still alive."""

    simd = ""

    def __init__(self) -> None:
        super().__init__()
        assert _core.force_simd(self.simd)
        self.matcher: Matcher[Any] = Matcher()
        self.twin = ReferenceMatcher()
        self.texts: dict[Any, str] = {}
        self.to: dict[Any, int | None] = {}
        self.old: list[tuple[Matches, list[set[Any]]]] = []

    def teardown(self) -> None:
        self.matcher.clear()
        self.old.clear()
        self.matcher.validate()
        stats = self.matcher.stats()
        assert stats["subscriptions"] == stats["constants"] == stats["cuts"] == 0
        assert stats["patterns"] == stats["clusters"] == sum(stats["rows"].values()) == 0
        _core.force_simd("")

    def some_id(self, data: st.DataObject) -> Any:
        return data.draw(st.sampled_from(list(self.texts)), "id")

    def note(self, id: Any, text: str, to: int | None = None) -> None:
        self.twin.add(text, id)
        self.texts[id] = text
        self.to[id] = to

    # ---- changes ---------------------------------------------------------------------------------

    @rule(text=filter_texts, id=IDS, to=TO, form=st.sampled_from(["text", "filter"]))
    def add(self, text: str, id: Any, to: int | None, form: str) -> None:
        filter = text if form == "text" else parse(text)
        if id is not None and id in self.texts:
            with pytest.raises(DuplicateSubscription) as caught:
                self.matcher.add(filter, id=id, to=to)
            assert caught.value.id == id
            return
        given = self.matcher.add(filter, id=id, to=to)
        assert given == id or (id is None and type(given) is int)
        assert given not in self.texts
        self.note(given, text, to)

    @rule(filter=built_filters)
    def add_built(self, filter: Filter) -> None:
        self.note(self.matcher.add(filter), str(filter))

    @rule(
        texts=st.lists(filter_texts, max_size=6),
        form=st.sampled_from(["mapping", "pairs", "lines", "bytes"]),
        first=st.integers(0, 2),
    )
    def add_many(self, texts: list[str], form: str, first: int) -> None:
        taken = [id for id in self.texts if isinstance(id, str) and id.startswith("many")]
        wanted = {f"many {len(taken) + i - first}": text for i, text in enumerate(texts)}
        lines = "\n".join(json.dumps({"id": i, "filter": text}) for i, text in wanted.items())
        many: Any = {
            "mapping": wanted,
            "pairs": iter(wanted.items()),
            "lines": f"\n{lines}\n",
            "bytes": memoryview(lines.encode()),
        }[form]
        if wanted.keys() & self.texts.keys():
            with pytest.raises(DuplicateSubscription):
                self.matcher.add_many(many)
            return
        assert self.matcher.add_many(many) == list(wanted)
        for id, text in wanted.items():
            self.note(id, text)

    @rule(texts=st.lists(filter_texts, max_size=3))
    def add_many_with_a_bad_one(self, texts: list[str]) -> None:
        pairs = [(None, text) for text in [*texts, "a = = 1"]]
        with pytest.raises(FilterSyntaxError):
            self.matcher.add_many(pairs)

    @rule(count=st.integers(1, 70), name=st.sampled_from(["a", "b", "s"]))
    def add_a_crowd_behind_one_anchor(self, count: int, name: str) -> None:
        """Clusters of every length, for the tails of the SIMD kernels."""
        texts = [f"{name} = 'abc' AND b > {i % 7}" for i in range(count)]
        for id, text in zip(self.matcher.add_many((None, t) for t in texts), texts, strict=True):
            self.note(id, text)

    @rule(count=st.integers(1, 40), down=st.booleans(), name=st.sampled_from(["a", "b"]))
    def squeeze_constants(self, count: int, down: bool, name: str) -> None:
        """Each constant halves the room beside 1, until labels have to be made anew."""
        sign = -1 if down else 1
        texts = [f"{name} {'<>'[i % 2]} {1 + sign * 2.0**-i!r}" for i in range(count)]
        for id, text in zip(self.matcher.add_many((None, t) for t in texts), texts, strict=True):
            self.note(id, text)

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), text=filter_texts, to=TO)
    def replace(self, data: st.DataObject, text: str, to: int | None) -> None:
        id = self.some_id(data)
        handle = self.matcher.handle(id)
        self.matcher.replace(id, text, to=to)
        assert self.matcher.handle(id) == handle
        self.twin.replace(id, text)
        self.texts[id] = text
        self.to[id] = self.to[id] if to is None else to

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def replace_with_a_bad_one(self, data: st.DataObject) -> None:
        with pytest.raises(FilterSyntaxError):
            self.matcher.replace(self.some_id(data), "(a = 1", to=3)

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), how=st.sampled_from(["remove", "del", "discard"]))
    def remove(self, data: st.DataObject, how: str) -> None:
        id = self.some_id(data)
        if how == "remove":
            self.matcher.remove(id)
        elif how == "del":
            del self.matcher[id]
        else:
            assert self.matcher.discard(id) is True
        self.twin.remove(id)
        del self.texts[id], self.to[id]

    @precondition(lambda self: len(self.texts) > 3)
    @rule(data=st.data())
    def remove_most(self, data: st.DataObject) -> None:
        for id in list(self.texts)[data.draw(st.integers(1, 3)) :]:
            self.matcher.remove(id)
            self.twin.remove(id)
            del self.texts[id], self.to[id]

    @rule()
    def nobody_there(self) -> None:
        for call in (self.matcher.remove, self.matcher.handle, self.matcher.__getitem__):
            with pytest.raises(UnknownSubscription):
                call("nobody")
        with pytest.raises(UnknownSubscription):
            self.matcher.replace("nobody", "a = 1")
        assert self.matcher.discard("nobody") is False
        assert "nobody" not in self.matcher

    @rule(often=st.integers(0, 9))
    def clear(self, often: int) -> None:
        if often == 0:
            self.matcher.clear()
            self.twin = ReferenceMatcher()
            self.texts.clear()
            self.to.clear()

    # ---- questions -------------------------------------------------------------------------------

    def wanted(self, event: dict[str, Any]) -> set[Any]:
        return set(self.twin.match(event))

    def ask(self, event: Any, plain: dict[str, Any], found: list[Any]) -> None:
        wanted = self.wanted(plain)
        assert set(found) == wanted
        assert len(found) == len(wanted)
        assert self.matcher.count(event) == len(wanted)
        assert self.matcher.matches_any(event) is bool(wanted)
        numbers = self.matcher.destinations(event)
        assert set(numbers) == {self.to[id] for id in wanted} - {None}
        assert len(numbers) == len(set(numbers))

    @rule(event=events)
    def match(self, event: dict[str, Any]) -> None:
        self.ask(event, event, self.matcher.match(event))

    @rule(text=json_texts, form=st.sampled_from([str, str.encode, bytearray, memoryview]))
    def match_json(self, text: str, form: Any) -> None:
        given = form(text.encode()) if form in (bytearray, memoryview) else form(text)
        self.ask(given, load_event(text), self.matcher.match_json(given))

    @rule(batch=st.lists(events, max_size=4))
    def match_batch(self, batch: list[dict[str, Any]]) -> None:
        self.keep(self.matcher.match_batch(batch), [self.wanted(event) for event in batch])

    @rule(lines=st.lists(json_lines, max_size=4), blank=st.booleans())
    def match_lines(self, lines: list[str], blank: bool) -> None:
        text = ("\n \n" if blank else "\n").join(lines)
        wanted = [self.wanted(load_event(line)) for line in lines]
        self.keep(self.matcher.match_batch(text.encode()), wanted)

    @rule(data=st.data(), batch=st.lists(json_texts, max_size=6))
    def destinations_batch(self, data: st.DataObject, batch: list[str]) -> None:
        """Mappings and texts of every form in one batch."""
        spellings = st.sampled_from([str, str.encode, bytearray, memoryview, load_event])
        given: list[Any] = []
        for text in batch:
            form = data.draw(spellings)
            given.append(form(text.encode()) if form in (bytearray, memoryview) else form(text))
        wanted = [self.wanted(load_event(text)) for text in batch]
        self.keep(self.matcher.match_batch(given), wanted)
        found = self.matcher.destinations_batch(given)
        assert [set(one) for one in found] == [
            {self.to[id] for id in ids} - {None} for ids in wanted
        ]
        assert all(len(one) == len(set(one)) for one in found)

    def keep(self, matches: Matches, wanted: list[set[Any]]) -> None:
        self.old = [*self.old[-3:], (matches, wanted)]
        self.read_old()

    @rule()
    def read_old(self) -> None:
        """A result gives the ids of its own match, whatever has happened since."""
        for matches, wanted in self.old:
            assert len(matches) == len(wanted)
            assert [set(found) for found in matches] == wanted
            assert len(matches.handles) == sum(map(len, wanted)) == matches.offsets[-1]
            ids = self.matcher.ids(matches.handles)
            assert [set(ids[a:b]) for a, b in spans(matches)] == wanted

    @rule()
    def forget_old(self) -> None:
        self.old.clear()

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def read_back(self, data: st.DataObject) -> None:
        id = self.some_id(data)
        subscription = self.matcher[id]
        assert subscription.id == id
        assert subscription.to == self.to[id]
        assert subscription.filter == parse(self.texts[id])
        assert str(subscription.filter) == str(reference.parse(self.texts[id]))
        assert self.matcher.ids([self.matcher.handle(id)]) == [id]

    # ---- always ----------------------------------------------------------------------------------

    @invariant()
    def is_valid(self) -> None:
        self.matcher.validate()

    @invariant()
    def has_the_same_ids(self) -> None:
        assert len(self.matcher) == len(self.texts)
        assert list(self.matcher) == list(self.texts)
        assert all(id in self.matcher for id in self.texts)
        handles = [self.matcher.handle(id) for id in self.texts]
        assert len(set(handles)) == len(handles)
        assert self.matcher.stats()["subscriptions"] == len(handles)


def spans(matches: Matches) -> Iterator[tuple[int, int]]:
    offsets = matches.offsets.tolist()
    return itertools.pairwise(offsets)


@pytest.mark.parametrize("simd", SIMD)
def test_any_sequence_of_operations(simd: str) -> None:
    machine = type("MatcherAgainstTwin", (MatcherAgainstTwin,), {"simd": simd})
    run_state_machine_as_test(machine, settings=settings(settings.default))
