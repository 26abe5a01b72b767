"""Results as Parquet files of bounded size, with a row per page: `pages/part-000001.parquet` and so on.

A document's rows are first a separate file in the hidden folder. When there are enough of them, or the run ends,
`flush` writes a shard, moves it to its place (a folder or a bucket) in one step, records it in the ledger together with
its documents, and deletes the files. A run that is killed in between repeats the same step: the shard that the ledger
does not know is written again under its number, and rows that are already in a shard are replaced there. So no row is
lost or twice. A document that is parsed again keeps its shard, which is written anew with other rows.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from ocr_worker import extras
from ocr_worker.batch.folders import Folder, disk_errors
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import SHARD_PATH, BatchDocument, Shard
from ocr_worker.batch.places import Place
from ocr_worker.errors import BatchUnusable
from ocr_worker.wire.page_rows import PAGE_COLUMNS, page_rows
from ocr_worker.wire.schema import DocumentResult

with extras.needed_by("--format parquet", "parquet"):
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

SCHEMA = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in PAGE_COLUMNS.items()])
_SHARD_BYTES = 64_000_000  # of rows as JSON, in one shard; as Parquet they are about a third
_SHARD_DOCUMENTS = 5_000  # so that the hidden folder stays small
_GROUP_ROWS = 1_000  # that are in memory at once


class Shards:
    """An `Output` with Parquet files, which are in `place`."""

    def __init__(self, folder: Folder, ledger: Ledger, place: Place) -> None:
        self._folder = folder
        self._ledger = ledger
        self._place = place
        with disk_errors(folder.path):
            # Document id -> bytes of its rows that are in no shard yet.
            self._sizes = {int(path.stem): path.stat().st_size for path in folder.rows.glob("*.jsonl")}

    def check(self) -> None:
        """See `Output`."""
        self._place.check()

    def put(self, document: BatchDocument, result: DocumentResult, separator: str | None) -> dict[str, str]:
        """See `Output`."""
        engine = self._ledger.get("engine") or None
        shared = {"name": document.name, "document_sha256": document.sha256, "engine": engine}
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page_rows(result, shared))
        self._folder.write(self._rows_path(document.id), text)
        self._sizes[document.id] = len(text)
        if sum(self._sizes.values()) >= _SHARD_BYTES or len(self._sizes) >= _SHARD_DOCUMENTS:
            self.flush()
        return {}

    def flush(self) -> None:
        """See `Output`."""
        documents = [self._ledger.document(document) for document in sorted(self._sizes)]
        for shard, group in _by_shard(documents).items():
            self._write(shard or self._ledger.next_shard(), group, self._kept_rows(shard, group) if shard else ())

    def delete(self, documents: Iterable[BatchDocument]) -> None:
        """See `Output`. Of a shard that cannot be read, no row is left."""
        documents = list(documents)
        for document in documents:
            self._forget_rows(document.id)
        for shard, group in _by_shard(documents).items():
            if shard:
                self._write(shard, [], self._kept_rows(shard, group, is_damaged=True))

    def damages(self) -> Iterator[tuple[str, list[int]]]:
        """See `Output`."""
        for shard in self._ledger.shards():
            documents = self._ledger.documents_of_shard(shard.number)
            file = self._place.open(shard.path)
            if file is None:
                yield f"{shard.path} is missing", list(documents.values())
                continue
            with file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                    yield f"{shard.path} was changed", list(documents.values())
                    continue
                names = set(_read_columns(file, ["name"]).column("name").to_pylist())
            for name in sorted(documents.keys() - names):
                if documents[name] not in self._sizes:
                    yield f"{shard.path} lacks the pages of {name}", [documents[name]]

    def pages(self, document: BatchDocument) -> list[tuple[int, str]]:
        """See `Output`."""
        if document.id in self._sizes:
            rows = list(self._read_rows([document]))
        elif document.shard is not None:
            is_of_document = pyarrow.compute.field("name") == document.name
            with self._open(document.shard) as file:
                table = _read_columns(file, ["name", "page", "markdown"], is_of_document)
                rows = table.to_pylist()
        else:
            return []
        return [(row["page"], row.get("markdown") or "") for row in rows]

    # ----------------------------------------------------------------- one shard

    def _write(self, number: int, documents: Sequence[BatchDocument], kept: Iterable[Any]) -> None:
        """Write a shard of the rows `kept` and of those of the documents, which are in no shard yet; see the module."""
        temporary = self._folder.temporary_file("shard.parquet")
        row_count = 0
        with disk_errors(self._folder.path):
            with pyarrow.parquet.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
                for table in chain(kept, self._new_rows(documents)):
                    writer.write_table(table)
                    row_count += table.num_rows
            with temporary.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._place.store(SHARD_PATH % number, temporary)
        self._ledger.record_shard(Shard(number, row_count, sha256), [document.id for document in documents])
        for document in documents:
            self._forget_rows(document.id)

    def _kept_rows(self, number: int, documents: Sequence[BatchDocument], *, is_damaged: bool = False) -> Iterator[Any]:
        """Yield the rows of a shard that are not of these documents, as tables.

        is_damaged: yield nothing if the shard cannot be read. Raises BatchUnusable else.
        """
        names = pyarrow.array([document.name for document in documents], pyarrow.string())
        try:
            with self._open(number) as file:
                for batch in pyarrow.parquet.ParquetFile(file).iter_batches(_GROUP_ROWS):
                    table = pyarrow.Table.from_batches([batch])
                    is_other = pyarrow.compute.is_in(table.column("name"), value_set=names)
                    yield table.filter(pyarrow.compute.invert(is_other))
        except BatchUnusable:
            if not is_damaged:
                raise

    def _new_rows(self, documents: Iterable[BatchDocument]) -> Iterator[Any]:
        rows: list[dict[str, Any]] = []
        for row in self._read_rows(documents):
            rows.append(row)
            if len(rows) == _GROUP_ROWS:
                yield pyarrow.Table.from_pylist(rows, schema=SCHEMA)
                rows = []
        if rows:
            yield pyarrow.Table.from_pylist(rows, schema=SCHEMA)

    def _read_rows(self, documents: Iterable[BatchDocument]) -> Iterator[dict[str, Any]]:
        for document in documents:
            with self._rows_path(document.id).open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    def _forget_rows(self, document: int) -> None:
        with disk_errors(self._folder.path):
            self._rows_path(document).unlink(missing_ok=True)
        self._sizes.pop(document, None)

    @contextmanager
    def _open(self, number: int) -> Iterator[io.BufferedIOBase]:
        """Open a shard. Raises BatchUnusable if it cannot be read, also inside the block."""
        path = SHARD_PATH % number
        try:
            file = self._place.open(path)
            if file is None:
                raise FileNotFoundError(path)
            with file:
                yield file
        except (OSError, pyarrow.ArrowException) as error:
            problem = f"{path} cannot be read ({type(error).__name__})"
            raise BatchUnusable(f"{problem}; repair it with: ocr-worker batch retry DIR --damaged") from None

    def _rows_path(self, document: int) -> Path:
        return self._folder.rows / f"{document}.jsonl"


def _read_columns(file: io.BufferedIOBase, columns: list[str], filters: Any = None) -> Any:
    """Return columns of a Parquet file as a table. filters: an expression, of the rows.

    On this thread alone: threads of Arrow that read from a Python file abort the process when the interpreter ends.
    """
    read = pyarrow.parquet.read_table
    return read(file, columns=columns, filters=filters, use_threads=False, pre_buffer=False)


def _by_shard(documents: Iterable[BatchDocument]) -> dict[int | None, list[BatchDocument]]:
    groups: defaultdict[int | None, list[BatchDocument]] = defaultdict(list)
    for document in documents:
        groups[document.shard].append(document)
    return groups
