"""Made pages with known truth for bench/witness.py: blocks with text and boxes, drawn with Pillow.

Layouts: one, two and three columns, an invoice, a letter, a list, tables of numbers, a form, a report, a receipt, a
catalog, minutes. `apply_look` makes a clean print, a 150 dpi scan and a noisy scan of a page. Tuning and test pages
differ in layouts, fonts and text. The fonts are free families (see `_FONTS`); what is not installed is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from quality_pages.prose import Writer

from ocr_worker.wire.schema import Block

sys.path.insert(0, str(Path(__file__).parent))

WIDTH, HEIGHT, DPI = 1000, 760, 200
LOOKS = ("clean", "scan", "noisy")
TUNING, TEST = "tuning", "test"
LAYOUTS = {
    TUNING: ("columns", "invoice", "list", "prose", "report", "receipt"),
    TEST: ("numbers", "letter", "form", "three", "catalog", "minutes"),
}
WITH_TABLES = ("invoice", "report", "receipt", "numbers", "catalog")
# Parts of font files' names, by set.
_FONTS = {
    TUNING: ("DejaVuSans.ttf", "DejaVuSerif.ttf", "NotoSans[wdth", "OpenSans[wdth", "PT_Serif-Web-Regular",
             "Lato-Regular"),
    TEST: ("NotoSerif[wdth", "IBMPlexSans[wdth", "PT_Sans-Web-Regular", "Merriweather[", "LibreBaskerville[",
           "CrimsonText-Regular", "DejaVuSansMono.ttf"),
}  # fmt: skip
_OF_SCRIPTS = {
    TUNING: {"zh": "NotoSansSC", "ko": "NotoSansKR", "ru": "DejaVuSerif.ttf"},
    TEST: {"zh": "NotoSerifSC", "ko": "NotoSerifKR", "ru": "DejaVuSansMono.ttf"},
}
LANGUAGES = ("en", "en", "en", "en", "fr", "fr", "de", "de", "zh", "zh", "ru", "ko")
UNKNOWN_SCRIPTS = ("ru", "ko")  # to the small reader


@dataclass(frozen=True)
class MadePage:
    name: str
    layout: str
    language: str
    image: Image.Image
    blocks: tuple[Block, ...]


class Sheet:
    """A page that is being drawn from top to bottom."""

    def __init__(self, font_path: str, size: int) -> None:
        self.image = Image.new("RGB", (WIDTH, HEIGHT), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.font_path, self.size = font_path, size
        self.blocks: list[Block] = []

    def text(self, label: str, text: str, x: int, y: int, width: int, scale: float = 1.0) -> int:
        """Draw a paragraph; return the y below it."""
        font = ImageFont.truetype(self.font_path, round(self.size * scale))
        top, right = y, x
        for line in self._wrap(text, font, width):
            self.draw.text((x, y), line, fill=(20, 20, 20), font=font)
            right = max(right, x + round(font.getlength(line)))
            y += round(self.size * scale * 1.45)
        self.blocks.append(Block(label=label, content=text, bbox=(x - 3, top - 2, right + 3, y)))
        return y + round(self.size * 0.8)

    def _wrap(self, text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
        joint = " " if " " in text else ""
        parts, lines = (text.split(" ") if joint else list(text)), [""]
        for part in parts:
            longer = lines[-1] + joint + part if lines[-1] else part
            if font.getlength(longer) > width and lines[-1]:
                lines.append(part)
            else:
                lines[-1] = longer
        return lines

    def table(self, rows: Sequence[Sequence[str]], x: int, y: int, widths: Sequence[int], rules: bool) -> int:
        """Draw a table; return the y below it."""
        font = ImageFont.truetype(self.font_path, self.size)
        step, top = round(self.size * 1.7), y
        for row in rows:
            left = x
            for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
                shift = width - 10 - round(font.getlength(cell)) if index else 6
                self.draw.text((left + shift, y + 4), cell, fill=(20, 20, 20), font=font)
                left += width
            y += step
            if rules:
                self.draw.line((x, y, left, y), fill=(90, 90, 90))
        html = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        self.blocks.append(Block(label="table", content=f"<table>{html}</table>", bbox=(x, top, x + sum(widths), y)))
        return y + self.size


def make_page(kind: str, number: int, fonts: Callable[[str], str | None]) -> MadePage:
    """Return page `number` of a set."""
    random = Random(f"{kind}:{number}")
    layout, language = LAYOUTS[kind][number % len(LAYOUTS[kind])], random.choice(LANGUAGES)
    if not (path := fonts(_OF_SCRIPTS[kind].get(language, ""))):
        language = language if language not in _OF_SCRIPTS[kind] else "en"
        path = random.choice([installed for name in _FONTS[kind] if (installed := fonts(name))])
    sheet = Sheet(path, random.choice((20, 22, 24)))
    _DRAW[layout](sheet, Writer(f"{kind}{number}", language), random)
    blocks = [block for block in sheet.blocks if block.bbox[3] < HEIGHT - 10]
    for block in sheet.blocks:  # what begins on the page and ends below it is taken off
        x0, y0, x1, y1 = block.bbox
        if y0 < HEIGHT <= y1 + 10:
            sheet.draw.rectangle((x0 - 5, y0 - 2, x1 + 5, HEIGHT), fill="white")
    return MadePage(f"{kind}-{number}", layout, language, sheet.image, tuple(blocks))


def _prose(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 80, 70, 840, 1.6)
    while y < HEIGHT:
        y = sheet.text("text", w.prose(random.randint(1, 4)), 80, y, 840)


def _columns(sheet: Sheet, w: Writer, random: Random) -> None:
    top = sheet.text("doc_title", _phrase(w), 60, 60, 880, 1.5)
    for x in (60, 520):
        y = top
        while y < HEIGHT:
            y = sheet.text("text", w.prose(random.randint(1, 3)), x, y, 420)


def _three(sheet: Sheet, w: Writer, random: Random) -> None:
    sheet.text("header", _phrase(w), 70, 30, 600, 0.8)
    for x in (70, 380, 690):
        y = 110
        while y < HEIGHT:
            y = sheet.text("text", w.prose(random.randint(1, 2)), x, y, 260)


def _report(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 120, 50, 760, 1.7)
    for section in range(1, 4):
        y = sheet.text("paragraph_title", f"{section}.{random.randint(1, 9)} {_phrase(w)}", 90, y, 820, 1.2)
        y = sheet.text("text", w.prose(random.randint(1, 3)), 90, y, 820)
        if section == 2:
            rows = [["", "I", "II", "III"]] + [
                [w.word(), *(str(random.randint(10, 9999)) for _ in range(3))] for _ in range(random.randint(2, 4))
            ]
            y = sheet.table(rows, 120, y, (300, 140, 140, 140), rules=random.random() < 0.5)
    if y < 690:
        sheet.text("footer", f"{w.word()} {random.randint(1, 99)} / 99", 420, 705, 300, 0.8)


def _receipt(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 280, 40, 440, 1.3)
    date = f"{random.randint(10, 28)}.{random.randint(10, 12)}.2024"
    y = sheet.text("text", f"{date}  14:{random.randint(10, 59)}", 280, y, 440)
    rows = [[f"{w.word()} {random.randint(1, 9)} x", _amount(random, 99)] for _ in range(random.randint(6, 9))]
    y = sheet.table(rows, 280, y, (320, 130), rules=False)
    y = sheet.text("text", f"{w.word()} {_amount(random)}", 280, y, 440, 1.2)
    sheet.text("text", w.prose(1), 280, y, 440)


def _catalog(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("header", f"{_phrase(w)} {random.randint(2019, 2026)}", 60, 30, 800, 0.9)
    for _ in range(2):
        bottom = y
        for x in (60, 380, 700):
            below = sheet.text("paragraph_title", w.word().capitalize(), x, y, 260, 1.2)
            below = sheet.text("text", w.sentence(), x, below, 260, 0.9)
            bottom = max(bottom, sheet.text("text", f"EUR {_amount(random)}", x, below, 260))
        y = bottom
    rows = [[w.word(), str(random.randint(100, 999)), _amount(random, 999), _amount(random)] for _ in range(4)]
    if y < HEIGHT - 200:
        sheet.table(rows, 60, y, (330, 150, 180, 200), rules=True)


def _minutes(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 70, 50, 860, 1.4)
    y = sheet.text("text", f"{w.name()}, {w.name()}, {w.name()}", 70, y, 860)
    hour = random.randint(8, 14)
    while y < HEIGHT - 60:
        minute = random.randint(10, 49)
        sheet.text("text", f"{hour}:{minute}", 70, y, 100)
        y = sheet.text("text", w.prose(random.randint(1, 2)), 200, y, 720)
        hour += 1


def _phrase(w: Writer) -> str:
    """Return a few words in the writer's language, as for a title."""
    return w._join.join((w.word("A").capitalize(), w.word(), w.word("V"), w.word()))


