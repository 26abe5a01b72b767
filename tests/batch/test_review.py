"""The review of a batch: which pages it shows, and how it shows them."""

from __future__ import annotations

import hashlib
import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.doubts import document_doubt
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.model import Stamp
from ocr_worker.batch.review import ReviewSize, write_review
from ocr_worker.batch.review_article import Picture, ReviewedPage, article_html, entry_html
from ocr_worker.batch.review_marks import Mark, marked_html
from ocr_worker.cli.batch_look import review_size
from ocr_worker.errors import BatchUnusable
from ocr_worker.pictures import jpeg
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import BBox, Block, DocumentResult, PageResult, PageWarning, Repair
from support.colors import contrast
from support.drawing import WHITE, png
from support.page_actions import expect

LEDGERS = "The narrow harbour describes 1482 ledgers"
SETTINGS = Settings(engine="support.doubles:reciting")
GONE = Picture(None, "No picture: it is gone.")
EVIL = "\"><script>alert(1)</script><img src=x onerror='x'>$headline"


def block(content: str, confidence: float | None = 0.98, bbox: BBox = (60, 60, 900, 120), label: str = "text") -> Block:
    return Block(label=label, content=content, bbox=bbox, confidence=confidence)


def finding(code: str, text: str | None = None, bbox: BBox = (60, 60, 900, 120)) -> PageWarning:
    return PageWarning(code=code, message=f"a message about {text}", text=text, bbox=bbox)


def page(
    blocks: Sequence[Block] = (), warnings: Sequence[PageWarning] = (), number: int = 1, **fields: Any
) -> PageResult:
    values = {"width": 1000, "height": 1400, "verified": True, "markdown": "m", **fields}
    return PageResult(page=number, status="succeeded", blocks=list(blocks), warnings=list(warnings), **values)


def article(result: PageResult, picture: Picture = GONE, name: str = "a") -> str:
    return article_html(ReviewedPage(3, name, name, result, picture))


def batch_of(folder: Path, *documents: Sequence[PageResult], sources: Sequence[str] = ()) -> Batch:
    """Return a batch, open for reading, with the results of these documents: `0`, `1`, ..."""
    batch = Batch(folder)
    batch.open_read_only()
    names = [f"{number}" for number in range(len(documents))]
    paths = sources or [f"/gone/{name}" for name in names]
    batch.add(Item(source, name) for source, name in zip(paths, names, strict=True))
    for number, pages in enumerate(documents):
        result = DocumentResult(id=names[number], status="succeeded", page_count=len(pages), pages=list(pages))
        files = batch.folder.put_document(names[number], result)
        doubt = document_doubt(pages)
        batch.ledger.record_result(number + 1, "succeeded", error=None, codes={}, files=files, seconds=1, doubt=doubt)
    return batch


def review(batch: Batch, size: ReviewSize) -> str:
    return write_review(batch, size, SETTINGS).read_text(encoding="utf-8")


