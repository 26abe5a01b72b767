"""The ledger's file: SQLite with a write-ahead log, its schema versioned, its errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocr_worker.batch.tables import TABLES, VERSION
from ocr_worker.errors import BatchUnusable


class Database:
    """Opens the file in `path`, or makes it. Raises BatchUnusable for one that is damaged or of another version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
            elif version != VERSION:
                raise BatchUnusable(f"{path} is a ledger of version {version}, this client reads {VERSION}: update it")

    def close(self) -> None:
        """Writes all back into the one file."""
        with self._translated():
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Raises BatchUnusable when the disk is full, read-only or the file damaged."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BatchUnusable(
                f"the ledger {self._path} cannot be used ({error}): see to the disk and its rights and run again; a"
                " damaged ledger can be restored (`sqlite3 ledger.sqlite3 .recover`) or moved away to begin anew"
            ) from None

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a SELECT."""
        with self._translated():
            return self._db.execute(sql, values).fetchall()
