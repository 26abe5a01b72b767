"""The review of a batch as HTML: pages that need a look, picture and text side by side, with the findings marked.

`article_html` is one page and `review_html` is the file around all of them, which loads nothing from elsewhere. On the
picture, a finding is a box with a number; in the text, its words are marked with the same number. Text of the page that
the result lacks is shown in its place. All untrusted text is escaped. The module is pure: `review` chooses the pages.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from string import Template

from ocr_worker.batch.doubts import findings_of, lowest_confidence
from ocr_worker.batch.report_tables import escape_html, folder_href
from ocr_worker.batch.review_text import Mark, marked_html
from ocr_worker.batch.status import format_count, format_share
from ocr_worker.wire.document_files import MARKDOWN
from ocr_worker.wire.schema import BBox, Block, PageResult, PageWarning

_LOW = 0.5  # a confidence below it is colored
_MARGIN = 4  # pixels that a block's box may be too small
_BADGES = 60  # the radius of a number on the picture is the width of the page divided by this
_NAMES = {
    "TEXT_MISSED": ("missing", "Not in the result"),
    "CUT": ("missing", "Cut off"),
    "TEXT_UNSUPPORTED": ("extra", "Not on the page"),
    "REPEATED": ("extra", "Repeated"),
    "NUMBERS_DIFFER": ("differs", "Number differs"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of a page. jpeg: its bytes; None: there is no picture, for the reason in `note`.

    file: its path beside the review; None: it is in the review itself.
    """

    jpeg: bytes | None
    note: str = ""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewedPage:
    """A page of the review. rank: 1 for the first. folder: path of the document's folder beside the review."""

    rank: int
    document: str
    folder: str
    page: PageResult
    picture: Picture


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


@dataclass(frozen=True, slots=True)
class _Finding:
    """A finding of a page. number: in the page, from 1. block: index of its block; None: it is in none."""

    number: int
    warning: PageWarning
    block: int | None

    @property
    def css(self) -> str:
        return _NAMES[self.warning.code][0]

    @property
    def is_absent(self) -> bool:
        """True if it is about text that the result lacks."""
        return self.css == "missing"


# --------------------------------------------------------------------------- the file


