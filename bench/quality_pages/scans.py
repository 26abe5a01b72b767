"""Pages as poor scans: rotated, askew, compressed, faxed, pale, or in very small print."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Furniture, Part, Text, columns
from quality_pages.prose import Writer

TYPEWRITER = "11.5pt 'Liberation Mono', 'DejaVu Sans Mono', monospace"


def _body(w: Writer) -> list[Part]:
    return [Text(w.phrase(), tag="h1"), *(Text(w.prose(6)) for _ in range(3)), Text(w.phrase(), tag="h2"),
            *(Text(w.prose(6)) for _ in range(2))]  # fmt: skip


def _entries(w: Writer, count: int) -> list[Text]:
    """Return entries of a dictionary."""
    kinds = ["n.", "adj.", "v. t.", "adv."]
    css = "margin:0;padding-left:3mm;text-indent:-3mm;text-align:justify"
    return [
        Text(
            f"{w.word()}{w.pick(['ing', 'er', 'ish', 'ful', ''])}, {w.pick(kinds)} {n}. {w.sentence()}",
            css,
            hyphens=True,
        )
        for n in range(1, count + 1)
    ]


def pages() -> Iterator[Page]:
    """Yield the scanned pages."""
    looks = {
        "rotated-90": r.rotate(1), "rotated-180": r.rotate(2), "rotated-270": r.rotate(3),
        "skewed-2": r.skew(2), "skewed-minus-1-5": r.scan(r.skew(-1.5), r.add_noise(4)),
        "jpeg-25": r.compress(25),
    }  # fmt: skip
    for name, look in looks.items():
        yield Page(f"scan-{name}", "scans", _body(Writer(name)), look, 150 if name == "jpeg-25" else 200)
    yield Page("scan-fax", "scans", _body(Writer("fax")), r.fax, 204, font="12pt 'Liberation Sans', sans-serif")

    for name, look in (
        ("scan-yellowed-typewriter", r.scan(r.age(110), r.blur(0.9), r.add_noise(5))),
        ("scan-faint-typewriter", r.scan(r.blur(1.1), r.age(135), r.add_noise(7), r.skew(-0.7))),
    ):
        w = Writer(name)
        parts = [Text(w.phrase().upper(), "text-align:center;margin-bottom:8mm"), *(Text(w.prose(4)) for _ in range(5))]
        yield Page(name, "scans", parts, look, 150, font=TYPEWRITER)

    tiny = "6.5pt 'Liberation Serif', 'DejaVu Serif', serif"
    w = Writer("dictionary")
    head = [Furniture("harbour", "top:9mm;left:14mm;font-size:9pt;font-weight:bold"),
            Furniture("561", "top:9mm;left:0;right:0;text-align:center;font-size:9pt")]  # fmt: skip
    yield Page(
        "dictionary-scan", "scans", [*head, columns(3, _entries(w, 112))], r.scan(r.add_noise(5)), 200,
        padding="16mm 14mm", font=tiny,
    )  # fmt: skip
    yield Page(
        "dictionary", "scans", [columns(2, _entries(Writer("dictionary 2"), 92))], padding="16mm 14mm", font=tiny
    )
