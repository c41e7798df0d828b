"""The file of named clients' subscriptions, beside a dict."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers import ConfigurationError
from brokers.effects import Save
from brokers.store import APPLICATION, Store, StoreFailed

NAMES = st.sampled_from(["app", "other", "ä'\"", ""])
NUMBERS = st.integers(0, 3) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])
CHANGES = st.builds(Save, NAMES, NUMBERS, st.none() | st.sampled_from(["TRUE", "a = 'x''y'"]))


@settings(max_examples=25, deadline=None)  # every example writes to the disk
@given(batches=st.lists(st.lists(CHANGES, max_size=4), max_size=6))
def test_what_is_saved_is_there_again(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Save]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "a.db"
    twin: dict[str, dict[int, str]] = {}
    for batch in batches:
        with Store(path, "a") as store:
            assert store.saved() == {name: filters for name, filters in twin.items() if filters}
            store.save(batch)
        for client, number, filter in batch:
            if filter is None:
                twin.get(client, {}).pop(number, None)
            else:
                twin.setdefault(client, {})[number] = filter
    with Store(path, "a") as store:
        assert store.saved() == {name: filters for name, filters in twin.items() if filters}


def test_incarnations_grow_though_the_clock_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, "a") as store:
        assert store.next_incarnation(1_000) == 1_000
    with Store(path, "a") as store:
        assert store.next_incarnation(10) == 1_001
        assert store.next_incarnation(2_000) == 2_000


def test_a_store_belongs_to_one_broker_and_one_process(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, "a"), pytest.raises(ConfigurationError, match="in use"):
        Store(path, "a")
    with pytest.raises(ConfigurationError, match="of broker 'a', not of 'b'"):
        Store(path, "b")
    Store(path, "a").close()


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("something else, of which not a byte may change. " * 50)
    before = text.read_bytes()
    with pytest.raises(ConfigurationError, match="not a SQLite database"):
        Store(text, "a")
    assert text.read_bytes() == before

    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as file:
        file.execute("CREATE TABLE broker (name TEXT)")
        file.commit()
    before = foreign.read_bytes()
    with pytest.raises(ConfigurationError, match="something else"):
        Store(foreign, "a")
    assert foreign.read_bytes() == before

    Store(tmp_path / "newer.db", "a").close()
    with closing(sqlite3.connect(tmp_path / "newer.db")) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigurationError, match="newer release"):
        Store(tmp_path / "newer.db", "a")

    with pytest.raises(ConfigurationError, match="cannot be opened"):
        Store(tmp_path / "no" / "folder.db", "a")


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, "a") as store:
        store.save([Save("app", number, "x" * 1_000) for number in range(100)])
    data = bytearray(path.read_bytes())
    data[4_096:] = bytes(len(data) - 4_096)
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"a\.db: "), Store(path, "a") as store:
        store.saved()


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, "a") as store:
        store._file.execute("PRAGMA max_page_count = 8")
        with pytest.raises(StoreFailed, match=r"a\.db: .*full"):
            store.save([Save("app", number, "x" * 1_000) for number in range(100)])
        assert store.saved() == {}
        store.save([Save("app", 1, "TRUE")])
    with pytest.raises(StoreFailed):
        store.save([Save("app", 2, "TRUE")])
    with Store(path, "a") as store:
        assert store.saved() == {"app": {1: "TRUE"}}


def test_every_commit_is_on_the_disk(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db", "a") as store:
        assert store._file.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
