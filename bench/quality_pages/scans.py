"""Pictures as they come: turned, askew, compressed, faxed, pale."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Text
from quality_pages.prose import Writer

TYPEWRITER = "11.5pt 'Liberation Mono', 'DejaVu Sans Mono', monospace"


def pages() -> Iterator[Page]:
    """The scans."""
    w = Writer("yellowed")
    parts = [Text(w.phrase().upper(), "text-align:center;margin-bottom:8mm"), *(Text(w.prose(4)) for _ in range(4))]
    look = r.scan(r.yellowed(110), r.blurred(0.9), r.noisy(5))
    yield Page("scan-yellowed-typewriter", "scans", parts, look, dpi=150, font=TYPEWRITER)

    w = Writer("turned")
    yield Page(
        "scan-rotated-90", "scans", [Text(w.phrase(), tag="h1"), *(Text(w.prose(5)) for _ in range(4))], r.turned(1)
    )
