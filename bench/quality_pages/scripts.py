"""Pages in other languages and scripts.

Chinese and Korean need a font that has them; without it these pages are left out. The recognizer reads Latin and
Chinese; Russian, Arabic and Korean come from the text layer, or not at all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Furniture, Part, Table, Text, columns
from quality_pages.prose import Writer

CJK = "10.5pt 'Noto Sans CJK SC', 'WenQuanYi Zen Hei', sans-serif"
KOREAN = "10.5pt 'Noto Sans CJK KR', sans-serif"
MIDDLE = "bottom:12mm;left:0;right:0;text-align:center"


def languages_without_fonts() -> list[str]:
    """Return the languages whose pages are left out on this machine."""
    return [language for language in ("zh-cn", "ko") if not fonts_for(language)]


def fonts_for(language: str) -> list[str]:
    """Return the font families with the language's characters.

    DejaVu is left out: fontconfig offers it when no other family has them.
    """
    listing = subprocess.run(
        ["fc-list", f":lang={language}", "family"], capture_output=True, text=True, check=False
    ).stdout
    return [family for family in listing.splitlines() if "DejaVu" not in family]


def _body(w: Writer, title: str, paragraphs: int = 5, sentences: int = 5) -> list[Part]:
    texts: list[Part] = [Text(w.prose(sentences), "text-indent:2em;text-align:justify") for _ in range(paragraphs)]
    return [Text(title, "text-align:center", "h1"), *texts]


def _chinese() -> Iterator[Page]:
    w = Writer("paper", "zh")
    heads = [Text("一、引言", tag="h2"), Text("二、方法与数据", tag="h2")]
    body = [heads[0], *(Text(w.prose(5)) for _ in range(3)), heads[1], *(Text(w.prose(5)) for _ in range(3))]
    title = Text("传统仪器对城市森林的影响", "text-align:center", "h1")
    number = Furniture("- 15 -", MIDDLE)
    yield Page("chinese-paper", "scripts", [title, *body, number], language="zh", font=CJK)
    parts = [title, columns(2, body), number]
    yield Page("chinese-two-columns-scan", "scripts", parts, r.compress(70), language="zh", font=CJK)

    w = Writer("table", "zh")
    rows = [
        ["地区", "人口", "面积", "产量"],
        *([f"{w.word()}{n}区", *(w.amount(10, 9999) for _ in range(3))] for n in range(1, 9)),
    ]
    parts = [Text(w.prose(4)), Text("表1 各地区统计", "text-align:center", flow=""), Table(rows), Text(w.prose(5))]
    yield Page("chinese-table-scan", "scripts", parts, r.scan(r.add_noise(4)), language="zh", font=CJK)

    w, english = Writer("mixed", "zh"), Writer("mixed")
    mixed = [Text(f"{w.prose(2)}{english.sentence()}{w.prose(2)}") for _ in range(5)]
    parts = [Text("系统设计 System Design", tag="h1"), *mixed]
    yield Page("chinese-english-scan", "scripts", parts, r.add_noise(4), language="zh", font=CJK)


def pages() -> Iterator[Page]:
    """Yield the pages in other languages."""
    w = Writer("french", "fr")
    parts = [*_body(w, "La société et la forêt"), Furniture("Page 4 sur 12", MIDDLE)]
    yield Page("french", "scripts", parts, language="fr")
    yield Page("french-scan", "scripts", parts, r.scan(r.add_noise(5)), language="fr")
    parts = _body(Writer("german", "de"), "Über die Größe der Brücke")
    yield Page("german-scan", "scripts", parts, r.scan(r.compress(50)), language="de")
    yield Page("russian", "scripts", _body(Writer("russian", "ru"), "Старая гавань и река", 5, 6), language="ru")
    parts = _body(Writer("arabic", "ar"), "تاريخ الميناء القديم", 5, 6)
    yield Page("arabic", "scripts", parts, language="ar", font="12pt 'DejaVu Sans', sans-serif")
    if fonts_for("zh-cn"):
        yield from _chinese()
    if fonts_for("ko"):
        parts = _body(Writer("korean", "ko"), "오래된 항구의 기록", 4)
        yield Page("korean", "scripts", parts, language="ko", font=KOREAN)
