"""The results of documents: a folder for each, or rows of Parquet files (`shards`), here or in a bucket (`places`).

The `Collector` hands each document's result to an `Output`, and `Batch` deletes, verifies and reads results through it.
Which of them a batch has is decided by its first run and stored in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchDocument
from ocr_worker.batch.places import open_place
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.settings import Settings
from ocr_worker.wire.document_files import DOCUMENT
from ocr_worker.wire.schema import DocumentResult

Format = Literal["folders", "parquet"]
_FORMAT, _URL = "format", "results"  # values of the ledger


class Output(Protocol):
    """The results of a batch's documents. Every method raises BatchUnusable: the disk or the ledger cannot be used."""

    def check(self) -> None:
        """Check that results can be stored."""
        ...

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

    def check(self) -> None:
        """See `Output`. The ledger is in the same folder."""

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


def check_format(result_format: Format | None, url: str) -> None:
    """Check what results were asked for, before anything is written.

    url: of the bucket that receives them; empty: none does. Raises InvalidRequest: folders in a bucket;
    SettingsInvalid: the library for Parquet is not installed.
    """
    if url and result_format != "parquet":
        raise InvalidRequest(f"--out {url}: a bucket receives Parquet files only; add --format parquet")
    if result_format == "parquet":
        import ocr_worker.batch.shards  # noqa: F401


def choose_output(ledger: Ledger, result_format: Format | None, url: str) -> None:
    """Store the format and place of a new batch's results. Without a format: those of the batch, or folders.

    Raises InvalidRequest: the batch has other ones.
    """
    stored = ledger.get(_FORMAT, "folders"), ledger.get(_URL)
    chosen = (result_format, url) if result_format else stored
    if not ledger.summary().documents:
        ledger.put(_FORMAT, chosen[0])
        ledger.put(_URL, chosen[1])
    elif chosen != stored:
        place = f"in {stored[1]}" if stored[1] else "in its folder"
        raise InvalidRequest(f"the results of this batch are {stored[0]} {place}; choose another folder")


def has_folders(ledger: Ledger) -> bool:
    """Return whether the results of a batch are folders."""
    return ledger.get(_FORMAT, "folders") == "folders"


def open_output(folder: Folder, ledger: Ledger, settings: Settings) -> Output:
    """Return the results of a batch.

    Raises SettingsInvalid: the library for Parquet or for the bucket is not installed, or the bucket has no keys.
    """
    if ledger.get(_FORMAT) == "parquet":
        from ocr_worker.batch.shards import Shards

        return Shards(folder, ledger, open_place(folder.path, ledger.get(_URL), settings))
    return DocumentFolders(folder, ledger)
