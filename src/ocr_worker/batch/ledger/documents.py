"""The documents of a ledger and their results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocr_worker.batch.doubts import DocumentDoubt
from ocr_worker.batch.ledger.columns import decode_path, placeholders
from ocr_worker.batch.ledger.database import CHUNK
from ocr_worker.batch.ledger.jobs import UNFINISHED_STATES, Jobs
from ocr_worker.batch.model import BatchDocument, PlannedJob, Slice, Stamp
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.schema import ErrorInfo


class Documents(Jobs):
    """The documents of a batch. Every method can raise BatchUnusable, as `transaction` does."""

    # ----------------------------------------------------------------- read

    def documents(self) -> Iterator[BatchDocument]:
        """Yield all documents, in the order in which they were added."""
        return self._documents("1")

    def document(self, document: int) -> BatchDocument:
        """Return one document."""
        return next(self._documents("id = ?", document))

    def document_named(self, name: str) -> BatchDocument | None:
        """Return the document with this name, or None."""
        return next(self._documents("name = ?", name), None)

    def unplanned_documents(self) -> Iterator[BatchDocument]:
        """Yield the documents that are in no job yet."""
        return self._documents("planned = 0 AND status = 'waiting'")

    def planned_documents(self) -> Iterator[BatchDocument]:
        """Yield the documents that are in jobs and have no result yet."""
        return self._documents("planned = 1 AND status = 'waiting'")

    def unsuccessful_documents(self, code: str | None = None) -> Iterator[BatchDocument]:
        """Yield the documents that are partial, failed or cancelled. code: only documents with this error."""
        if code is not None:
            errors = "(SELECT document FROM faults WHERE kind = 'error' AND code = ?)"
            yield from self._documents(f"+status IN ('failed', 'partial', 'cancelled') AND id IN {errors}", code)
            return
        for status in ("failed", "partial", "cancelled"):  # by the index of both columns: see `ledger._WORST_FIRST`
            yield from self._documents("status = ? AND planned = 1", status)

    def _documents(self, condition: str, *values: Any) -> Iterator[BatchDocument]:
        """Yield the documents for which the condition holds.

        They are read in chunks, each by a query of its own, so that the caller may change a document meanwhile.
        """
        columns = "id, name, source, pages, options, sha256, page_count, status, COALESCE(folder, name), shard"
        sql = f"SELECT {columns} FROM documents WHERE ({condition}) AND id > ? ORDER BY id LIMIT {CHUNK}"
        last_id = 0
        while rows := self._query(sql, *values, last_id):
            for row_id, name, source, pages, *rest in rows:
                ranges = parse_page_ranges(pages) if pages else None
                yield BatchDocument(row_id, name, decode_path(source), ranges, *rest)
            last_id = rows[-1][0]

    def stamps(self) -> Iterator[tuple[int, str, Stamp]]:
        """Yield document id, path and stamp of each file that has a result."""
        sql = (
            "SELECT id, source, size, mtime_ns, sha256 FROM documents WHERE status <> 'waiting' AND sha256 IS NOT NULL"
        )
        for document, source, *stamp in self._rows(sql):
            yield document, decode_path(source), Stamp(*stamp)

    def files(self) -> Iterator[tuple[int, str, dict[str, str]]]:
        """Yield id, folder and files of each document. The files: name -> sha256."""
        for document, folder, files in self._rows(
            "SELECT id, COALESCE(folder, name), files FROM documents ORDER BY id"
        ):
            yield document, folder, json.loads(files)

    def most_doubtful(self, limit: int) -> list[BatchDocument]:
        """Return the documents whose worst page has the highest doubt, at most `limit`, and none without a doubt.

        So many pages of the batch with the highest doubt are all in these documents.
        """
        sql = "SELECT document FROM doubts WHERE doubt > 0 ORDER BY doubt DESC, document LIMIT ?"
        return [self.document(document) for (document,) in self._query(sql, limit)]

    def verified_counts(self) -> tuple[int, int]:
        """Return the number of pages that were compared with a second reading, and of those that could not be."""
        verified, unverified = self._query("SELECT TOTAL(verified), TOTAL(unverified) FROM doubts")[0]
        return int(verified), int(unverified)

    def unverified_documents(self, limit: int) -> list[tuple[BatchDocument, int]]:
        """Return the documents with most pages that could not be compared, and the number of these pages."""
        sql = "SELECT document, unverified FROM doubts WHERE unverified > 0 ORDER BY unverified DESC, document LIMIT ?"
        return [(self.document(document), count) for document, count in self._query(sql, limit)]

    # ----------------------------------------------------------------- change

    def record_length(self, document: int, stamp: Stamp, page_count: int, pages_expected: int) -> None:
        """Record the stamp and length of a document's file. expected: number of requested pages that exist."""
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET size = ?, mtime_ns = ?, sha256 = ?, page_count = ?, expected = ? WHERE id = ?",
                (*stamp, page_count, pages_expected, document),
            )

    def record_unreadable(self, document: int, error: ErrorInfo) -> None:
        """Record that a document cannot be read. No job is sent for it."""
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = 'failed', planned = 1, code = ?, message = ? WHERE id = ?",
                (error.code, error.message, document),
            )
            self._db.execute("INSERT INTO faults VALUES (?, 'error', ?, 0)", (document, error.code))

    def record_result(
        self,
        document: int,
        status: str,
        *,
        error: ErrorInfo | None,
        codes: Mapping[tuple[str, str], int],
        files: Mapping[str, str],
        seconds: float,
        doubt: DocumentDoubt | None = None,
    ) -> None:
        """Record a document's result.

        codes: (kind, code) -> pages, with "error" or "warning" as the kind. files: name -> sha256. seconds: engine
        time. doubt: None without `verify`.
        """
        code, message = (error.code, error.message) if error else (None, None)
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = ?, planned = 1, code = ?, message = ?, files = ?, seconds = ?"
                " WHERE id = ?",
                (status, code, message, json.dumps(files), seconds, document),
            )
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            rows = [(document, kind, code, pages) for (kind, code), pages in codes.items()]
            self._db.executemany("INSERT INTO faults VALUES (?, ?, ?, ?)", rows)
            self._db.execute("DELETE FROM doubts WHERE document = ?", (document,))
            if doubt:
                self._db.execute("INSERT INTO doubts VALUES (?, ?, ?, ?)", (document, *doubt))

    def reset(self, document: int) -> None:
        """Delete the result of a document whose file has changed, so that it is counted and parsed from the start."""
        with self.transaction():
            self._reset(document)

    def _reset(self, document: int) -> None:
        for table in ("slices", "faults", "doubts"):
            self._db.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
        # A job that was never sent shrinks, or is not needed any more.
        unsent = "state = 'planned' AND submissions = 0"
        self._db.execute(f"DELETE FROM jobs WHERE {unsent} AND NOT EXISTS (SELECT 1 FROM slices WHERE job = jobs.id)")
        count = "(SELECT SUM(count) FROM slices WHERE job = jobs.id)"
        self._db.execute(f"UPDATE jobs SET pages = {count} WHERE {unsent} AND pages <> {count}")
        self._db.execute(
            "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL, seconds = 0,"
            " files = '{}', page_count = NULL, expected = NULL, sha256 = NULL, size = NULL, mtime_ns = NULL"
            " WHERE id = ?",
            (document,),
        )

    def reopen(self, document: int, slices: Sequence[Slice], options: str) -> None:
        """Plan these slices of a document again, a job for each. Without slices, the document is counted again."""
        with self.transaction():
            self._db.execute("UPDATE slices SET failed = 0 WHERE document = ?", (document,))
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            sql = "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL WHERE id = ?"
            self._db.execute(sql, (document,))
            for part in slices:
                self._plan(PlannedJob(options, [part]))

    def cancel_all(self) -> None:
        """Cancel the jobs that have not ended, and the documents without a result."""
        with self.transaction():
            sql = f"UPDATE jobs SET state = 'cancelled' WHERE state IN ({placeholders(UNFINISHED_STATES)})"
            self._db.execute(sql, UNFINISHED_STATES)
            self._db.execute("UPDATE documents SET status = 'cancelled', planned = 1 WHERE status = 'waiting'")