def review_html(
    articles: Iterable[str], entries: Sequence[str], selection: Selection, origin: Sequence[str], created_at: datetime
) -> str:
    """Return the review.

    articles: of all pages (`article_html`), in order. entries: of the list of pages (`entry_html`). origin: engine and
    service of the batch.
    """
    template = Template(files("ocr_worker.batch").joinpath("review.html").read_text(encoding="utf-8"))
    words = [*map(escape_html, origin), f"{created_at:%Y-%m-%d %H:%M %Z}".strip()]
    return template.substitute(
        headline=f"{format_count(selection.chosen, 'page')} to look at" if selection.chosen else "No page to look at",
        origin=" · ".join(["Batch review", *words]),
        choice="\n".join(f"<p>{sentence}</p>" for sentence in _choice(selection)),
        state="" if selection.chosen else " hidden",
        openness=" open" if len(entries) <= 12 else "",
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


MAX_PAGES = 1_000  # with more, a browser gets slow, and no person looks at them


def entry_html(entry: ReviewedPage) -> str:
    """Return the entry of a page in the list of pages."""
    counts: dict[str, int] = {}
    for finding in _findings(entry.page):
        counts[finding.css] = counts.get(finding.css, 0) + 1
    dots = "".join(f'<i class="{css}" aria-hidden="true"></i>{count}' for css, count in counts.items())
    title = f'<a href="#p{entry.rank}"><bdi>{escape_html(entry.document)}</bdi>, page {entry.page.page}</a>'
    return f'<li>{title} <span class="dots quiet">{dots or _reasons(entry.page)[0]}</span></li>'


# --------------------------------------------------------------------------- a page


def article_html(entry: ReviewedPage) -> str:
    """Return a page of the review: why it was chosen, its findings, its picture and its text."""
    page, findings = entry.page, _findings(entry.page)
    folder = folder_href(entry.document, entry.folder)
    items = "\n".join(_finding_item(entry.rank, finding) for finding in findings)
    return f"""<article id="p{entry.rank}" tabindex="-1" style="--ratio:{_ratio(page):.4f}">
<h2><bdi>{escape_html(entry.document)}</bdi>, page {page.page}</h2>
<p class="why"><b>{entry.rank}.</b> {_capital("; ".join(_reasons(page)))}
<span class="quiet">· {_facts(page)} · <a href="{folder}/{MARKDOWN}">Markdown</a></span></p>
<div class="pair">
<figure class="sheet">{_picture(entry, findings)}</figure>
<div class="reading">
{f'<ol class="findings" aria-label="Findings">{items}</ol>' if items else ""}
<div class="text" role="group" aria-label="Text of the result">
{_text(entry.rank, page, findings)}
</div>
</div>
</div>
</article>"""


def _ratio(page: PageResult) -> float:
    return (page.width or 1) / (page.height or 1)


def _reasons(page: PageResult) -> list[str]:
    """Return why the page was chosen: the parts of its doubt, in words, the greatest first."""
    confidence, coverage = lowest_confidence(page), page.ink_coverage
    reasons = []
    if confidence is not None:
        reasons.append((1 - confidence, f"lowest confidence {_confidence_text(confidence)}"))
    if coverage is not None and coverage < 1:
        share = format_share(round(10_000 * (1 - coverage)), 10_000)
        reasons.append((1 - coverage, f"{share} of the text-like ink in no block"))
    reasons.sort(reverse=True)
    findings = [format_count(len(warnings), "finding")] if (warnings := findings_of(page)) else []
    return [*findings, *(text for _, text in reasons)]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _facts(page: PageResult) -> str:
    facts = [f"{page.width} × {page.height} px"]
    source = {"picture": "text from the picture", "text_layer": "text from the text layer", "both": "text from both"}
    return " · ".join([*facts, *([source[page.text_source]] if page.text_source in source else [])])


def _confidence_text(confidence: float | None) -> str:
    return "–" if confidence is None else "1" if confidence == 1 else f"{confidence:.2f}"


def _findings(page: PageResult) -> list[_Finding]:
    return [
        _Finding(number, warning, _block_of(warning, page.blocks or ()))
        for number, warning in enumerate(findings_of(page), 1)
    ]


def _block_of(warning: PageWarning, blocks: Sequence[Block]) -> int | None:
    """Return the index of the block that the finding is about: with its box, or the smallest around its middle."""
    if warning.bbox is None:
        return None
    bbox = warning.bbox
    x, y = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
    around = [index for index, block in enumerate(blocks) if _contains(block.bbox, x, y)]
    same = [index for index in around if blocks[index].bbox == bbox]
    return min(same or around, key=lambda index: _area(blocks[index].bbox), default=None)


def _contains(bbox: BBox, x: float, y: float) -> bool:
    x0, y0, x1, y1 = bbox
    return x0 - _MARGIN <= x <= x1 + _MARGIN and y0 - _MARGIN <= y <= y1 + _MARGIN


def _area(bbox: BBox) -> int:
    return (bbox[2] - bbox[0]) * (bbox[3] - bbox[1])


def _finding_item(rank: int, finding: _Finding) -> str:
    warning, name = finding.warning, _NAMES[finding.warning.code][1]
    detail = _quoted(warning) or escape_html(warning.message)
    badge = f'<a class="badge" href="#p{rank}-b{finding.number}">{finding.number}</a>'
    return (
        f'<li class="{finding.css}" data-f="{finding.number}">{badge}<span><b>{name}</b> {detail}'
        f" <code>{warning.code}</code></span></li>"
    )


def _quoted(warning: PageWarning) -> str:
    """Return the text of a finding in quotes; of a number, both readings of it."""
    first, separator, second = (warning.text or "").partition(" / ")
    if warning.code == "NUMBERS_DIFFER" and separator:
        return f"result {_quote(first)}, page {_quote(second)}"
    return _quote(warning.text) if warning.text else ""


def _quote(text: str) -> str:
    return f"<q><bdi>{escape_html(text)}</bdi></q>"


# --------------------------------------------------------------------------- the picture


def _picture(entry: ReviewedPage, findings: Sequence[_Finding]) -> str:
    page, picture = entry.page, entry.picture
    width, height = page.width or 1, page.height or 1
    boxes = [_block_box(index, block) for index, block in enumerate(page.blocks or ())]
    places: list[tuple[float, float]] = []
    boxes += [_finding_box(entry.rank, finding, width, places) for finding in findings if finding.warning.bbox]
    image = ""
    if picture.jpeg is not None:
        source = picture.file or f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}"
        image = f'<img alt="Picture of page {page.page}" loading="lazy" decoding="async" src="{source}">'
    note = f"<figcaption>{escape_html(picture.note)}</figcaption>" if picture.note else ""
    css = "" if image else " blank"
    boxes_html = f'<svg viewBox="0 0 {width} {height}" role="group" aria-label="Findings">{"".join(boxes)}</svg>'
    return f'{note}<div class="paper{css}">{image}{boxes_html}</div>'


def _rectangle(bbox: BBox) -> str:
    x0, y0, x1, y1 = bbox
    return f'x="{x0}" y="{y0}" width="{max(0, x1 - x0)}" height="{max(0, y1 - y0)}"'


def _block_box(index: int, block: Block) -> str:
    css = "block low" if _is_low(block) else "block"
    title = f"<title>{escape_html(block.label)}, confidence {_confidence_text(block.confidence)}</title>"
    return f'<rect class="{css}" data-b="{index}" {_rectangle(block.bbox)}>{title}</rect>'


def _is_low(block: Block) -> bool:
    return block.confidence is not None and block.confidence < _LOW


