"""The results of documents on disk: a folder for each, or rows of Parquet files (`shards`).

The `Collector` hands each document's result to an `Output`, and `Batch` deletes, verifies and reads results through it.
Which of the two a batch has is decided by its first run and stored in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchDocument
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.wire.document_files import DOCUMENT
from ocr_worker.wire.schema import DocumentResult

Format = Literal["folders", "parquet"]
_FORMAT = "format"  # value of the ledger


class Output(Protocol):
    """The results of a batch's documents. Every method raises BatchUnusable: the disk or the ledger cannot be used."""

    def put(self, document: BatchDocument, result: DocumentResult, separator: str | None) -> dict[str, str]:
        """Store a document's result durably, in place of an older one. Return file name -> sha256 of its own files.

        separator: paragraph between two pages of the Markdown.
        """
        ...

    def flush(self) -> None:
        """Bring the results into their final files."""
        ...

    def delete(self, documents: Iterable[BatchDocument]) -> None:
        """Delete the results of these documents, if there are any."""
        ...

    def damages(self) -> Iterator[tuple[str, list[int]]]:
        """Yield the differences between the files and the ledger: a sentence, and the ids of the documents."""
        ...

    def pages(self, document: BatchDocument) -> list[tuple[int, str]]:
        """Return number and Markdown of a document's pages; a failed page has none. Empty: there is no result."""
        ...


class DocumentFolders:
    """An `Output` with a folder for each document."""

    def __init__(self, folder: Folder, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger

    def put(self, document: BatchDocument, result: DocumentResult, separator: str | None) -> dict[str, str]:
        """See `Output`."""
        return self._folder.put_document(document.folder, result, separator)

    def flush(self) -> None:
        """See `Output`. Each document's folder is final at once."""

    def delete(self, documents: Iterable[BatchDocument]) -> None:
        """See `Output`."""
        for document in documents:
            self._folder.delete_document(document.folder)

    def damages(self) -> Iterator[tuple[str, list[int]]]:
        """See `Output`."""
        for document, folder, files in self._ledger.files():
            for difference in self._folder.differences(folder, files):
                yield difference, [document]

    def pages(self, document: BatchDocument) -> list[tuple[int, str]]:
        """See `Output`."""
        path = self._folder.path / document.folder / DOCUMENT
        if not path.is_file():
            return []
        try:
            pages = json.loads(path.read_bytes())["pages"]
            return [(page["page"], page.get("markdown") or "") for page in pages]
        except (ValueError, KeyError, TypeError):
            raise BatchUnusable(f"{path} is damaged; repair it with: ocr-worker batch retry DIR --damaged") from None


def check_format(result_format: Format | None) -> None:
    """Raise SettingsInvalid if results cannot be written in this format: the library for Parquet is not installed."""
    if result_format == "parquet":
        import ocr_worker.batch.shards  # noqa: F401


def choose_format(ledger: Ledger, result_format: Format | None) -> None:
    """Store the format of a new batch's results. None: folders.

    Raises InvalidRequest: the batch has another one.
    """
    is_new = not ledger.get(_FORMAT) and not ledger.summary().documents
    stored_format = _stored_format(ledger)
    if is_new:
        ledger.put(_FORMAT, result_format or stored_format)
    elif result_format not in (None, stored_format):
        raise InvalidRequest(
            f"--format {result_format}: the results of this batch are {stored_format}; choose another folder"
        )


def _stored_format(ledger: Ledger) -> str:
    return ledger.get(_FORMAT, "folders")


def open_output(folder: Folder, ledger: Ledger) -> Output:
    """Return the results of a batch. Raises SettingsInvalid: the library for Parquet is not installed."""
    if _stored_format(ledger) == "parquet":
        from ocr_worker.batch.shards import Shards

        return Shards(folder, ledger)
    return DocumentFolders(folder, ledger)
