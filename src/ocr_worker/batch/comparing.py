"""Compare two batches: which pages of a new delivery differ from those of an old one.

Documents are matched by name. Their pages are compared by their Markdown, as the batches wrote it, and aligned like the
lines of two texts, so that an inserted page does not make all later pages new. The files are not parsed again: if they
are the same and the options are, too, the results are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.model import BatchDocument
from ocr_worker.wire.page_ranges import format_page_ranges

Kind = Literal["new", "missing", "changed", "not parsed"]


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """The change of a document.

    kind: "new" and "missing": it is in one batch only; "changed"; "not parsed": a batch has no result of it. changed,
    added: page numbers in the new batch. removed: page numbers in the old batch.
    """

    name: str
    kind: Kind
    changed: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the change in words, such as `a.pdf: changed: pages 3, 7-9 changed, page 10 added`."""
        parts = [
            f"{'page' if len(pages) == 1 else 'pages'} {format_page_ranges(pages)} {word}"
            for word, pages in (("changed", self.changed), ("added", self.added), ("removed", self.removed))
            if pages
        ]
        return ": ".join([self.name, self.kind, *([", ".join(parts)] if parts else [])])


def compare_batches(old: Batch, new: Batch) -> Iterator[DocumentChange]:
    """Yield the changes from the old to the new batch: in the order of the new one, then what only the old one has.

    Both are open. Raises BatchUnusable: a result cannot be read.
    """
    for document in new.ledger.documents():
        earlier_document = old.ledger.document_named(document.name)
        if earlier_document is None:
            yield DocumentChange(document.name, "new")
        elif change := _compare(old, earlier_document, new, document):
            yield change
    for document in old.ledger.documents():
        if new.ledger.document_named(document.name) is None:
            yield DocumentChange(document.name, "missing")


def _compare(old: Batch, old_document: BatchDocument, new: Batch, new_document: BatchDocument) -> DocumentChange | None:
    documents = old_document, new_document
    is_same_file = old_document.sha256 is not None and old_document.sha256 == new_document.sha256
    is_same_request = (old_document.ranges, old_document.options) == (new_document.ranges, new_document.options)
    if is_same_file and is_same_request and {document.status for document in documents} == {"succeeded"}:
        return None
    old_pages, new_pages = old.output.pages(old_document), new.output.pages(new_document)
    if not old_pages or not new_pages:
        return DocumentChange(new_document.name, "not parsed")
    return compare_pages(new_document.name, old_pages, new_pages)


def compare_pages(
    name: str, old_pages: Sequence[tuple[int, str]], new_pages: Sequence[tuple[int, str]]
) -> DocumentChange | None:
    """Return the change of a document; None if there is none. Each page: its number and its Markdown."""
    change = DocumentChange(name, "changed")
    old_texts, new_texts = [text for _, text in old_pages], [text for _, text in new_pages]
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(
        None, old_texts, new_texts, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        pair_count = min(old_end - old_start, new_end - new_start)
        change.changed.extend(number for number, _ in new_pages[new_start : new_start + pair_count])
        change.added.extend(number for number, _ in new_pages[new_start + pair_count : new_end])
        change.removed.extend(number for number, _ in old_pages[old_start + pair_count : old_end])
    return change if change.changed or change.added or change.removed else None
