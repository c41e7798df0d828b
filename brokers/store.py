"""What a broker must not forget: the subscriptions of named clients, in one SQLite file.

A subscription is acknowledged only after it is here, so the file is written with
``synchronous = FULL``: a commit has reached the disk. It is locked for as long as the broker lives.
`application_id` and `user_version` tell our files, and which version of them, from others.

It also counts the broker's incarnations, so that they grow though the clock may not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from brokers.effects import Save
from brokers.errors import BrokerError, ConfigurationError

__all__ = ["Store", "StoreFailed"]

APPLICATION = 0x4D45_4231  # "MEB1"
VERSION = 1
#: Numbers of subscriptions have 64 bits and no sign; SQLite's have a sign.
WRAP = 1 << 64

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE broker (name TEXT NOT NULL, incarnation INTEGER NOT NULL);
CREATE TABLE subscription (
    client TEXT NOT NULL,
    number INTEGER NOT NULL,
    filter TEXT NOT NULL,
    PRIMARY KEY (client, number)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""


class StoreFailed(BrokerError):
    """The file cannot be written any more. Nothing may be acknowledged after that."""


class Store:
    """The file of one broker. Use it in a `with` statement, or `close` it."""

    def __init__(self, path: str | Path, broker: str) -> None:
        """Open or make the file. Raises `ConfigurationError` where it is not this broker's."""
        self.path = str(path)
        self._broker = broker
        try:
            self._file = sqlite3.connect(Path(path).absolute(), isolation_level=None, timeout=0.0)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{self.path}: cannot be opened: {error}") from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._file.close()
            raise ConfigurationError(f"{self.path}: {_reason(error)}") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._file.close()

    def saved(self) -> dict[str, dict[int, str]]:
        """The filters of all named clients, by the client and its number for it."""
        found: dict[str, dict[int, str]] = {}
        rows = self._file.execute(
            "SELECT client, number, filter FROM subscription ORDER BY client, number"
        )
        for client, number, filter in rows:
            found.setdefault(client, {})[number % WRAP] = filter
        return found

    def next_incarnation(self, now: int) -> int:
        """`now`, or more where an earlier life of this broker had that already."""
        (last,) = self._file.execute("SELECT incarnation FROM broker").fetchone()
        incarnation = max(now, int(last) + 1)
        self._file.execute("UPDATE broker SET incarnation = ?", (incarnation,))
        return incarnation

    def save(self, changes: Iterable[Save]) -> None:
        """Write all changes, in their order, in one transaction that is on the disk afterwards.

        Raises `StoreFailed`; none of them is written then.
        """
        try:
            with closing(self._file.cursor()) as cursor:
                cursor.execute("BEGIN")
                for client, number, filter in changes:
                    if number >= WRAP // 2:
                        number -= WRAP
                    if filter is None:
                        cursor.execute(
                            "DELETE FROM subscription WHERE client = ? AND number = ?",
                            (client, number),
                        )
                    else:
                        cursor.execute(
                            "INSERT OR REPLACE INTO subscription VALUES (?, ?, ?)",
                            (client, number, filter),
                        )
                cursor.execute("COMMIT")
        except sqlite3.Error as error:
            if self._in_transaction():
                self._file.execute("ROLLBACK")
            raise StoreFailed(f"{self.path}: {_reason(error)}") from None

    def _in_transaction(self) -> bool:
        try:
            return self._file.in_transaction
        except sqlite3.ProgrammingError:  # closed
            return False

    def _open(self) -> None:
        ask = self._file.execute
        ask("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = ask("PRAGMA application_id").fetchone()
        (version,) = ask("PRAGMA user_version").fetchone()
        (tables,) = ask("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION:
            raise ConfigurationError(f"{self.path}: a database of something else, not of a broker")
        if application == APPLICATION and version > VERSION:
            raise ConfigurationError(
                f"{self.path}: written by a newer release (version {version}; this one knows "
                f"{VERSION})"
            )
        ask("PRAGMA journal_mode = WAL")
        ask("PRAGMA synchronous = FULL")
        if not tables:
            self._file.executescript(SCHEMA)
        # A write, so that the lock is ours from now on.
        ask("BEGIN IMMEDIATE")
        row = ask("SELECT name FROM broker").fetchone()
        if row is None:
            ask("INSERT INTO broker VALUES (?, 0)", (self._broker,))
        ask("COMMIT")
        if row is not None and row[0] != self._broker:
            raise ConfigurationError(
                f"{self.path}: the store of broker {row[0]!r}, not of {self._broker!r}"
            )


def _reason(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return "in use by another process"
    if "not a database" in text:
        return "not a SQLite database"
    return text
