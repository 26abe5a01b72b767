"""The words of page furniture: page numbers in their usual forms, and what else running heads and feet say. Pure."""

from __future__ import annotations

import re

_WORD = r"(?:page|pg\.?|p\.|seite|página|pagina|pág\.|pag\.|sida|side|strona|str\.|стр\.|oldal|blatt)"
_OF = r"(?:\s*(?:of|/|von|de|sur|van|di|av|af|z|из)\s*\d{1,4})"
_PAGE = rf"{_WORD}\s*[|:]?\s*(?:[A-Z]-?)?(?:\d{{1,4}}|[ivxlc]{{1,7}}\b){_OF}?|\d{{1,4}}\s*\|\s*page|第\s*\d+\s*[页頁]"
# Behind other words it must be written large or say out of how many; "see page 3" is a sentence's.
_WITH_WORD = re.compile(
    rf"(?i:{_PAGE})(?:\s*[|,–—-].*|\s+[^a-z].*)?|.*[\s|,(\[](?:(?=[A-ZСÀ-Þ第\d])(?i:{_PAGE})|(?i:{_PAGE}){_OF})[\s)\].|]*"
)
_ONLY_WORD = re.compile(rf"[-–—|\[\s]*(?:{_PAGE})[-–—|\].\s]*", re.IGNORECASE)
# Alone, between dashes, after a chapter's letter or number, or out of so many.
_NUMBER = re.compile(
    rf"[-–—~•·|.\s]*(?:(?:[A-Z]{{1,2}}[-–.]?)?\d{{1,4}}(?:\s*[-–]\s*\d{{1,4}})?{_OF}?|[ivxlc]{{1,7}}|[IVXLC]{{2,7}})"
    r"[-–—~•·|.\s]*"
)
_AT_END = re.compile(r"\d{1,4}\s+[A-Z].*|.*[^\W\d].*\s\d{1,4}")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_RUNNING = re.compile(
    r"©|\(c\)\s*\d{4}|copyright\s+\d{4}|all rights reserved|https?:|\bwww\.|\w@\w+\.\w|\bdoi\b|\b10\.\d{4,}/"
    r"|\bISSN\b|\bISBN\b|\bvol(?:\.|ume)\s*[\dIVXLC]|\bpp\.\s*\d|\bet al\.?$|\bconfidential\b|\bproprietary\b"
    r"|\bsecret\b|classified\b"
    r"|\b(?:rev|revision|release|version|edition)\.?\s*\d|\bdownloaded\b|\bprinted (?:in|on)\b|\bcat\. no\."
    r"|^chapter \d+\b.*\w{4}|\b(?:tel|fax)\b|\bform\s+\S*\d"
    rf"|^{_MONTH}\s+(?:\d{{1,2}},?\s+)?(?:19|20)\d\d$|\b\d{{1,2}}[./-]\d{{1,2}}[./-](?:19|20)?\d\d\b",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"(?:chapter|part|book|section|article|appendix|table|figure|fig\.|title|act|scene|lecture|lesson"
    r"|kapitel|chapitre|livre|cap[ií]tulo|capitolo)\s+(?:\d+|[IVXLC]+|[A-Z])\b.{0,3}|\d+(?:\.\d+)+\.?\s+\D.*",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"(?:my )?dear\b.{1,40}[,:.—-]*|gentlemen\W*|(?:dear )?sirs?\W*|sehr geehrte.*|lieber? \w+\W*"
    r"|cher\W.*|mon cher .*|monsieur\W*|madame\W*|estimad[oa] .*|muy señor .*|to whom it may.*"
    r"|memorandum (?:for|to)\b.*|(?:to|from|subject|betreff|objet|asunto)\s*:.*",
    re.IGNORECASE,
)


def has_page_word(text: str, whole: bool = False) -> bool:
    """Whether the text begins or ends with a page's number that says so: "Page 3 of 10". whole: is nothing else."""
    return bool((_ONLY_WORD if whole else _WITH_WORD).fullmatch(text.strip()))


def is_number(text: str) -> bool:
    """Whether the text is nothing but a page's number: "17", "- 17 -", "iv", "A-3", "7-45", "3/10"."""
    return bool(_NUMBER.fullmatch(text.strip()))


def number_at_end(text: str) -> bool:
    """Whether a line of words begins or ends with a number: "16 Chapter 2"."""
    return bool(_AT_END.fullmatch(text.strip()))


def is_running_matter(text: str) -> bool:
    """Whether the text says what running heads and feet say: rights, addresses, volumes, dates, versions."""
    return bool(_RUNNING.search(text))


def is_section_heading(text: str) -> bool:
    """Whether the text is the heading of a numbered part: "CHAPTER IX" and no more, "2.3 Levels"."""
    return bool(_SECTION.fullmatch(text.strip()))


def is_salutation(text: str) -> bool:
    """Whether a letter or memorandum begins with this line: what stands above it is its own head, not the page's."""
    return bool(_SALUTATION.fullmatch(text.strip()))
