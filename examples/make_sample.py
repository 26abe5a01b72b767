"""Draw `sample.pdf`: three born-digital pages with a title, columns, tables, a figure, headers and footers.

Run it as `python examples/make_sample.py`. It needs nothing but pypdfium2 and writes the same bytes each time. The
fonts are two of the fourteen that every PDF viewer has, so the file embeds none. The text is our own.
"""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

TARGET = Path(__file__).with_name("sample.pdf")
WIDTH, HEIGHT, MARGIN = 420, 595, 42  # A5, in points
TEXT_SIZE, LEADING, PARAGRAPH_GAP = 9.5, 13.0, 8.0
INK, GRAY, BLUE = (25, 25, 25), (110, 110, 110), (46, 103, 148)

HEADER = "Upper Basin River Council"
TITLE = "Low Water at Four Gauges"
INTRO = (
    "The summer of 2025 was the driest since the council began to keep records. This report compares the lowest "
    "level at each gauge with the year before, and says what follows for the ferry."
)
LEVELS_HEADING = "Lowest levels"
LEVELS = (
    ("Gauge", "2024 (m)", "2025 (m)", "Change (%)"),
    ("Stone Bridge", "0.61", "0.42", "-31"),
    ("Old Mill", "0.80", "0.65", "-19"),
    ("Ferry Lane", "1.32", "1.08", "-18"),
    ("North Weir", "0.97", "0.91", "-6"),
)
MONTHS = (("May", 1.9), ("Jun", 1.5), ("Jul", 0.9), ("Aug", 0.42), ("Sep", 0.7), ("Oct", 1.2))
CAPTION = "Figure 1: Lowest level at Stone Bridge in each month of 2025, in meters."
AFTER_FIGURE = "The river fell below half a meter on nineteen days, all of them in August."

CAUSES_HEADING = "Where the water went"
LEFT_COLUMN = (
    "Little snow fell in the winter, and what fell was gone by the end of March. The springs that feed the upper "
    "reach ran at two thirds of their usual strength.",
    "The towns drew no more than in other years. Their wells reach the deep gravel, which answers to a dry season "
    "only after many months.",
    "Evaporation was high. On the four hottest days the open water of the reservoir lost a centimeter a day.",
)
RIGHT_COLUMN = (
    "The gate at Old Mill leaked through June. It was repaired on the third of July, and the level behind it rose by "
    "eight centimeters within a week.",
    "Fields along the lower reach were watered at night only, as agreed in April. The agreement saved about a tenth "
    "of what was drawn in 2022.",
    "Rain returned on the second of September, and by October three of the four gauges stood at their mean.",
)
MEASURES_HEADING = "What the council decided"
MEASURES = (
    "Read all gauges twice a day from June to October.",
    "Inspect the gates in May, before the water is low.",
    "Publish the levels each Monday.",
)

FERRY_HEADING = "The ferry"
FERRY = (
    "The ferry needs 1.20 m of water at its landing. The table lists the days on which it could not run, and what a "
    "ticket refund cost the council."
)
FERRY_TABLE = (
    ("Month", "Days lost", "Refunds", "Cost (EUR)"),
    ("June", "0", "0", "0.00"),
    ("July", "6", "118", "354.00"),
    ("August", "23", "512", "1,536.00"),
    ("September", "11", "240", "720.00"),
    ("Total", "40", "870", "2,610.00"),
)
CLOSING = (
    "A lower landing would have kept the ferry running on all but nine days. The council asks for offers until the "
    "end of February.",
    "Levels are daily minimums. They are corrected for the drift of the sensor at Ferry Lane, which was replaced in "
    "May.",
)