def _finding_box(rank: int, finding: _Finding, width: int, places: list[tuple[float, float]]) -> str:
    """Return the box of a finding with its number. places: of the numbers so far, which it must not cover."""
    bbox = finding.warning.bbox or (0, 0, 0, 0)
    radius = width / _BADGES
    x, y = max(radius, bbox[0] - radius / 2), max(radius, bbox[1])
    while any(abs(x - other_x) < 2 * radius and abs(y - other_y) < 2 * radius for other_x, other_y in places):
        x += 2.1 * radius
    places.append((x, y))
    number = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{1.25 * radius:.1f}">{finding.number}</text>'
    )
    title = f"<title>{finding.number}: {_NAMES[finding.warning.code][1]}</title>"
    link = f'<a class="{finding.css}" href="#p{rank}-m{finding.number}" id="p{rank}-b{finding.number}"'
    return f'{link} data-f="{finding.number}"><rect {_rectangle(bbox)}/>{number}{title}</a>'


# --------------------------------------------------------------------------- the text


def _text(rank: int, page: PageResult, findings: Sequence[_Finding]) -> str:
    """Return the blocks in reading order, and text that no block has after the block above it."""
    if page.blocks is None:
        content, notes = _content(rank, page.markdown or "", findings)
        return f'<div class="block"><div class="content">{content}</div>{notes}</div>'
    following: dict[int | None, list[_Finding]] = {}
    for finding in findings:
        if finding.block is None:
            following.setdefault(_block_above(finding.warning.bbox, page.blocks), []).append(finding)
    parts = [_note(rank, finding) for finding in following.get(None, [])]
    for index, block in enumerate(page.blocks):
        parts.append(_block(rank, index, block, [finding for finding in findings if finding.block == index]))
        parts += [_note(rank, finding) for finding in following.get(index, [])]
    return "\n".join(parts) or '<p class="quiet">The result has no text on this page.</p>'


def _block_above(bbox: BBox | None, blocks: Sequence[Block]) -> int | None:
    """Return the block whose lower edge is nearest above the box, beside it if it can be; None: there is none."""
    if bbox is None:
        return None
    above = [index for index, block in enumerate(blocks) if block.bbox[3] <= bbox[1] + _MARGIN]
    beside = [index for index in above if blocks[index].bbox[0] < bbox[2] and bbox[0] < blocks[index].bbox[2]]
    return max(beside or above, key=lambda index: blocks[index].bbox[3], default=None)


def _block(rank: int, index: int, block: Block, findings: Sequence[_Finding]) -> str:
    content, notes = _content(rank, block.content, findings)
    css = "block low" if _is_low(block) else "block"
    confidence = _confidence_text(block.confidence)
    title = "not compared" if block.confidence is None else f"confidence {confidence}"
    label = escape_html(block.label.replace("_", " "))
    return (
        f'<div class="{css}" data-b="{index}"><p class="label"><span>{label}</span>'
        f' <span class="confidence" title="{title}">{confidence}</span></p>'
        f'<div class="content">{content or _EMPTY}</div>{notes}</div>'
    )


_EMPTY = '<span class="quiet">no text</span>'


def _content(rank: int, text: str, findings: Sequence[_Finding]) -> tuple[str, str]:
    """Return the text with the words of the findings marked, and notes on findings whose words are not in it."""
    by_mark = {_mark(rank, finding): finding for finding in findings if not finding.is_absent}
    html, missing_marks = marked_html(text, list(by_mark))
    missing = {by_mark[mark].number for mark in missing_marks}
    notes = [_note(rank, finding) for finding in findings if finding.is_absent or finding.number in missing]
    return html, "".join(notes)


def _mark(rank: int, finding: _Finding) -> Mark:
    text = finding.warning.text or ""
    if finding.warning.code == "NUMBERS_DIFFER":
        text = text.partition(" / ")[0]
    badge = f'<a class="badge" href="#p{rank}-b{finding.number}">{finding.number}</a>'
    start = f'<mark class="{finding.css}" data-f="{finding.number}"'
    opening = f'{start} id="p{rank}-m{finding.number}">{badge}'
    return Mark(text, opening, f"{start}>", is_last=finding.warning.code == "REPEATED")


def _note(rank: int, finding: _Finding) -> str:
    """Return a note in the place of text that cannot be marked, because the result lacks it."""
    text = f"<bdi>{escape_html(finding.warning.text)}</bdi>" if finding.warning.text else ""
    lead = {"CUT": "The page goes on:", "TEXT_MISSED": "On the page only:"}.get(finding.warning.code, "In this block:")
    content = text or ("text that could not be read" if finding.is_absent else escape_html(finding.warning.message))
    badge = f'<a class="badge" href="#p{rank}-b{finding.number}">{finding.number}</a>'
    return (
        f'<p class="note {finding.css}" id="p{rank}-m{finding.number}" data-f="{finding.number}">{badge}'
        f'<span class="lead">{lead}</span> {content}</p>'
    )
