"""The SQLite file of a ledger: opened, upgraded, and with errors of this package; and the named values of a batch."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocr_worker.batch.ledger.schema import UPGRADES
from ocr_worker.errors import BatchUnusable

CHUNK = 1_000  # rows that are read at once
_CACHE_KB = 64_000  # so that a large addition writes a page of an index a few times, and not for each of its rows
_MAX_CHECKED_BYTES = 64_000_000  # of a file that is checked when it is opened; a larger one takes seconds to minutes


class Database:
    """An SQLite file with a write-ahead log and a schema version. Its errors become BatchUnusable.

    The constructor opens or creates the file `path`.
    It raises BatchUnusable: the file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._typed_errors():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            if path.stat().st_size <= _MAX_CHECKED_BYTES:
                self._check()
            if self._version() > len(UPGRADES):
                raise BatchUnusable(
                    f"the ledger {path} has version {self._version()}, and this client needs {len(UPGRADES)};"
                    " use the version of the client that created it"
                )
            if self._version() < len(UPGRADES):
                self._upgrade()

    def _check(self) -> None:
        """Raise sqlite3.DatabaseError if any page of the file is damaged. It reads the complete file."""
        if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self) -> None:
        """Create or upgrade the tables. Another process may do it at the same time."""
        with self.transaction():
            for script in UPGRADES[self._version() :]:
                for statement in _statements(script):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(UPGRADES)}")

    def close(self) -> None:
        """Close the database and merge its write-ahead log into the one file."""
        with self._typed_errors():
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply all changes of the block or none. Inside another transaction, the block is a part of that.

        Raises BatchUnusable: the disk is full or read-only, or the file is damaged.
        """
        with self._typed_errors():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has already rolled back after a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._typed_errors():
            return self._db.execute(sql, values).fetchall()

    def _rows(self, sql: str, *values: Any) -> Iterator[Any]:
        """Yield the rows of a query, `CHUNK` at a time. The tables of the query must not change meanwhile."""
        with self._typed_errors():
            cursor = self._db.execute(sql, values)
        while rows := self._fetch(cursor):
            yield from rows

    def _fetch(self, cursor: sqlite3.Cursor) -> list[Any]:
        with self._typed_errors():
            return cursor.fetchmany(CHUNK)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BatchUnusable(
                f"the ledger {self._path} cannot be used ({error}); check the disk and its permissions and run again; a"
                " damaged ledger can be recovered (`sqlite3 ledger.sqlite3 .recover`), or moved away to start over"
            ) from None

    # ----------------------------------------------------------------- values of the batch

    def get(self, name: str, default: str = "") -> str:
        """Return a value of the batch.

        They are `service`, `engine`, `target`, `wall_s`, `price_per_second`, `idle_timeout_s`.
        """
        rows = self._query("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else default

    def get_number(self, name: str) -> float | None:
        """Return a value of the batch that is a number; None: it is not stored."""
        value = self.get(name)
        return float(value) if value else None

    def put(self, name: str, value: str) -> None:
        """Store a value of the batch."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @property
    def idempotency_key(self) -> str:
        """Idempotency key of all jobs.

        An endpoint with a bucket uses it to find a page that it has already parsed, whichever job requests it.
        """
        if not self.get("key"):
            self.put("key", f"batch-{secrets.token_hex(12)}")
        return self.get("key")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script. A trigger, which holds statements of its own, is one."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
