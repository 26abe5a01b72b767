"""The review of a batch as one HTML file, which loads nothing from elsewhere: the choice, a list of pages, the pages.

Its pages come from `review_article`, and `review` chooses them. All untrusted text is escaped. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ocr_worker.batch.report_tables import escape_html, fill_template, folder_href
from ocr_worker.batch.status import format_count
from ocr_worker.wire.document_files import MARKDOWN

MAX_PAGES = 1_000  # with more, a browser gets slow, and no person looks at them


@dataclass(frozen=True, slots=True)
class Selection:
    """Numbers about the choice of pages: requested by the caller, chosen, compared in the batch, and not compared.

    unverified_documents: some documents with pages that were not compared, as name, folder and number of these pages.
    """

    requested: int
    chosen: int
    verified: int
    unverified: int
    unverified_documents: Sequence[tuple[str, str, int]] = ()


def review_html(
    articles: Iterable[str], entries: Sequence[str], selection: Selection, origin: Sequence[str], created_at: datetime
) -> str:
    """Return the review.

    articles: of all pages (`article_html`), in order. entries: of the list of pages (`entry_html`). origin: engine and
    service of the batch.
    """
    return fill_template(
        "review.html",
        ("Batch review", *origin),
        created_at,
        headline=f"{format_count(selection.chosen, 'page')} to look at" if selection.chosen else "No page to look at",
        choice="\n".join(f"<p>{sentence}</p>" for sentence in _choice(selection)),
        state="" if selection.chosen else " hidden",
        openness=" open" if len(entries) <= 12 else "",
        repairs="" if any('class="repaired"' in entry for entry in entries) else " hidden",
        entries="\n".join(entries),
        articles="\n".join(articles),
    )


def _choice(selection: Selection) -> list[str]:
    chosen, verified = selection.chosen, format_count(selection.verified, "page")
    sentences = [
        f"Chosen from {verified} that {'was' if selection.verified == 1 else 'were'} compared with a second reading:"
        " pages with most findings first, then those with the lowest confidence of a block or the most ink in no block."
    ]
    if chosen < selection.requested:
        rest = selection.verified - chosen
        if rest and chosen < MAX_PAGES:
            sentences.append("The other compared pages have no finding, and no block with a confidence below 1.")
        elif rest:
            count = format_count(selection.requested, "page")
            sentences.append(f"{count} were requested; the first {chosen:,} are in this file.")
    if selection.unverified:
        count = format_count(selection.unverified, "page")
        sentences.append(
            f"<b>{count} could not be compared</b> (<code>verified: false</code>) and cannot be chosen here:"
            f" nothing is known about their text. {_unverified(selection)}"
        )
    return sentences


def _unverified(selection: Selection) -> str:
    """Return where the pages are that were not compared: the documents with most of them."""
    links = [
        f'<a href="{folder_href(name, folder)}/{MARKDOWN}"><bdi>{escape_html(name)}</bdi></a> ({count:,})'
        for name, folder, count in selection.unverified_documents
    ]
    rest = selection.unverified - sum(count for _, _, count in selection.unverified_documents)
    return f"They are in {', '.join(links)}{f', and {rest:,} in other documents' if rest else ''}."