def _amount(random: Random, high: float = 9999) -> str:
    return f"{random.uniform(1, high):,.2f}"


def _invoice(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("paragraph_title", _phrase(w), 70, 60, 800, 1.5)
    number, day, month = random.randint(10000, 99999), random.randint(10, 28), random.randint(10, 12)
    y = sheet.text("text", f"No. {number}  {day}.{month}.2025", 70, y, 500)
    y = sheet.text("text", w.prose(1), 70, y, 800)
    rows = [[w.word(), "2024", "2025"]] + [
        [f"{w.word()} {w.word()}", str(random.randint(1, 40)), _amount(random)] for _ in range(random.randint(4, 6))
    ]
    y = sheet.table(rows, 70, y, (420, 160, 250), rules=True)
    y = sheet.text("text", f"{w.word()} {_amount(random, 99999)}", 600, y, 350)
    y = sheet.text("text", w.prose(2), 70, y, 800)
    if y < 690:
        sheet.text("footer", f"IBAN DE{random.randint(10**15, 10**16)}", 70, 700, 800, 0.8)


def _numbers(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("paragraph_title", _phrase(w), 60, 60, 800, 1.3)
    for count in (random.randint(6, 9), 4):
        rows = [["", "2021", "2022", "2023", "2024"]] + [
            [w.word(), *(_amount(random, random.choice((99, 9999))) for _ in range(4))] for _ in range(count)
        ]
        y = sheet.table(rows, 60, y, (260, 150, 150, 150, 150), rules=random.random() < 0.5)
        y = sheet.text("text", w.prose(1), 60, y, 860)


def _letter(sheet: Sheet, w: Writer, random: Random) -> None:
    for x, y in ((90, 50), (620, 120)):
        sheet.text("text", f"{_phrase(w)} {random.randint(1, 99)} {random.randint(10000, 99999)}", x, y, 300)
    y = sheet.text("paragraph_title", _phrase(w), 90, 230, 800, 1.2)
    while y < HEIGHT - 160:
        y = sheet.text("text", w.prose(random.randint(2, 3)), 90, y, 800)
    sheet.text("footer", f"+49 {random.randint(100, 999)} {random.randint(10**6, 10**7)}", 90, 700, 800, 0.8)


def _list(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 80, 60, 800, 1.5)
    number = 1
    while y < HEIGHT:
        y = sheet.text("text", f"{number}. {w.sentence()}", 100 + 30 * random.randint(0, 1), y, 760)
        number += 1


def _form(sheet: Sheet, w: Writer, random: Random) -> None:
    y = sheet.text("doc_title", _phrase(w), 80, 60, 800, 1.4)
    while y < HEIGHT - 150:
        sheet.text("text", f"{w.word()}:", 80, y, 250)
        value = random.choice((_amount(random), _phrase(w), f"{random.randint(1, 28)}/{random.randint(1, 12)}/2024"))
        sheet.draw.line((340, y + 34, 900, y + 34), fill=(120, 120, 120))
        y = sheet.text("text", value, 350, y, 560)
    sheet.text("text", w.prose(1), 80, y, 840)


_DRAW = {
    "prose": _prose, "columns": _columns, "three": _three, "invoice": _invoice, "numbers": _numbers, "letter": _letter,
    "list": _list, "form": _form, "report": _report, "receipt": _receipt, "catalog": _catalog, "minutes": _minutes,
}  # fmt: skip


def apply_look(image: Image.Image, look: str, seed: int) -> np.ndarray:
    """Return the page as BGR pixels at its own size: as printed, as a 150 dpi scan, or as a noisy 150 dpi scan."""
    if look != "clean":
        small = image.resize((WIDTH * 150 // DPI, HEIGHT * 150 // DPI), Image.Resampling.LANCZOS)
        values = np.asarray(small.filter(ImageFilter.GaussianBlur(0.5 if look == "scan" else 0.8)), np.float32)
        noise = np.random.default_rng(seed).normal(0, 4 if look == "scan" else 18, values.shape)
        faded = values * (1 if look == "scan" else 0.75) + (0 if look == "scan" else 50)
        data = BytesIO()
        Image.fromarray(np.clip(faded + noise, 0, 255).astype(np.uint8)).save(
            data, "JPEG", quality=80 if look == "scan" else 45
        )
        image = Image.open(data).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
