"""The ledger: the complete state of a batch in one SQLite file. No other package of the batch contains SQL.

    documents   documents of the batch, and their results     waiting ─▶ succeeded | partial | failed | cancelled
    jobs        jobs for the service                          see `model.State`
    executions  when which worker ran a job                   see `costs`
    busy        the executions of each worker, merged; `workers` has the first one
    slices      the pages of one document in one job
    faults      codes of errors and warnings, by document
    doubts      how much a document needs a look, with `verify`
    skipped     entries of the inputs that are not parsed, with the reason
    totals      sums over the other tables, kept by triggers
    shards      Parquet files with the results of documents

`Ledger` is built in layers, a module each: `database` opens the file (`schema` has its tables) and turns its errors
into BatchUnusable; `jobs`, `documents`, `shards` and `additions` read and write the tables; this module reads the
summaries. A batch may have ten million documents: rows are read as iterators, and sums are kept, not computed. Every
change of state is a transaction before the action that it announces, so a run that is started again continues from the
last one.
Pages are text in the tables (`1-3,8`) and integers everywhere else. A path that is not UTF-8 is a blob in the tables
and has surrogates everywhere else (`os.fsdecode`). The methods here convert both. The ledger is not thread-safe, and
one process writes it at a time: see `Folder.lock`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from ocr_worker.batch.ledger.additions import Additions
from ocr_worker.batch.ledger.columns import RESULT_PATH, decode_path, placeholders
from ocr_worker.batch.ledger.database import CHUNK
from ocr_worker.batch.manifests import is_url
from ocr_worker.batch.model import BatchSummary, CodeTotal, DocumentSummary, DocumentTotals
from ocr_worker.batch.status import replace_unencodable
from ocr_worker.client.service import State
from ocr_worker.sources.fetch import redact_url

__all__ = ["Ledger"]

_KINDS = ("error", "warning")  # of codes
# The order in which a report lists documents: those that need a look come first. Each condition has the columns of an
# index, so that the first of millions of documents are read without sorting all. A document with a result was planned.
_WARNED = "(SELECT document FROM faults WHERE kind = 'warning')"
_WORST_FIRST = (
    "status = 'failed' AND planned = 1",
    "status = 'partial' AND planned = 1",
    "status = 'cancelled' AND planned = 1",
    "status = 'waiting' AND planned = 0",
    "status = 'waiting' AND planned = 1",
    f"+status = 'succeeded' AND id IN {_WARNED}",
    f"status = 'succeeded' AND planned = 1 AND id NOT IN {_WARNED}",
)


class Ledger(Additions):
    """The documents, jobs and slices of a batch. Every method can raise BatchUnusable, as `transaction` does."""

    def summary(self) -> BatchSummary:
        """Return the batch in numbers, from the kept sums."""
        totals: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for kind, name, value in self._query("SELECT kind, name, value FROM totals ORDER BY kind, name"):
            totals[kind][name] = value
        usage, price = self.usage(), self.get_number("price_per_second")

        def count(kind: str) -> int:
            return int(totals[kind].get("", 0))

        def cost_of(seconds: float) -> float | None:
            return None if price is None else seconds * price

        return BatchSummary(
            service=self.get("service"),
            engine=self.get("engine") or None,
            jobs={State(state): number for state, number in totals["job"].items() if number},
            documents={status: number for status, number in totals["document"].items() if number},
            pages_expected=count("pages_expected"),
            pages_parsed=count("pages_parsed"),
            pages_failed=count("pages_failed"),
            pages_from_checkpoint=count("pages_from_checkpoint"),
            documents_of_unknown_length=count("documents_of_unknown_length"),
            errors=_codes(totals["fault"], "error"),
            warnings=_codes(totals["fault"], "warning"),
            resubmitted=count("resubmitted"),
            execution_s=usage.execution_s,
            delay_s=float(totals["delay_s"].get("", 0.0)),
            busy_s=usage.busy_s,
            idle_s=usage.idle_s,
            cold_start_s=usage.cold_start_s,
            wall_s=float(self.get("wall_s", "0")),
            cost=cost_of(usage.estimated_s),
            cold_start_cost=cost_of(usage.cold_start_s),
            cost_bound=cost_of(usage.bound_s),
            skipped=dict(self._query("SELECT reason, COUNT(*) FROM skipped GROUP BY reason ORDER BY 2 DESC, 1")),
        )

    # ----------------------------------------------------------------- reports

    def document_totals(self) -> DocumentTotals:
        """Return the sums over the rows of all documents, added up now: a check of the kept sums. It takes a while."""
        count, pages_expected, unknown_count = self._query(
            "SELECT COUNT(*), TOTAL(expected), COUNT(*) FILTER (WHERE expected IS NULL) FROM documents"
        )[0]
        pages_parsed, pages_failed = self._query("SELECT TOTAL(parsed), TOTAL(failed) FROM slices")[0]
        warned_count = self._query("SELECT COUNT(DISTINCT document) FROM faults WHERE kind = 'warning'")[0][0]
        return DocumentTotals(
            count=count,
            pages_expected=int(pages_expected),
            pages_parsed=int(pages_parsed),
            pages_failed=int(pages_failed),
            unknown_length_count=unknown_count,
            warned_count=warned_count,
            statuses=dict(self._query("SELECT status, COUNT(*) FROM documents GROUP BY status")),
            errors=self._code_totals("error"),
            warnings=self._code_totals("warning"),
        )

    def _code_totals(self, kind: str) -> dict[str, CodeTotal]:
        sql = "SELECT code, COUNT(*), SUM(pages) FROM faults WHERE kind = ? GROUP BY code"
        return {
            code: CodeTotal(documents, pages, self._example(kind, code))
            for code, documents, pages in self._query(sql, kind)
        }

    def _example(self, kind: str, code: str) -> str | None:
        """Return the message of the last document that has only this code, to which it therefore belongs."""
        rows = self._query(
            "SELECT message FROM documents JOIN faults AS fault ON fault.document = documents.id"
            " WHERE kind = ? AND fault.code = ? AND NOT EXISTS (SELECT 1 FROM faults AS other WHERE"
            " other.document = fault.document AND other.kind = fault.kind AND other.code <> fault.code)"
            " ORDER BY fault.document DESC LIMIT 1",
            kind,
            code,
        )
        return rows[0][0] if rows else None

    def worst_documents(self, limit: int) -> list[DocumentSummary]:
        """Return the documents that need a look most, the worst first, at most `limit`."""
        summaries: list[DocumentSummary] = []
        for condition in _WORST_FIRST:
            summaries += islice(self._summaries(condition), limit - len(summaries))
        return summaries

    def document_summaries(self) -> Iterator[DocumentSummary]:
        """Yield a summary of every document, in the order in which they were added."""
        return self._summaries("1")

    def document_rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield a row of every document for a table, in the order in which they were added.

        The columns are `report.DOCUMENT_COLUMNS`; codes are text, `CODE:PAGES`, with spaces between them. Two queries
        run side by side, since a query for each of ten million documents takes minutes.
        """
        faults = groupby(
            self._rows("SELECT document, kind, code || ':' || pages FROM faults ORDER BY document, rowid"),
            key=itemgetter(0),
        )
        faulty_document, group = next(faults, (0, iter(())))
        columns = f"name, source, status, {RESULT_PATH}, expected, COALESCE(SUM(parsed), 0)"
        sql = (
            f"SELECT documents.id, {columns}, COALESCE(SUM(failed), 0), message, seconds FROM documents"
            " LEFT JOIN slices ON document = documents.id GROUP BY documents.id ORDER BY documents.id"
        )
        for document, name, path, *values, message, seconds in self._rows(sql):
            errors = warnings = ""
            if document == faulty_document:
                codes = [(kind, text) for _, kind, text in group]
                errors, warnings = (" ".join(text for code_kind, text in codes if code_kind == kind) for kind in _KINDS)
                faulty_document, group = next(faults, (0, iter(())))
            source = _shown_source(path)
            source = source if isinstance(path, str) else replace_unencodable(source)
            yield name, source, *values, errors, warnings, message, seconds

    def _summaries(self, condition: str) -> Iterator[DocumentSummary]:
        columns = f"id, name, {RESULT_PATH}, source, status, expected, message, seconds"
        sql = f"SELECT {columns} FROM documents WHERE ({condition}) AND id > ? ORDER BY id LIMIT {CHUNK}"
        last_id = 0
        while rows := self._query(sql, last_id):
            yield from self._with_counts(rows)
            last_id = rows[-1][0]

    def _with_counts(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[DocumentSummary]:
        """Yield the summaries of these rows of documents."""
        ids = [row[0] for row in rows]
        chosen = f"document IN ({placeholders(ids)})"
        codes: defaultdict[tuple[int, str], dict[str, int]] = defaultdict(dict)
        sql = f"SELECT document, kind, code, pages FROM faults WHERE {chosen} ORDER BY rowid"
        for document, kind, code, pages in self._query(sql, *ids):
            codes[document, kind][code] = pages
        sql = f"SELECT document, SUM(parsed), SUM(failed) FROM slices WHERE {chosen} GROUP BY document"
        counts = {document: numbers for document, *numbers in self._query(sql, *ids)}
        for document, name, folder, path, status, pages_expected, message, seconds in rows:
            parsed_count, failed_count = counts.get(document, (0, 0))
            yield DocumentSummary(
                name=name,
                source=_shown_source(path),
                status=status,
                pages_expected=pages_expected,
                pages_parsed=parsed_count,
                pages_failed=failed_count,
                errors=codes.get((document, "error"), {}),
                warnings=codes.get((document, "warning"), {}),
                message=message,
                seconds=seconds,
                folder=folder,
            )


def _shown_source(path: str | bytes) -> str:
    """Return the source in a column without the secret parts of a URL."""
    source = decode_path(path)
    return redact_url(source) if is_url(source) else source


def _codes(totals: dict[str, int], kind: str) -> dict[str, int]:
    """Return the pages of each code of a kind, most first. totals: by kind and code."""
    counts = {name.partition(" ")[2]: pages for name, pages in totals.items() if name.startswith(f"{kind} ") and pages}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