def titles(html: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", title) for title in re.findall(r"<h2>(.*?)</h2>", html)]


# --------------------------------------------------------------------------- the choice


def test_the_worst_pages_of_all_documents_are_chosen(tmp_path: Path) -> None:
    """Pages with most findings come first, then those with the lowest confidence, across documents; a page without a
    doubt and a page that could not be compared are never among them."""
    numbers = finding("NUMBERS_DIFFER", "1482 / 1932")
    batch = batch_of(
        tmp_path,
        [page([block("a", 0.9)]), page([block("b", 0.3)], number=2)],
        [page([block("c", 0.1)], [numbers, numbers]), page([block("d", 1.0)], number=2)],
        [page([block("e", 0.1)], [numbers]), page(number=2, verified=False)],
        [page(verified=None)],
    )
    html = review(batch, ReviewSize(count=50))
    assert titles(html) == ["1, page 1", "2, page 1", "0, page 2", "0, page 1"]
    assert "4 pages to look at" in html
    assert "The other compared pages have no finding, and no block with a confidence below 1." in html
    assert "<b>1 page could not be compared</b>" in html
    assert 'They are in <a href="2/document.md"><bdi>2</bdi></a> (1).' in html
    assert titles(review(batch, ReviewSize(share=0.3))) == ["1, page 1", "2, page 1"]
    assert titles(review(batch, ReviewSize(share=0.001))) == ["1, page 1"]


def test_a_review_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A review has a largest number of pages, and says how many were requested."""
    monkeypatch.setattr("ocr_worker.batch.review.MAX_PAGES", 2)
    monkeypatch.setattr("ocr_worker.batch.review_page.MAX_PAGES", 2)
    html = review(batch_of(tmp_path, *[[page([block("a", 0.5)])]] * 4), ReviewSize(share=1))
    assert len(titles(html)) == 2
    assert "4 pages were requested; the first 2 are in this file." in html


def test_without_verify_the_error_names_the_option(tmp_path: Path) -> None:
    """A batch without a second reading has no review, and neither has one in which nothing could be compared."""
    with pytest.raises(BatchUnusable, match=r"--options '\{\"verify\": \"auto\"\}'"):
        review(batch_of(tmp_path / "a", [page(verified=None)]), ReviewSize(count=1))
    with pytest.raises(BatchUnusable, match=r"none of the 1 pages .*\(OCR_VERIFY_WAIT_S\)"):
        review(batch_of(tmp_path / "b", [page(verified=False)]), ReviewSize(count=1))


def test_a_batch_without_doubts_has_an_empty_review(tmp_path: Path) -> None:
    """The review of a batch whose pages were all confirmed says so."""
    html = review(batch_of(tmp_path, [page([block("a", 1.0)])]), ReviewSize(count=9))
    assert "No page to look at" in html
    assert titles(html) == []


# --------------------------------------------------------------------------- pictures


@pytest.mark.process
def test_pictures_come_from_the_files_that_were_parsed(tmp_path: Path) -> None:
    """A file is rendered; a changed file, a file or page that is gone, a URL, and a page of other proportions have a
    note instead of a picture; a picture in the result is taken as it is."""
    (tmp_path / "same.png").write_bytes(png(WHITE, (100, 140)))
    (tmp_path / "turned.png").write_bytes(png(WHITE, (140, 100)))
    (tmp_path / "other.png").write_bytes(png(WHITE, (100, 140)))
    (tmp_path / "short.png").write_bytes(png(WHITE, (100, 140)))
    paths = [str(tmp_path / f"{name}.png") for name in ("same", "turned", "other", "none", "short")]
    sources = [*paths, "https://example.com/a.png", "/gone"]
    results = [page([block("a", 0.5)])] * 4
    results += [page([block("a", 0.5)], number=2), results[0], page([block("a", 0.5)], image=picture_of_page())]
    batch = batch_of(tmp_path / "out", *[[result] for result in results], sources=sources)
    for number, path in enumerate(paths, 1):
        data = Path(path).read_bytes() if Path(path).exists() else b""
        stamp = Stamp(len(data), 0, hashlib.sha256(data if "other" not in path else b"earlier").hexdigest())
        batch.ledger.record_length(number, stamp, 1, 1)
    html = review(batch, ReviewSize(count=50))
    sheets = [sheet.partition("</figure>")[0] for sheet in html.split('<figure class="sheet">')[1:]]
    assert ["data:image/jpeg;base64," in sheet for sheet in sheets] == [True, *[False] * 5, True]
    notes = ["", "was turned", "has changed since", "cannot be read", "not have this page", "came from a URL", ""]
    assert [note in sheet for note, sheet in zip(notes, sheets, strict=True)] == [True] * 7, sheets
    assert picture_of_page() in sheets[6]
    assert not (tmp_path / "out" / "review-pages").exists()


@pytest.mark.browser
def test_a_review_can_be_read_from_the_disk(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser shows it from a file, pictures beside it or inside it included; arrow keys go from page to page, a
    finding's number leads to its words, and a phone has nothing to scroll sideways."""
    result = page([block(LEDGERS, 0.1)], [finding("NUMBERS_DIFFER", "1482 / 1932")], image=picture_of_page())
    batch = batch_of(tmp_path, *[[result]] * 3)
    tab = browser.new_page(viewport={"width": 1280, "height": 860})
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda message: faults.append(message.text))
    for inlined_count in (0, 40):
        monkeypatch.setattr("ocr_worker.batch.review.MAX_INLINED", inlined_count)
        tab.goto(write_review(batch, ReviewSize(count=3), SETTINGS).as_uri())
        assert (tmp_path / "review-pages" / "0003.jpg").exists() == (inlined_count == 0)
        assert tab.evaluate("document.querySelector('#p1 img').decode().then(() => true)")
    expect(tab.locator("#place")).to_have_text("1 of 3: 0, page 1")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#p1")).to_be_focused()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#p2")).to_be_focused()
    expect(tab.locator("#place")).to_have_text("2 of 3: 1, page 1")
    tab.click("#p2-b1 circle")
    expect(tab.locator("#p2-m1")).to_be_in_viewport()
    assert tab.evaluate("location.hash") == "#p2-m1"
    tab.set_viewport_size({"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()
    assert faults == []


def picture_of_page() -> str:
    """Return a white page as a JPEG in base64."""
    return jpeg(Image.new("RGB", (500, 700), "white"))


# --------------------------------------------------------------------------- the text


def test_words_are_marked_however_they_are_written() -> None:
    """Case, accents, spaces and punctuation do not matter, tags of a table neither; a number is no part of another."""
    mark = Mark("café 1482", '<mark id="m">')
    assert marked_html("In the CAFE, 1,482 <b>", [mark])[0] == 'In the <mark id="m">CAFE, 1,482</mark> &lt;b&gt;'
    html, missing = marked_html("<table><tr><td colspan='2'>Lowest</td><td>42</td></tr>", [Mark("lowest 42", "<mark>")])
    assert html == '<table><tr><td colspan="2"><mark>Lowest</mark></td><td><mark>42</mark></td></tr></table>'
    assert missing == []
    assert marked_html("314 14", [Mark("14", "<mark>")])[0] == "314 <mark>14</mark>"
    assert marked_html("a b a", [Mark("a", "<mark>", is_last=True)])[0] == "a b <mark>a</mark>"
    assert marked_html("a a", [Mark("a", "<mark>"), Mark("a", "<mark 2>")])[0] == "<mark>a</mark> <mark 2>a</mark>"
    assert marked_html("a", [Mark("b", "<mark>")]) == ("a", [Mark("b", "<mark>")])


def test_nothing_of_a_document_becomes_markup() -> None:
    """Scripts, attributes and unclosed tags in a table, a name, a note or a finding's text stay text."""
    table = "<table onclick='x'><tr><td colspan='9x' style='x'><script>alert(1)</script><td></div><p>"
    html, _ = marked_html(table, [])
    assert html == ("<table><tr><td>&lt;script&gt;alert(1)<td>&lt;p&gt;</td></td></tr></table>")
    hostile = page([block(EVIL, label=EVIL)], [finding("TEXT_UNSUPPORTED", EVIL), finding("TEXT_MISSED", EVIL)])
    plain = page([block("a", label="a")], [finding("TEXT_UNSUPPORTED", "a"), finding("TEXT_MISSED", "a")])
    text, harmless = (article(result, Picture(None, word), word) for result, word in ((hostile, EVIL), (plain, "a")))
    assert re.findall(r"<\w+", text) == re.findall(r"<\w+", harmless)


def test_each_finding_is_marked_on_both_sides() -> None:
    """On the picture it is a box with its number. In the text, its words have the same number; what the result lacks is
    a note in its block, or after the block above it."""
    blocks = [
        block(f"{LEDGERS}. Silent copper valleys.", 0.08),
        block("Lower down, a table of", 0.15, (60, 200, 900, 260)),
        block("Last", None, (60, 1200, 900, 1260)),
    ]
    warnings = [
        finding("NUMBERS_DIFFER", "1482 / 1932", (500, 70, 560, 110)),
        finding("TEXT_UNSUPPORTED", "Silent copper valleys."),
        finding("CUT", "seven rivers", (60, 230, 300, 260)),
        finding("TEXT_MISSED", "A stamp", (60, 300, 300, 360)),
        finding("TEXT_MISSED", None, (60, 10, 300, 30)),
        finding("REPEATED", "words that nobody wrote"),
    ]
    html = article(page(blocks, warnings, ink_coverage=0.93))
    assert 'data-f="1" id="p3-m1"><a class="badge" href="#p3-b1">1</a>1482</mark> ledgers' in html
    assert 'data-f="2" id="p3-m2"><a class="badge" href="#p3-b2">2</a>Silent copper valleys</mark>.' in html
    assert [f'id="p3-b{number}"' in html for number in range(1, 7)] == [True] * 6
    text = html.partition('class="text"')[2]
    order = [text.index(part) for part in ("p3-m5", "p3-m1", "p3-m6", "p3-m3", "p3-m4", "Last")]
    assert order == sorted(order)
    assert "The page goes on:</span> <bdi>seven rivers</bdi>" in text
    assert "On the page only:</span> text that could not be read" in text
    assert "In this block:</span> <bdi>words that nobody wrote</bdi>" in text
    assert "6 findings; lowest confidence 0.08; 7 % of the text-like ink in no block" in html
    assert '<rect class="block low" data-b="0" x="60" y="60" width="840" height="60">' in html
    entry = entry_html(ReviewedPage(3, "a", "a", page(blocks, warnings), Picture(None)))
    assert re.findall(r'<i class="(\w+)"[^>]*></i>(\d)', entry) == [("differs", "1"), ("extra", "2"), ("missing", "3")]


def test_a_repair_is_shown_with_both_readings() -> None:
    """A repaired finding marks the new reading; a place that was read again in vain keeps its mark."""
    warnings = [
        PageWarning(code="CUT", message="m", text="valleys", bbox=(60, 60, 900, 120), repair=repair)
        for repair in (Repair(outcome="replaced", before="valets", after="valleys"), Repair(outcome="kept"))
    ]
    html = article(page([block("Silent copper valleys", 0.9)], warnings))
    assert 'Silent copper <mark class="repaired" data-f="1" id="p3-m1">' in html
    assert "<b>repaired</b>: <q><bdi>valleys</bdi></q> instead of <q><bdi>valets</bdi></q>" in html
    assert '<li class="missing" data-f="2">' in html
    assert ", read again without more evidence" in html


def test_a_page_without_blocks_is_shown_as_markdown() -> None:
    """With `formats: ["markdown"]`, the findings are marked in the Markdown."""
    result = page(warnings=[finding("NUMBERS_DIFFER", "1482 / 1932")], markdown=f"# {LEDGERS}")
    html = article(result.model_copy(update={"blocks": None}))
    assert 'describes <mark class="differs"' in html
    assert "1 finding" in html


# --------------------------------------------------------------------------- the file


def test_the_review_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """It has no address of another host, and a policy that allows pictures of the disk only."""
    html = review(batch_of(tmp_path, [page([block("a", 0.5)])]), ReviewSize(count=1))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "img-src 'self' file: data:" in policy[1]
    assert not re.search(r"https?://|url\(|@import", html)


def test_the_colors_of_the_review_can_be_read() -> None:
    """Each color of text has a contrast of at least 4.5 to the paper: light, dark and printed."""
    css = files("ocr_worker.batch").joinpath("review.html").read_text(encoding="utf-8")
    schemes = [dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in re.findall(r":root \{(.*?)\}", css, re.DOTALL)]
    assert len(schemes) == 3
    for scheme in schemes:
        for name in ("ink", "quiet", "link", "missing", "extra", "differs", "repaired"):
            assert contrast(scheme[name], scheme["paper"]) >= 4.5, (name, scheme)
        for name in ("missing", "extra", "differs", "repaired"):
            assert contrast(scheme[name], scheme["on-badge"]) >= 4.5, (name, scheme)


@pytest.mark.parametrize(("text", "pages"), [("50", 50), ("1", 1), ("2%", 20), ("0.05%", 1), ("100 %", 1000)])
def test_a_size_is_a_number_or_a_share_of_pages(text: str, pages: int) -> None:
    """A share is rounded up, and a number is not more than there are pages."""
    assert review_size(text).pages_of(1000) == pages
    assert review_size(text).pages_of(1) == 1


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-1", "2.5", "nan%", "two", "%"])
def test_a_size_that_means_nothing_is_rejected(text: str) -> None:
    """The error shows both forms."""
    with pytest.raises(ArgumentTypeError, match="such as 50, nor a share, such as 2%"):
        review_size(text)
