"""The words of page furniture: page numbers in their usual forms, and typical texts of running headers and footers.

Each function matches a text against one pattern. The patterns also know what is no furniture: the headings of numbered
parts, and the salutations of letters. All functions are pure.
"""

from __future__ import annotations

import re

_WORD = r"(?:page|pg\.?|p\.|seite|página|pagina|pág\.|pag\.|sida|side|strona|str\.|стр\.|oldal|blatt)"
_OF = r"(?:\s*(?:of|/|von|de|sur|van|di|av|af|z|из)\s*\d{1,4})"
_PAGE = rf"{_WORD}\s*[|:]?\s*(?:[A-Z]-?)?(?:\d{{1,4}}|[ivxlc]{{1,7}}\b){_OF}?|\d{{1,4}}\s*\|\s*page|第\s*\d+\s*[页頁]"
_BAR = r"\s?[|•·]\s?"
# After other words it must begin with a capital or name the number of pages; "see page 3" is part of a sentence. A bar
# serves as the word, too; one digit before it may be the number of a chapter: "3 | Results".
_WITH_WORD = re.compile(
    rf"(?i:{_PAGE})(?:\s*[|,–—-].*|\s+[^a-z].*)?"
    rf"|.*[\s|,(\[](?:(?=[A-ZСÀ-Þ第\d])(?i:{_PAGE})|(?i:{_PAGE}){_OF})[\s)\].|]*|.*\s[|–—]\s(?i:{_PAGE})"
    rf"|\d{{2,4}}{_BAR}[^\W\d].*|.*\w{_BAR}\d{{1,4}}"
)
_ONLY_WORD = re.compile(rf"[-–—|\[\s]*(?:{_PAGE})[-–—|\].\s]*", re.IGNORECASE)
# Alone, between dashes, after a chapter's letter or number, or with the number of pages.
_NUMBER = re.compile(
    r"[-－–—~•·|.\[\s]*"
    rf"(?:[A-Z]{{1,2}}\s\d{{1,4}}/\d{{1,4}}|(?:[A-Z]{{1,2}}[-–.]?)?\d{{1,4}}(?:\s*[-–]\s*\d{{1,4}})?{_OF}?|[ivxlc]{{1,7}}|[IVXLC]{{2,7}})"
    r"[-－–—~•·|.\]\s]*"
)
_ENCLOSED = re.compile(r"\(\s*\d{1,4}\s*\)")  # "(5)", which elsewhere is the number of an equation
_IN_SENTENCE = re.compile(r"[a-zß-öø-ÿα-ωа-я]{2}|[a-zß-öø-ÿ][’']")
_AT_END = re.compile(r"\d{1,4}\s+[A-Z].*|.*[^\W\d].*\s\d{1,4}")
_YEAR_AT_END = re.compile(r".*\b(?:19|20)\d\d")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# A title has no such text, in contrast to dates, versions and telephone numbers.
_PUBLISHED = re.compile(
    r"©|\(c\)\s*\d{4}|copyright\s+\d{4}|all rights reserved|https?:|\bwww\.|\bdoi\b|\b10\.\d{4,}/"
    r"|\d\s*\((?:19|20)\d\d\),?\s*\d+\s*[-–]\s*\d"
    r"|^(?:[A-Z][\w.&]*\s){1,6}\d+,\s*\d+\s*[-–]\s*\d+\s*\((?:19|20)\d\d\)$"
    r"|^(?:(?:strictly|company)\s)?confidential$|^unclassified$|^top secret$"
    r"|^(?=.*\d)[A-Z]{1,4}(?:/[A-Z\d.]+){2,}$"
    r"|\bISSN\b|\bISBN\b|\bvol(?:\.|ume)\s*[\dIVXLC]|\bpp\.\s*\d|\bet al\.?$|\bdownloaded\b|\bprinted (?:in|on)\b",
    re.IGNORECASE,
)
_RUNNING = re.compile(
    r"\w@\w+\.\w|\bconfidential\b|\bproprietary\b|\bsecret\b|classified\b"
    r"|\b(?:rev|revision|release|version|edition)\.?\s*\d|\bcat\. no\."
    r"|^chapter \d+\b.*\w{4}|\b(?:tel|fax)\b|\bform\s+\S*\d"
    rf"|^{_MONTH}\s+(?:\d{{1,2}},?\s+)?(?:19|20)\d\d$|\b\d{{1,2}}[./-]\d{{1,2}}[./-](?:19|20)?\d\d\b",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"(?:chapter|part|book|section|article|appendix|table|figure|fig\.|title|act|scene|lecture|lesson"
    r"|kapitel|chapitre|livre|cap[ií]tulo|capitolo)\s+(?:\d+|[IVXLC]+|[A-Z])\b.{0,3}|\d+(?:\.\d+)+\.?\s+\D.*",
    re.IGNORECASE,
)
_CAPTION = re.compile(r"(?:figure|fig\.|table|source|notes?)\b", re.IGNORECASE)
_NUMBERED_CAPTION = re.compile(r"(?:figure|fig\.|table)\s(?:[A-Z]\S{0,2})?\d", re.IGNORECASE)
_SUM = re.compile(
    r"(?:(?:sub|grand )?-?totale?s?|amount|balance(?: due)?|sum|(?:net|to) pay|vat|gst"
    r"|(?:zwischen|gesamt|end)?(?:summe|betrag)|gesamt|mwst|montant|tva|importe|suma|saldo|iva|итого|сумма|всего)\b"
    r"|合计|合計|总计|總計|小计|小計|总额|金额|金額|税额|税額|합계|총액",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"(?:my )?dear\b.{1,40}[,:.—-]*|gentlemen\W*|(?:dear )?sirs?\W*|sehr geehrte.*|lieber? \w+\W*"
    r"|cher\W.*|mon cher .*|monsieur\W*|madame\W*|estimad[oa] .*|muy señor .*|to whom it may.*"
    r"|memorandum (?:for|to)\b.*|(?:to|from|subject|betreff|objet|asunto)\s*:.*",
    re.IGNORECASE,
)


