"""The pages of the evaluation, made here from words of our own; a module for each family."""

from __future__ import annotations

from quality_pages import papers, scans, tables
from quality_pages.page import Page

FAMILIES = (papers, tables, scans)


def all_pages() -> list[Page]:
    """Every page, in the order of the families."""
    return [page for family in FAMILIES for page in family.pages()]
