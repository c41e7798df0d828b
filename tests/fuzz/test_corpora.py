"""The kept inputs of the fuzzers in Python, and some thousand changes, the same each time."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from brokers.messages import Frame
from brokers.wire import encode
from brokers.wire_layouts import LAYOUTS
from fuzz import corpus, fuzz_json_twin, fuzz_load, fuzz_wire
from matchengine import FileFormatError, Matcher
from words import EXAMPLES

HERE = Path(__file__).parent

#: MATCHENGINE_FUZZ=100000 for longer.
CHANGES = int(os.environ.get("MATCHENGINE_FUZZ", "1000"))

TARGETS = [
    ("load", fuzz_load.one_input),
    ("json", fuzz_json_twin.one_input),
    ("wire", fuzz_wire.one_input),
]


def changed(data: bytes, other: bytes, rolled: random.Random) -> bytes:
    """A few bytes overwritten, put in, taken out or taken over from another input."""
    out = bytearray(data)
    for _ in range(rolled.choice([1, 1, 2, 4])):
        at, size = rolled.randrange(len(out) + 1), rolled.choice([1, 1, 2, 4, 16])
        kind = rolled.randrange(4)
        if kind == 0:
            out[at : at + 1] = bytes(
                [rolled.choice([0, 1, 2, 127, 128, 255, rolled.randrange(256)])]
            )
        elif kind == 1:
            out[at:at] = rolled.randbytes(size)
        elif kind == 2:
            del out[at : at + size]
        else:
            start = rolled.randrange(len(other) + 1)
            out[at : at + size] = other[start : start + size]
    return bytes(out)


@pytest.mark.parametrize(("name", "one_input"), TARGETS, ids=[name for name, _ in TARGETS])
def test_corpus(name: str, one_input: Callable[[bytes], None]) -> None:
    inputs = corpus.read(HERE / "corpus" / f"{name}.seeds")
    assert inputs
    for data in inputs:
        one_input(data)


@pytest.mark.parametrize(("name", "one_input"), TARGETS, ids=[name for name, _ in TARGETS])
def test_changed_corpus(name: str, one_input: Callable[[bytes], None]) -> None:
    inputs, rolled = corpus.read(HERE / "corpus" / f"{name}.seeds"), random.Random(7)
    for _ in range(CHANGES):
        data = changed(rolled.choice(inputs), rolled.choice(inputs), rolled)
        try:
            one_input(data)
        except BaseException:
            print(f"input: {data.hex()}")
            raise


def test_seeds_are_files_that_load(tmp_path: Path) -> None:
    """What the fuzzer of files begins with is not garbage."""
    inputs, loaded = corpus.read(HERE / "corpus" / "load.seeds"), 0
    for data in inputs:
        file = tmp_path / "file"
        file.write_bytes(fuzz_load.file_of(data))
        try:
            loaded += len(Matcher.load(file)) > 0
        except FileFormatError:
            continue
    assert loaded >= 10


def test_a_file_and_back(tmp_path: Path) -> None:
    file = tmp_path / "file"
    matcher: Matcher[object] = Matcher()
    matcher.add_many({"alice": "a = 1 AND b > 2.5", 7: "s LIKE 'a%'", ("x", b"y"): ""})
    matcher.save(file)
    assert fuzz_load.file_of(fuzz_load.data_of(file.read_bytes())) == file.read_bytes()


def test_seeds_of_the_wire_are_words() -> None:
    """Every word that may be said is among them."""
    said = set()
    for data in corpus.read(HERE / "corpus" / "wire.seeds"):
        if data[0] % 2:
            speaker = fuzz_wire.SPEAKERS[data[0] // 2 % 4]
            words, _ = fuzz_wire.heard(speaker, [fuzz_wire.frames_of(speaker, data[2:])])
            said |= {type(w.message) if isinstance(w, Frame) else type(w) for w in words}
    assert said == set(LAYOUTS)


def test_words_and_back() -> None:
    for speaker, word in EXAMPLES:
        data = fuzz_wire.data_of(speaker, [word, word])
        assert fuzz_wire.frames_of(speaker, data[2:]) == 2 * encode(word)