def has_page_word(text: str, is_alone: bool = False) -> bool:
    """Return whether the text begins or ends with a page number and its word: "Page 3 of 10".

    is_alone: the text must contain nothing else.
    """
    return bool((_ONLY_WORD if is_alone else _WITH_WORD).fullmatch(text.strip()))


def is_number(text: str) -> bool:
    """Return whether the text is only a page number: "17", "- 17 -", "iv", "A-3", "7-45", "3/10"."""
    return bool(_NUMBER.fullmatch(text.strip()))


def is_enclosed_number(text: str) -> bool:
    """Return whether the text is only a number in parentheses, as some books have their page numbers."""
    return bool(_ENCLOSED.fullmatch(text.strip()))


def is_within_sentence(text: str) -> bool:
    """Return whether the text begins in lower case, as the first row of a page does that continues the page before."""
    return bool(_IN_SENTENCE.match(text.lstrip()))


def is_later_number(text: str) -> bool:
    """Return whether the text begins or ends with a page number that is not the first: "17", "17 Reference Tables"."""
    if not any(test(text) for test in (is_number, is_enclosed_number, has_number_at_end, has_page_word)):
        return False
    numbers = re.findall(r"(?<!\w)(?:\d{1,4}|[ivxlc]{2,7})(?!\w)", text.strip())
    return any(number not in ("0", "1") for number in numbers)


def has_number_at_end(text: str) -> bool:
    """Return whether a line of words begins or ends with a number: "16 Chapter 2"."""
    return bool(_AT_END.fullmatch(text.strip()))


def has_year_at_end(text: str) -> bool:
    """Return whether the text ends with a year, as titles of reports do."""
    return bool(_YEAR_AT_END.fullmatch(text.strip()))


def is_running_matter(text: str) -> bool:
    """Return whether running headers and footers have such a text: rights, addresses, volumes, dates, versions."""
    return is_published_matter(text) or bool(_RUNNING.search(text))


def is_published_matter(text: str) -> bool:
    """Return whether only running headers and footers have such a text: rights, web addresses, volumes of a journal."""
    return bool(_PUBLISHED.search(text))


def is_section_heading(text: str) -> bool:
    """Return whether the text is the heading of a numbered part: "CHAPTER IX" alone, "2.3 Levels"."""
    return bool(_SECTION.fullmatch(text.strip()))


def is_caption(text: str) -> bool:
    """Return whether the text begins as those below a figure or a table: "Figure 3", "Source: ..."."""
    return bool(_CAPTION.match(text))


def is_numbered_caption(text: str) -> bool:
    """Return whether the text begins as the caption of a figure or a table does: "Figure 3", "Table S-4"."""
    return bool(_NUMBERED_CAPTION.match(text))


def is_sum(text: str) -> bool:
    """Return whether the text begins with a word for a sum, whose number is not that of a page: "Total 1200"."""
    return bool(_SUM.match(text.strip()))


def is_salutation(text: str) -> bool:
    """Return whether a letter or memorandum begins with this line: the lines above it are the letter's own head."""
    return bool(_SALUTATION.fullmatch(text.strip()))
