"""Born-digital pages with the true boxes, labels and texts of their blocks.

A `Sheet` is drawn from top to bottom and becomes a page of A4. Three classes of pages are made from it, ten each:
running text in six scripts, text with formulas and tables, and forms. Every other page embeds its fonts without a
table of characters, as many programs do, so that only a reader can prove them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from support import tinyvl
from support.files import pdf, stream
from support.true_type import face, font_objects

DPI = 144
_SCALE = DPI / 72
_LEFT, _WIDTH = 60.0, 475.0
_ASCENT, _DESCENT = 0.76, 0.24  # ems of DejaVu above and below the baseline, without accents of capitals
SANS, SERIF, BOLD, MATH = "DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "DejaVuMathTeXGyre.ttf"

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Truth:
    """A block. box: pixels at DPI. text: as the model writes it. must_read: its crop must be sent to the model."""

    label: str
    box: Box
    text: str
    must_read: bool = False


@dataclass
class Sheet:
    """A page in progress.

    has_tables: its fonts have tables of characters. claims: of the font SERIF, see `font_objects`. size: width and
    height in points.
    """

    has_tables: bool = True
    claims: Mapping[str, str] = field(default_factory=dict)
    truths: list[Truth] = field(default_factory=list)
    size: tuple[float, float] = (595.0, 842.0)
    y: float = 60.0  # of the next block's upper edge, in points from the top

    def __post_init__(self) -> None:
        self._content: list[str] = []
        self._used: dict[str, set[str]] = {}

    def line(self, text: str, x: float, baseline: float, size: float, font: str = SANS) -> Box:
        """Draw a line and return its box in points from the top."""
        self._used.setdefault(font, set()).update(text)
        name = list(self._used).index(font)
        self._content.append(
            f"BT /F{name} {size} Tf {x:.2f} {self.size[1] - baseline:.2f} Td {face(font).codes(text)} Tj ET"
        )
        return (x, baseline - _ASCENT * size, x + size * face(font).length(text), baseline + _DESCENT * size)

    def draw(self, content: str) -> None:
        """Append a content stream, in points from the bottom."""
        self._content.append(content)

    def add(self, label: str, boxes: Sequence[Box], text: str, must_read: bool = False) -> None:
        """Add the block around these boxes, in points from the top, and continue below it."""
        x0, y0, x1, y1 = zip(*boxes, strict=True)
        box = (min(x0) - 1, min(y0) - 1, max(x1) + 1, max(y1) + 1)
        scaled = (box[0] * _SCALE, box[1] * _SCALE, box[2] * _SCALE, box[3] * _SCALE)
        self.truths.append(Truth(label, scaled, text, must_read))
        self.y = max(self.y, box[3] + 10)

    def paragraph(
        self,
        text: str,
        label: str = "text",
        size: float = 10,
        font: str = SANS,
        *,
        x: float = _LEFT,
        width: float = _WIDTH,
        is_rtl: bool = False,
        must_read: bool = False,
        hyphenate: bool = True,
    ) -> None:
        """Add a paragraph, broken into lines of at most `width` points, and with hyphens in long words."""
        boxes = []
        for row, line in enumerate(_break(text, font, width / size, hyphenate)):
            drawn = line[::-1] if is_rtl else line
            start = x + width - size * face(font).length(drawn) if is_rtl else x
            boxes.append(self.line(drawn, start, self.y + _ASCENT * size + 1.45 * size * row, size, font))
        self.add(label, boxes, text, must_read)

    def table(self, rows: Sequence[Sequence[str]], size: float = 10) -> None:
        """Add a table with rules, which the model reads."""
        boxes = []
        step = _WIDTH / len(rows[0])
        for row, cells in enumerate(rows):
            baseline = self.y + (row + 0.7) * 18
            boxes += [self.line(cell, _LEFT + 6 + step * i, baseline, size) for i, cell in enumerate(cells)]
            top = self.size[1] - self.y - 18 * row
            self.draw(f"0.5 w {_LEFT} {top:.2f} m {_LEFT + _WIDTH} {top:.2f} l S")
        bottom = self.y + 18 * len(rows)
        self.draw(f"0.5 w {_LEFT} {self.size[1] - bottom:.2f} m {_LEFT + _WIDTH} {self.size[1] - bottom:.2f} l S")
        cells = "".join("".join(f"<fcel>{cell}" for cell in row) + "<nl>" for row in rows)
        self.add("table", [*boxes, (_LEFT, self.y, _LEFT + _WIDTH, bottom)], cells, must_read=True)

    def formula(self, text: str, latex: str) -> None:
        """Add a formula on a line of its own."""
        self.add("display_formula", [self.line(text, 200, self.y + 12, 12, MATH)], latex, must_read=True)

    def pdf(self) -> bytes:
        """Return the page as a PDF."""
        return sheets_pdf([self])


def sheets_pdf(sheets: Sequence[Sheet]) -> bytes:
    """Return the pages as one PDF."""
    objects: list[str | bytes] = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for sheet in sheets:
        names = {}
        for index, (font, characters) in enumerate(sheet._used.items()):
            names[f"F{index}"] = len(objects) + 1
            claims = sheet.claims if font == SERIF else None
            objects += font_objects(font, len(objects) + 1, characters, has_table=sheet.has_tables, claims=claims)
        fonts = " ".join(f"/{name} {number} 0 R" for name, number in names.items())
        kids.append(len(objects) + 1)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {sheet.size[0]:g} {sheet.size[1]:g}] "
            f"/Contents {len(objects) + 2} 0 R /Resources << /Font << {fonts} >> >> >>"
        )
        objects.append(stream("\n".join(sheet._content)))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] /Count {len(kids)} >>"
    return pdf(objects)


def tinyvl_sheet(lines: Sequence[str], *, has_tables: bool = True) -> Sheet:
    """Return a page that looks like those that the test weights can read (see `tinyvl`), at DPI."""
    sheet = Sheet(has_tables, size=(tinyvl.WIDTH / _SCALE, tinyvl.LINE * (len(lines) + 1) / _SCALE))
    for row, line in enumerate(lines):
        sheet.line(line, 30, tinyvl.LINE * (row + 0.5) / _SCALE + 12, 12, "DejaVuSansMono.ttf")
    return sheet


def _break(text: str, font: str, width: float, hyphenate: bool) -> list[str]:
    """Return the text in lines of at most `width` ems; a word of ten letters is broken after its fifth."""
    lines, line = [], ""
    words = text.split(" ")
    while words:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        if face(font).length(longer) <= width:
            line = longer
            continue
        if hyphenate and len(word) >= 10 and word.isalpha() and face(font).length(f"{line} {word[:5]}-") <= width:
            lines.append(f"{line} {word[:5]}-")
            words.insert(0, word[5:])
        else:
            lines.append(line)
            words.insert(0, word)
        line = ""
    return [*lines, line]


# --------------------------------------------------------------------------- thirty pages

LANGUAGES = {
    "English": "The ferry left the northern quay at seven in the morning and carried fourteen passengers. Nobody on"
    " board had understood the announcement of the harbourmaster. They wrote down every passing ship, the direction of"
    " the wind and the temperature of the water. The lighthouse was extinguished at sunrise by two experienced keepers."
    " In 1986 the company bought 3 more boats, for 412,750 crowns in all; “too many”, said the newspaper.",
    "Russian": "Паром отошёл от северного причала в семь часов утра и перевёз четырнадцать пассажиров. Никто на борту"
    " не понял объявления начальника порта. Они записывали каждое проходящее судно, направление ветра и тепло воды."
    " Маяк погасили на рассвете два опытных смотрителя. В 1986 году компания купила ещё 3 лодки за 412 750 крон.",
    "Greek": "Το πλοίο έφυγε από τη βόρεια προβλήτα στις επτά το πρωί και μετέφερε δεκατέσσερις επιβάτες. Κανείς δεν"
    " κατάλαβε την ανακοίνωση του λιμενάρχη. Έγραφαν κάθε πλοίο που περνούσε, την κατεύθυνση του ανέμου και τη"
    " θερμοκρασία του νερού. Το 1986 η εταιρεία αγόρασε άλλα 3 πλοία για 412.750 κορώνες.",
    "Armenian": "Լաստանավը հեռացավ հյուսիսային նավամատույցից առավոտյան յոթին և տարավ տասնչորս ուղևոր։ Ոչ ոք չհասկացավ"
    " նավահանգստի պետի հայտարարությունը։ Նրանք գրում էին ամեն անցնող նավ, քամու ուղղությունը և ջրի ջերմաստիճանը։"
    " 1986 թվականին ընկերությունը գնեց ևս 3 նավակ։",
    "Georgian": "ბორანმა დილის შვიდ საათზე დატოვა ჩრდილოეთის ნავმისადგომი და თოთხმეტი მგზავრი გადაიყვანა. ნავსადგურის"
    " უფროსის განცხადება ვერავინ გაიგო. ისინი იწერდნენ ყველა გამვლელ გემს, ქარის მიმართულებას და წყლის ტემპერატურას."
    " 1986 წელს კომპანიამ კიდევ 3 ნავი იყიდა.",
    "Hebrew": "המעבורת עזבה את הרציף הצפוני בשבע בבוקר והסיעה ארבעה עשר נוסעים. איש לא הבין את ההודעה של מנהל הנמל. הם"
    " רשמו כל ספינה חולפת, את כיוון הרוח ואת חום המים. המגדלור כבה עם הזריחה בידי שני שומרים מנוסים.",
}
_TITLES = {
    "English": "Report of the Harbour Office",
    "Russian": "Отчёт управления порта",
    "Greek": "Έκθεση του λιμεναρχείου",
    "Armenian": "Նավահանգստի հաշվետվություն",
    "Georgian": "ნავსადგურის ანგარიში",
    "Hebrew": "דוח משרד הנמל",
}


def running_text(number: int) -> Sheet:
    """Return a page of running text; the script changes from page to page."""
    language = list(LANGUAGES)[number % len(LANGUAGES)]
    sheet = Sheet(has_tables=number % 2 == 0)
    is_rtl = language == "Hebrew"
    sentences = LANGUAGES[language].removesuffix(".").split(". ")
    shuffled = random.Random(number).sample(sentences, len(sentences))
    sheet.paragraph(_TITLES[language], "doc_title", 18, BOLD if not is_rtl else SANS, is_rtl=is_rtl, hyphenate=False)
    for start in range(4):
        text = ". ".join(shuffled[start % 3 :] + shuffled[: start % 3]) + "."
        if is_rtl:  # hyphens are not usual, and figures run the other way
            text = "".join(character for character in text if not character.isdigit())
        sheet.paragraph(text, is_rtl=is_rtl, hyphenate=not is_rtl)
    sheet.paragraph(_TITLES[language], "paragraph_title", 12, SANS, is_rtl=is_rtl, hyphenate=False)
    sheet.paragraph(LANGUAGES["English" if number % 2 and not is_rtl else language].split(". ")[0] + ".", is_rtl=is_rtl)
    sheet.y = 790
    sheet.paragraph(str(number + 1), "number", 9, x=290, width=40)
    return sheet


def mixed_text(number: int) -> Sheet:
    """Return a page of text with a formula, a table, footnotes, and a paragraph with mathematics."""
    sheet = Sheet(has_tables=number % 2 == 0)
    text = LANGUAGES["English"]
    sheet.paragraph(f"{number + 1} Growth of Reeds", "paragraph_title", 14, BOLD, hyphenate=False)
    sheet.paragraph(text)
    sheet.formula("∫(∂)=∂", r"\[ \int (\partial)=\partial \]")
    sheet.paragraph(f"where α ≤ {number} is the rate of growth of all reeds", must_read=True)
    sheet.paragraph(text.split(". ")[0] + ". " + text.split(". ")[2] + ".", "abstract", 9, SERIF)
    sheet.table([["Item", "Total"], ["Oil", f"4,8{number}7.20"], ["Wages", f"1,35{number}.00"]])
    sheet.paragraph("Table 1: Costs of the lighthouse in crowns", "figure_title", 9, hyphenate=False)
    sheet.paragraph("The survey of the reeds covers twelve parishes in all.", "text")
    sheet.paragraph("Reports of the Reed Society, volume 4, page 211.", "reference_content", 9)
    return sheet


def form(number: int) -> Sheet:
    """Return an invoice: an address, fields, a table, and a font with false digits."""
    claims = dict(zip("0123456789", "1032547698", strict=True))
    sheet = Sheet(has_tables=number % 2 == 0, claims=claims)
    sheet.paragraph(f"Invoice {20431 + number}", "doc_title", 18, BOLD, hyphenate=False)
    for line in ("Ida Fennimore", "3 Mill Lane, Saltby", f"Telephone: 555 01{40 + number}"):
        sheet.paragraph(line)
    sheet.paragraph("Please wire the balance promptly, at the latest within 14 days of the date of this letter.")
    sheet.paragraph(
        f"Balance carried over: 71{40 + number}.53 and 46{81 - number}.33 crowns", "text", 10, SERIF, must_read=True
    )
    sheet.table(
        [["Item", "Count", "Price"], ["Lamp", "2", f"{12 + number}.50"], ["Oil", "10", "7.45"], ["Wicks", "4", "0.99"]]
    )
    sheet.paragraph("Subtotal: 1,284.50 EUR")
    sheet.paragraph("Terms: 30 days. Late payments cost 2 % a month.", "footnote", 8)
    return sheet


CLASSES: dict[str, Callable[[int], Sheet]] = {
    "running text": running_text,
    "formulas, tables": mixed_text,
    "forms": form,
}
