"""A page of a review as HTML: why it was chosen, its picture with the findings, their list, and its text.

On the picture, a finding is a box with a number, and in the text its words have the same number (`review_text`). All
untrusted text is escaped. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_worker.batch.doubts import findings_of, lowest_confidence
from ocr_worker.batch.report_tables import escape_html, folder_href
from ocr_worker.batch.review_findings import NAMES, PlacedFinding, badge_html, confidence_text, is_low, place_findings
from ocr_worker.batch.review_text import text_html
from ocr_worker.batch.status import format_count, format_share
from ocr_worker.wire.document_files import MARKDOWN
from ocr_worker.wire.schema import BBox, Block, PageResult, PageWarning

_BADGES = 60  # the radius of a number on the picture is the width of the page divided by this


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


def entry_html(entry: ReviewedPage) -> str:
    """Return the entry of a page in the list of pages."""
    counts: dict[str, int] = {}
    for finding in place_findings(entry.page):
        counts[finding.css] = counts.get(finding.css, 0) + 1
    dots = "".join(f'<i class="{css}" aria-hidden="true"></i>{count}' for css, count in counts.items())
    title = f'<a href="#p{entry.rank}"><bdi>{escape_html(entry.document)}</bdi>, page {entry.page.page}</a>'
    return f'<li>{title} <span class="dots quiet">{dots or _reasons(entry.page)[0]}</span></li>'


def article_html(entry: ReviewedPage) -> str:
    """Return a page of the review: why it was chosen, its findings, its picture and its text."""
    page, findings = entry.page, place_findings(entry.page)
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
{text_html(entry.rank, page, findings)}
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
        reasons.append((1 - confidence, f"lowest confidence {confidence_text(confidence)}"))
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


def _finding_item(rank: int, finding: PlacedFinding) -> str:
    warning, name = finding.warning, NAMES[finding.warning.code][1]
    detail = _quoted(warning) or escape_html(warning.message)
    badge = badge_html(rank, finding)
    return (
        f'<li class="{finding.css}" data-f="{finding.number}">{badge}<span><b>{name}</b> {detail}{_repair(warning)}'
        f" <code>{warning.code}</code></span></li>"
    )


def _repair(warning: PageWarning) -> str:
    """Return what a new reading of the finding's place changed."""
    repair = warning.repair
    if repair is None or repair.outcome == "unread":
        return ""
    if repair.outcome == "kept":
        return ", read again without more evidence"
    before = f" instead of {_quote(repair.before)}" if repair.before else ""
    return f", <b>repaired</b>: {_quote(repair.after) if repair.after else 'words left out'}{before}"


def _quoted(warning: PageWarning) -> str:
    """Return the text of a finding in quotes; of a number, both readings of it."""
    first, separator, second = (warning.text or "").partition(" / ")
    if warning.code == "NUMBERS_DIFFER" and separator:
        return f"result {_quote(first)}, page {_quote(second)}"
    return _quote(warning.text) if warning.text else ""


def _quote(text: str) -> str:
    return f"<q><bdi>{escape_html(text)}</bdi></q>"


# --------------------------------------------------------------------------- the picture


def _picture(entry: ReviewedPage, findings: Sequence[PlacedFinding]) -> str:
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
    css = "block low" if is_low(block) else "block"
    title = f"<title>{escape_html(block.label)}, confidence {confidence_text(block.confidence)}</title>"
    return f'<rect class="{css}" data-b="{index}" {_rectangle(block.bbox)}>{title}</rect>'


def _finding_box(rank: int, finding: PlacedFinding, width: int, places: list[tuple[float, float]]) -> str:
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
    title = f"<title>{finding.number}: {NAMES[finding.warning.code][1]}</title>"
    link = f'<a class="{finding.css}" href="#p{rank}-m{finding.number}" id="p{rank}-b{finding.number}"'
    return f'{link} data-f="{finding.number}"><rect {_rectangle(bbox)}/>{number}{title}</a>'
