"""Lines that come again on neighboring pages, and the look at those pages, which costs no page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ocr_worker.pages import PageImage
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest, apart
from ocr_worker.sources.rasterizer.apart import call_apart
from ocr_worker.sources.rasterizer.running_lines import PageView, PlacedLine, RunningLines
from ocr_worker.wire.page_ranges import PageRange
from support import files

HEIGHT = 842.0
Page = Sequence[tuple[str, float]]  # texts, each with its distance from the page's upper edge in points


def placed(page: Page) -> list[PlacedLine]:
    return [PlacedLine(text, y, y + 10, HEIGHT) for text, y in page]


def running(pages: Sequence[Page], number: int) -> list[str]:
    """Return the lines of page `number` that come again."""

    def look_at(each: int) -> PageView:
        return PageView.of(placed(pages[each - 1]), [text for text, y in pages[each - 1] if 120 < y < 720])

    lines = placed(pages[number - 1])
    return [lines[i].text for i in RunningLines(len(pages), look_at).find(number, lines)]


def text(page: int) -> Page:
    return [(f"line {chr(65 + row)} of page {'abcdefg'[page]}", 140.0 + 20 * row) for row in range(20)]


def pages(heads: Sequence[str], y: float = 40) -> list[Page]:
    return [[(head, y), *text(i)] for i, head in enumerate(heads)]


HEADS = {
    "same": (["River Council"] * 3, [True] * 3),
    "two-pages": (["River Council"] * 2, [True] * 2),
    "left-and-right": (["River Council", "The Ferry", "River Council", "The Ferry"], [True] * 4),
    "counting": (["12 River Council", "13 River Council", "14 River Council"], [True] * 3),
    "of-all": (["River Council 1 of 2", "River Council 2 of 2"], [True] * 2),
    "title-page": (["Report on the Ferry", "River Council", "River Council"], [False, True, True]),
    "three-apart": (["River Council", "A", "B", "River Council"], [False] * 4),
    "other-numbers": (["Report of 1912", "Report of 1951", "Report of 1988"], [False] * 3),
    "titles-that-count": (["Invoice 12", "Invoice 13", "Invoice 14"], [False] * 3),
    "digits": (["12.50", "12.50"], [False] * 2),
    "few-letters": (["No. 26-104 B", "No. 26-104 B"], [True] * 2),
    "case-number": (["No. 21-50498", "No. 21-50498"], [True] * 2),
    "other-case": (["No. 21-50498", "No. 21-50499"], [False] * 2),
    "amounts": (["12,500.00", "12,500.00"], [False] * 2),
    "number-of-page": (["p. 3", "p. 3"], [False] * 2),
}


@pytest.mark.parametrize(("heads", "expected"), HEADS.values(), ids=HEADS)
def test_lines_that_come_again(heads: list[str], expected: list[bool]) -> None:
    """One of two pages before or after has the line, with the same numbers or with numbers that count the pages."""
    document = pages(heads)
    assert [bool(running(document, i + 1)) for i in range(len(heads))] == expected


def test_feet_come_again_on_sheets_of_two_sizes() -> None:
    """The place of a line is its distance from the nearer edge."""
    foot = [("River Council", HEIGHT - 40.0)]
    tall = PageView.of([PlacedLine("River Council", 1160, 1170, 1200)], ["other text"])
    lines = placed(foot)
    views = {1: PageView.of(lines, ["text"]), 2: tall}
    assert RunningLines(2, views.__getitem__).find(1, lines) == [0]


@pytest.mark.parametrize(
    "other", [PlacedLine("River Council", 60, 70, HEIGHT), PlacedLine("River Council", 38, 54, HEIGHT)]
)
def test_another_place_or_size_is_another_line(other: PlacedLine) -> None:
    """A title in large letters is not the running head of the pages after it."""
    lines = placed([("River Council", 40)])
    views = {1: PageView.of(lines, ["text"]), 2: PageView.of([other], ["other text"])}
    assert RunningLines(2, views.__getitem__).find(1, lines) == []


def test_the_second_row_of_a_head_comes_again() -> None:
    """Slip opinions have their running heads deep in the page, above a narrow column of text."""
    document = [[("Cite as: 26 R. C. 104", 118), ("Syllabus", 150), *text(i)[3:]] for i in range(3)]
    assert running(document, 2) == ["Cite as: 26 R. C. 104", "Syllabus"]


def test_a_line_within_the_text_is_not_looked_for() -> None:
    """Lines in the middle of the page may be equal by chance."""
    assert running(pages(["Note to the reader"] * 2, y=300), 1) == []


def test_the_lines_of_a_form_prove_nothing() -> None:
    """Pages that have a quarter of their lines in common are filled in on one form, whose title comes again too."""
    labels: Page = [(f"{label}:", 200.0 + 40 * i) for i, label in enumerate(("Name", "Street", "Town", "Date"))]
    forms: list[Page] = [[("Request", 40), *labels, *text(i)[:8]] for i in range(3)]
    assert running(forms, 2) == []
    assert running([[*form[:2], *text(i)] for i, form in enumerate(forms)], 2) == ["Request"]


# --------------------------------------------------------------------------- through a rasterizer process


def report_page(number: int) -> str:
    body = " ".join(
        files.text_page(f"Gauge {'ABCDEFGHIJKL'[3 * number + row]} rose", y=60 + 14 * row) for row in range(3)
    )
    return f"{files.text_page('River Council', y=185)} {body}"


SHEET = "0 0 200 200"
REPORT = [report_page(i) for i in range(4)]


def repeated(pool: RasterPool, data: bytes, page_range: PageRange | None = None) -> dict[int, list[str]]:
    ranges = None if page_range is None else (page_range,)
    with pool.open(data, RasterRequest(ranges, None, 72, 10_000_000, 100, text_layer=True)) as document:
        rendered = [page for page in document if isinstance(page, PageImage)]
    return {page.number: [line.text for line in page.text_lines or () if line.is_repeated] for page in rendered}


@pytest.mark.process
def test_a_page_has_the_same_marks_alone_as_among_others(pool: RasterPool) -> None:
    """The marks come from the file, not from the requested pages; a damaged neighbor takes no part."""
    data = files.pages(REPORT, box=SHEET)
    assert repeated(pool, data) == {number: ["River Council"] for number in range(1, 5)}
    assert repeated(pool, data, (3, 3)) == {3: ["River Council"]}
    damaged = files.pages([REPORT[0], "BT /Nothing Tf (", files.text_page("Other"), REPORT[3]], box=SHEET)
    assert repeated(pool, damaged, (1, 1)) == {1: []}


def crash() -> None:
    os.abort()


def hang() -> None:
    while True:
        pass


def fail() -> None:
    raise MemoryError


def flood() -> str:
    return "x" * 2_000_000


@pytest.mark.process
@pytest.mark.parametrize("work", [crash, hang, fail, flood])
def test_work_that_ends_badly_has_no_result(work: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash, a hang, an exception or too large a result in the copy of the process costs the result alone."""
    monkeypatch.setattr(apart, "_PROCESSOR_S", 1)
    assert call_apart(work) is None
    assert call_apart(lambda: [1, "a"]) == [1, "a"]
