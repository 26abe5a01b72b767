"""Choose the pages of a batch that are most worth a look, and write them as one HTML file.

The ledger names the documents with the highest doubt. Their results are read one at a time, and a heap keeps the worst
pages, so that memory is bounded by the number of pages in the review. Pictures are rendered document by document. Few
of them are in the file itself, and many in a folder beside it.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.doubts import doubt_of
from ocr_worker.batch.folders import REVIEW_PAGES
from ocr_worker.batch.outputs import has_folders
from ocr_worker.batch.review_article import ReviewedPage, article_html, entry_html
from ocr_worker.batch.review_page import MAX_PAGES, Selection, review_html
from ocr_worker.batch.review_pictures import PagePictures
from ocr_worker.errors import BatchUnusable
from ocr_worker.settings import Settings

MAX_NAMED = 10  # documents with pages that were not compared
MAX_INLINED = 40  # pages whose pictures are in the file itself: about ten megabytes


@dataclass(frozen=True, slots=True)
class ReviewSize:
    """The number of pages of a review, or a share of the pages that were compared, above 0 to 1."""

    count: int = 0
    share: float = 0.0

    def pages_of(self, verified_count: int) -> int:
        """Return the number of pages, of `verified_count` that were compared."""
        return min(verified_count, self.count or math.ceil(self.share * verified_count))


def write_review(batch: Batch, size: ReviewSize, settings: Settings) -> Path:
    """Write the review into the batch's folder and return its path.

    Raises BatchUnusable: no page of the batch was parsed with `verify`, its results are Parquet files, or the folder
    cannot be read or written.
    """
    if not has_folders(batch.ledger):
        raise BatchUnusable("a review needs results in folders, with blocks: run a batch without --format parquet")
    verified_count, unverified_count = batch.ledger.verified_counts()
    _check_verified(verified_count, unverified_count)
    requested_count = size.pages_of(verified_count)
    ranks = _choose(batch, min(requested_count, MAX_PAGES))
    unverified = [
        (document.name, document.folder, count) for document, count in batch.ledger.unverified_documents(MAX_NAMED)
    ]
    chosen_count = sum(map(len, ranks.values()))
    selection = Selection(requested_count, chosen_count, verified_count, unverified_count, unverified)
    articles, entries = [""] * selection.chosen, [""] * selection.chosen
    with batch.folder.review_pictures() as pictures_folder:
        for reviewed_page in _pages(batch, ranks, settings):
            index, picture = reviewed_page.rank - 1, reviewed_page.picture
            if picture.jpeg is not None and selection.chosen > MAX_INLINED:
                name = f"{reviewed_page.rank:04}.jpg"
                (pictures_folder / name).write_bytes(picture.jpeg)
                picture = replace(picture, file=f"{REVIEW_PAGES}/{name}")
                reviewed_page = replace(reviewed_page, picture=picture)
            articles[index], entries[index] = article_html(reviewed_page), entry_html(reviewed_page)
        summary = batch.summary()
        origin = [word for word in (summary.engine, summary.service) if word]
        now = datetime.now().astimezone()
        return batch.folder.put_review(review_html(articles, entries, selection, origin, now))


def _check_verified(verified_count: int, unverified_count: int) -> None:
    if verified_count:
        return
    if unverified_count:
        raise BatchUnusable(
            f"none of the {unverified_count:,} pages that were parsed with `verify` could be compared, so none can be"
            " chosen: give the second reader more time (OCR_VERIFY_WAIT_S) or processors (OCR_VERIFY_PROCESSES)"
        )
    raise BatchUnusable(
        "no page of this batch has a second reading, so none can be chosen: run a batch into another folder with"
        ' --options \'{"verify": "auto"}\''
    )


def _choose(batch: Batch, count: int) -> dict[int, dict[int, int]]:
    """Return the worst pages: document id -> page number -> rank, from 1. Raises BatchUnusable."""

    def doubts() -> Iterator[tuple[float, int, int]]:
        for document in batch.ledger.most_doubtful(count):
            for page in batch.folder.result(document.folder).pages:
                if doubt := doubt_of(page):
                    yield -doubt, document.id, page.page

    ranks: dict[int, dict[int, int]] = defaultdict(dict)
    for rank, (_, document_id, number) in enumerate(heapq.nsmallest(count, doubts()), 1):
        ranks[document_id][number] = rank
    return ranks


def _pages(batch: Batch, ranks: dict[int, dict[int, int]], settings: Settings) -> Iterator[ReviewedPage]:
    """Yield the chosen pages with their pictures, document by document. Raises BatchUnusable."""
    with PagePictures(settings) as source:
        for document_id, ranks_by_page in ranks.items():
            document = batch.ledger.document(document_id)
            pages = [page for page in batch.folder.result(document.folder).pages if page.page in ranks_by_page]
            pictures = source.of(document, pages, batch.password_of(document.source))
            for page in pages:
                rank, picture = ranks_by_page[page.page], pictures[page.page]
                yield ReviewedPage(rank, document.name, document.folder, page, picture)
