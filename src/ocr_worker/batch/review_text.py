"""The text of a page in a review: its blocks in reading order, with the words of the findings marked.

Text of the page that the result lacks is a note in its place. All untrusted text is escaped. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.batch.report_tables import escape_html
from ocr_worker.batch.review_findings import PlacedFinding, badge_html, block_above, confidence_text, is_low
from ocr_worker.batch.review_marks import Mark, marked_html
from ocr_worker.wire.schema import Block, PageResult

_EMPTY = '<span class="quiet">no text</span>'


def text_html(rank: int, page: PageResult, findings: Sequence[PlacedFinding]) -> str:
    """Return the blocks in reading order, and text that no block has after the block above it."""
    if page.blocks is None:
        content, notes = _content(rank, page.markdown or "", findings)
        return f'<div class="block"><div class="content">{content}</div>{notes}</div>'
    following: dict[int | None, list[PlacedFinding]] = {}
    for finding in findings:
        if finding.block is None:
            following.setdefault(block_above(finding.warning.bbox, page.blocks), []).append(finding)
    parts = [_note(rank, finding) for finding in following.get(None, [])]
    for index, block in enumerate(page.blocks):
        parts.append(_block(rank, index, block, [finding for finding in findings if finding.block == index]))
        parts += [_note(rank, finding) for finding in following.get(index, [])]
    return "\n".join(parts) or '<p class="quiet">The result has no text on this page.</p>'


def _block(rank: int, index: int, block: Block, findings: Sequence[PlacedFinding]) -> str:
    content, notes = _content(rank, block.content, findings)
    css = "block low" if is_low(block) else "block"
    confidence = confidence_text(block.confidence)
    title = "not compared" if block.confidence is None else f"confidence {confidence}"
    label = escape_html(block.label.replace("_", " "))
    return (
        f'<div class="{css}" data-b="{index}"><p class="label"><span>{label}</span>'
        f' <span class="confidence" title="{title}">{confidence}</span></p>'
        f'<div class="content">{content or _EMPTY}</div>{notes}</div>'
    )


def _content(rank: int, text: str, findings: Sequence[PlacedFinding]) -> tuple[str, str]:
    """Return the text with the words of the findings marked, and notes on findings whose words are not in it."""
    by_mark = {_mark(rank, finding): finding for finding in findings if not finding.is_absent}
    html, missing_marks = marked_html(text, list(by_mark))
    missing = {by_mark[mark].number for mark in missing_marks}
    notes = [_note(rank, finding) for finding in findings if finding.is_absent or finding.number in missing]
    return html, "".join(notes)


def _mark(rank: int, finding: PlacedFinding) -> Mark:
    badge = badge_html(rank, finding)
    start = f'<mark class="{finding.css}" data-f="{finding.number}"'
    opening = f'{start} id="p{rank}-m{finding.number}">{badge}'
    return Mark(finding.words, opening, f"{start}>", is_last=finding.warning.code == "REPEATED")


def _note(rank: int, finding: PlacedFinding) -> str:
    """Return a note in the place of text that cannot be marked, because the result lacks it."""
    text = f"<bdi>{escape_html(finding.warning.text)}</bdi>" if finding.warning.text else ""
    lead = {"CUT": "The page goes on:", "TEXT_MISSED": "On the page only:"}.get(finding.warning.code, "In this block:")
    content = text or ("text that could not be read" if finding.is_absent else escape_html(finding.warning.message))
    badge = badge_html(rank, finding)
    return (
        f'<p class="note {finding.css}" id="p{rank}-m{finding.number}" data-f="{finding.number}">{badge}'
        f'<span class="lead">{lead}</span> {content}</p>'
    )
