"""The pages of the evaluation, made here from words of our own; a module for each family."""

from __future__ import annotations

from quality_pages import business, furniture, papers, scans, scripts, tables
from quality_pages.page import Page

FAMILIES = (papers, business, furniture, tables, scans, scripts)


def all_pages() -> list[Page]:
    """Every page, in the order of the families."""
    return [page for family in FAMILIES for page in family.pages()]
