"""Additions to a ledger: documents under unique names, each with a folder of its own, and skipped entries.

The inputs of a batch may name millions of documents, so they are read once, in one transaction, and the database finds
those that it already has.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ocr_worker.batch.folders import RESERVED_NAMES
from ocr_worker.batch.inputs import Entry, Item, SkippedEntry
from ocr_worker.batch.ledger.columns import decode_path, encode_json, encode_path
from ocr_worker.batch.ledger.database import CHUNK
from ocr_worker.batch.ledger.shards import ShardRows

MAX_FLAT_FOLDERS = 4_000  # documents of a batch whose folders are beside each other; file managers get slow with more
_LIKE_A_FAN = re.compile(r"[0-9a-f]{2,64}")  # a name that the folder of other documents' folders could have
_IDENTITY = "source = ? AND COALESCE(pages, '') = ? AND options = ?"
_NEVER_PARSED = """
  (old.status IN ('failed', 'cancelled') OR old.status = 'waiting' AND NOT EXISTS (
    SELECT 1 FROM slices JOIN jobs ON jobs.id = job WHERE document = old.id AND submissions > 0))
  AND NOT EXISTS (SELECT 1 FROM slices WHERE document = old.id AND parsed > 0)
  AND old.id NOT IN (SELECT document FROM named)
"""


class Additions(ShardRows):
    """The additions to a batch. Every method can raise BatchUnusable, as `transaction` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._last_options: tuple[Mapping[str, Any], str] | None = None
        self._fans: dict[str, bool] = {}

    def add(self, entries: Iterable[Entry], foreign_names: Collection[str] = ()) -> int:
        """Add the documents that are new, under unique names, and the entries that are skipped.

        A document replaces another one of its file that no entry names, if nothing of that was parsed: it is the same
        document under corrected pages or options. foreign_names: names in the batch's folder that are not free.
        Return the number of documents that were added or replaced. An exception of `entries` undoes everything.
        """
        taken_names = RESERVED_NAMES | set(foreign_names)
        with self.transaction():
            last_id = self._db.execute("SELECT COALESCE(MAX(id), 0) FROM documents").fetchone()[0]
            self._db.execute("CREATE TEMP TABLE named (document INTEGER PRIMARY KEY)")
            new_count = 0
            for entry in entries:
                if isinstance(entry, SkippedEntry):
                    self._skip(entry)
                else:
                    new_count += self._add(entry, taken_names)
            for document in self._replacements(last_id) if last_id else ():
                self._replace(document, last_id)
            self._db.execute("DROP TABLE named")
            self._db.execute(
                "DELETE FROM skipped WHERE EXISTS (SELECT 1 FROM documents WHERE documents.source = skipped.source)"
            )
        return new_count

    def _add(self, item: Item, taken_names: Collection[str]) -> bool:
        """Add a document, unless it is already there, and note that an entry names it. Return whether it is new."""
        source, options = encode_path(item.source), self._encode_options(item.options)
        row = self._db.execute(
            f"SELECT id FROM documents WHERE {_IDENTITY}", (source, item.pages or "", options)
        ).fetchone()
        if row is None:
            name = _free_name(item.name, lambda name: name in taken_names or self._has_name(name))
            document = self._db.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM documents").fetchone()[0]
            is_fanned = document > MAX_FLAT_FOLDERS or _LIKE_A_FAN.fullmatch(name)
            folder = f"{self._fan(name)}/{name}" if is_fanned else None
            sql = "INSERT INTO documents (id, name, source, pages, options, folder) VALUES (?, ?, ?, ?, ?, ?)"
            self._db.execute(sql, (document, name, source, item.pages, options, folder))
        else:
            document = row[0]
        self._db.execute("INSERT OR IGNORE INTO named VALUES (?)", (document,))
        return row is None

    def _encode_options(self, options: Mapping[str, Any]) -> str:
        """Return options as a column holds them. Millions of documents in a row have the same ones."""
        if self._last_options is None or self._last_options[0] != options:
            self._last_options = dict(options), encode_json(options)
        return self._last_options[1]

    def _has_name(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM documents WHERE name = ?", (name,)).fetchone() is not None

    def _fan(self, name: str) -> str:
        """Return the name of the folder that holds the document's folder: the first free digits of a digest.

        All documents whose digest begins with these digits share it. An older ledger may have a document of that name.
        """
        digest = hashlib.sha256(name.encode()).hexdigest()
        return next((digest[:digits] for digits in range(2, len(digest)) if self._is_fan(digest[:digits])), digest)

    def _is_fan(self, digits: str) -> bool:
        """Return whether no document of an older ledger has a folder of this name. New ones never get one."""
        if digits not in self._fans:
            sql = "SELECT 1 FROM documents WHERE name = ? AND folder IS NULL"
            self._fans[digits] = self._db.execute(sql, (digits,)).fetchone() is None
        return self._fans[digits]

    def _replacements(self, last_id: int) -> Iterator[int]:
        """Yield the documents after `last_id` of whose source there may be an older document to replace."""
        sql = (
            "SELECT new.id FROM documents AS new WHERE new.id > ? AND EXISTS (SELECT 1 FROM documents AS old"
            f" WHERE old.source = new.source AND old.id <= ? AND {_NEVER_PARSED}) ORDER BY new.id LIMIT {CHUNK}"
        )
        after = last_id
        while rows := self._db.execute(sql, (after, last_id)).fetchall():
            yield from (document for (document,) in rows)
            after = rows[-1][0]

    def _replace(self, new: int, last_id: int) -> None:
        """Give a document of the same source that was never parsed the identity of the new one, which is deleted."""
        identity = self._db.execute("SELECT source, pages, options FROM documents WHERE id = ?", (new,)).fetchone()
        old = self._db.execute(
            f"SELECT id FROM documents AS old WHERE source = ? AND id <= ? AND {_NEVER_PARSED} ORDER BY id LIMIT 1",
            (identity[0], last_id),
        ).fetchone()
        if old is None:
            return  # another new document of this source has replaced it
        self._db.execute("DELETE FROM documents WHERE id = ?", (new,))
        self._db.execute("UPDATE documents SET pages = ?, options = ? WHERE id = ?", (*identity[1:], *old))
        self._reset(old[0])
        self._db.execute("INSERT OR IGNORE INTO named VALUES (?)", old)

    # ----------------------------------------------------------------- skipped entries

    def _skip(self, entry: SkippedEntry) -> None:
        self._db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?)", (encode_path(entry.source), entry.reason))

    def forget_skipped(self, entries: Iterable[SkippedEntry]) -> None:
        """Remove these entries from the skipped ones."""
        with self.transaction():
            rows = [(encode_path(entry.source),) for entry in entries]
            self._db.executemany("DELETE FROM skipped WHERE source = ?", rows)

    def skipped_entries(self) -> Iterator[SkippedEntry]:
        """Yield the entries of the inputs that are not parsed, sorted by reason and path."""
        for source, reason in self._rows("SELECT source, reason FROM skipped ORDER BY reason, source"):
            yield SkippedEntry(decode_path(source), reason)


def _free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return `name`, or `name-2`, `name-3`, ...: the first that is free if there are no gaps.

    Thousands of documents may have the same name, so the first free number is searched by halving.
    """
    if not is_taken(name):
        return name
    taken, free = 1, 2
    while is_taken(f"{name}-{free}"):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if is_taken(f"{name}-{middle}") else (taken, middle)
    return f"{name}-{free}"
