"""Pages of the quality benchmark, drawn from our own words.

Each family of pages has a module with a function `pages`. A page (`page`) is composed of parts (`parts`), which know
their HTML and the text expected of a reader. `prose` writes seeded sentences, and `rendering` makes PDFs and scans.
"""

from __future__ import annotations

from quality_pages import business, furniture, hard, papers, scans, scripts, tables
from quality_pages.page import Page

FAMILIES = (papers, business, furniture, tables, scans, scripts, hard)


def all_pages() -> list[Page]:
    """Return every page, in the order of the families."""
    return [page for family in FAMILIES for page in family.pages()]