class Sheet:
    """One page under construction. Positions are in points from the top left; `y` is where the next part begins."""

    def __init__(self, document: pypdfium2.PdfDocument, number: int, fonts: tuple[object, object]) -> None:
        self.page = document.new_page(WIDTH, HEIGHT)
        self.y = 70.0
        self._document, (self._regular, self._bold) = document, fonts
        self.text(HEADER, MARGIN, 36, 8, color=GRAY)
        self.text("Annual report 2025", WIDTH - MARGIN, 36, 8, color=GRAY, is_right=True)
        self.text(str(number), WIDTH / 2, HEIGHT - 30, 8, color=GRAY)

    def text(
        self,
        text: str,
        x: float,
        y: float,
        size: float = TEXT_SIZE,
        *,
        is_bold: bool = False,
        is_right: bool = False,
        color: tuple[int, int, int] = INK,
    ) -> None:
        """Draw one line with its baseline at `y`. is_right: `x` is where the line ends."""
        font = self._bold if is_bold else self._regular
        line = pdfium.FPDFPageObj_CreateTextObj(self._document, font, size)
        encoded = (text + "\0").encode("utf-16-le")
        characters = (ctypes.c_ushort * (len(encoded) // 2)).from_buffer_copy(encoded)
        pdfium.FPDFText_SetText(line, characters)
        pdfium.FPDFPageObj_SetFillColor(line, *color, 255)
        start = x - self.width(text, size, is_bold=is_bold) if is_right else x
        pdfium.FPDFPageObj_Transform(line, 1, 0, 0, 1, start, HEIGHT - y)
        pdfium.FPDFPage_InsertObject(self.page, line)

    def width(self, text: str, size: float, *, is_bold: bool = False) -> float:
        """Return the width of a line in points."""
        font, total, glyph = (self._bold if is_bold else self._regular), 0.0, ctypes.c_float()
        for character in text:
            pdfium.FPDFFont_GetGlyphWidth(font, ord(character), size, glyph)
            total += glyph.value
        return total

    def rectangle(
        self, x: float, y: float, width: float, height: float, color: tuple[int, int, int], *, is_filled: bool = True
    ) -> None:
        """Draw a rectangle whose top left corner is at (x, y), filled or as an outline."""
        shape = pdfium.FPDFPageObj_CreateNewRect(x, HEIGHT - y - height, width, height)
        if is_filled:
            pdfium.FPDFPageObj_SetFillColor(shape, *color, 255)
        else:
            pdfium.FPDFPageObj_SetStrokeColor(shape, *color, 255)
            pdfium.FPDFPageObj_SetStrokeWidth(shape, 0.7)
        fill_mode = pdfium.FPDF_FILLMODE_ALTERNATE if is_filled else pdfium.FPDF_FILLMODE_NONE
        pdfium.FPDFPath_SetDrawMode(shape, fill_mode, not is_filled)
        pdfium.FPDFPage_InsertObject(self.page, shape)

    def heading(self, text: str, size: float = 13) -> None:
        """Draw a heading, and space around it."""
        self.y += size + 4
        self.text(text, MARGIN, self.y, size, is_bold=True)
        self.y += 20

    def paragraph(self, text: str, x: float = MARGIN, width: float = WIDTH - 2 * MARGIN, first: str = "") -> None:
        """Draw a paragraph, wrapped to `width`. first: a mark before its first line, such as a bullet."""
        indent = self.width(first + "  ", TEXT_SIZE) if first else 0.0
        self.text(first, x, self.y)
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if self.width(longer, TEXT_SIZE) > width - indent:
                self.text(line, x + indent, self.y)
                self.y += LEADING
                longer = word
            line = longer
        self.text(line, x + indent, self.y)
        self.y += LEADING + PARAGRAPH_GAP

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Draw a ruled table: the first row in bold, numbers at the right of their cells."""
        height, column = 18.0, (WIDTH - 2 * MARGIN) / len(rows[0])
        top = self.y - 8
        for row, cells in enumerate(rows):
            for index, cell in enumerate(cells):
                x, y = MARGIN + index * column, top + row * height
                self.rectangle(x, y, column, height, INK, is_filled=False)
                is_number = row > 0 and index > 0
                at = x + column - 7 if is_number else x + 7
                self.text(cell, at, y + 12.5, 9, is_bold=row == 0, is_right=is_number)
        self.y = top + len(rows) * height + 22

    def chart(self, values: Sequence[tuple[str, float]], height: float = 110) -> None:
        """Draw a bar for each value, with the value above and the label below."""
        step, base = (WIDTH - 2 * MARGIN) / len(values), self.y + height
        largest = max(value for _, value in values)
        for index, (label, value) in enumerate(values):
            x, bar = MARGIN + index * step, value / largest * (height - 16)
            self.rectangle(x + 12, base - bar, step - 24, bar, BLUE)
            for text, y in ((f"{value:.2f}", base - bar - 4), (label, base + 12)):
                self.text(text, x + (step - self.width(text, 8)) / 2, y, 8)
        self.rectangle(MARGIN, base, WIDTH - 2 * MARGIN, 0.8, INK)
        self.y = base + 30


def draw_first_page(sheet: Sheet) -> None:
    """Draw the page with the title, a table and the figure."""
    sheet.heading(TITLE, 20)
    sheet.y += 4
    sheet.paragraph(INTRO)
    sheet.heading(LEVELS_HEADING)
    sheet.table(LEVELS)
    sheet.chart(MONTHS)
    sheet.paragraph(CAPTION)
    sheet.paragraph(AFTER_FIGURE)


def draw_second_page(sheet: Sheet) -> None:
    """Draw the page with two columns and a list."""
    sheet.heading(CAUSES_HEADING)
    top, gap = sheet.y, 24
    column = (WIDTH - 2 * MARGIN - gap) / 2
    ends = []
    for x, paragraphs in ((MARGIN, LEFT_COLUMN), (MARGIN + column + gap, RIGHT_COLUMN)):
        sheet.y = top
        for paragraph in paragraphs:
            sheet.paragraph(paragraph, x, column)
        ends.append(sheet.y)
    sheet.y = max(ends)
    sheet.heading(MEASURES_HEADING)
    for number, measure in enumerate(MEASURES, start=1):
        sheet.paragraph(measure, first=f"{number}.")


def draw_third_page(sheet: Sheet) -> None:
    """Draw the page with the second table."""
    sheet.heading(FERRY_HEADING)
    sheet.paragraph(FERRY)
    sheet.table(FERRY_TABLE)
    for paragraph in CLOSING:
        sheet.paragraph(paragraph)


def sample_pdf() -> bytes:
    """Return the PDF's bytes."""
    document = pypdfium2.PdfDocument.new()
    fonts = tuple(pdfium.FPDFText_LoadStandardFont(document, name.encode()) for name in ("Helvetica", "Helvetica-Bold"))
    for number, draw in enumerate((draw_first_page, draw_second_page, draw_third_page), start=1):
        sheet = Sheet(document, number, fonts)
        draw(sheet)
        pdfium.FPDFPage_GenerateContent(sheet.page)
    buffer = io.BytesIO()
    document.save(buffer)
    # PDFium writes the time and a random identifier; fixed ones of the same length keep all offsets valid.
    dated = re.sub(rb"D:\d{14}", b"D:20260101000000", buffer.getvalue())
    return re.sub(rb"(?<=<)[0-9A-F]{32}(?=>)", b"0" * 32, dated)


if __name__ == "__main__":
    TARGET.write_bytes(sample_pdf())
