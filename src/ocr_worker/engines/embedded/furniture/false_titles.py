"""Lines that look like titles, but are none: names, addresses, numbers of an issue, and first rows of a text.

Each function knows one kind. `is_no_title` judges the text alone, and forgives what is bold, underlined or large.
`is_author` and `is_first_row` also look at what is above and below. All functions are pure; lengths are in pixels of
the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_worker.engines.embedded.addresses import POSTCODE
from ocr_worker.engines.embedded.beginnings import first_word_width
from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.geometry import x_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import letter_height, line_height, rows

_ADDRESS = re.compile(r"\S@\w+\.\w|://")
LEADER = re.compile(r"(?:\.\s?){4,}|…{2,}")
_BOX = re.compile("[☐☑☒]")  # to tick; circles are bullets of Korean titles
_FORM_OF_ADDRESS = re.compile(
    r"(?:mr|mrs|ms|miss|mx|dr|prof|herrn?|frau|m|mm|mme|mlle|monsieur|madame|sra?|sig|sig\.ra|dhr|mevr)\.?",
    re.IGNORECASE,
)
_ISSUE = re.compile(
    r"(?:no|nos|nr|n°|nº|№|issue|heft|ausgabe|folge|numéro|número|numero)\s*[.:]?\s*\d[\d/–-]*|제\s*\d+\s*호|第\s*\d+\s*[号號期]",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|février|mar(?:ch|s)?|märz|apr(?:il)?|avril|may|mai|june?|juni|juin"
    r"|july?|juli|juillet|aug(?:ust)?|août|sept?(?:ember|embre)?|oct(?:ober|obre)?|oktober|nov(?:ember|embre)?"
    r"|de[cz](?:ember)?|décembre)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th|er|\.)?"
_PLACE = r"(?:[^\W\d_][^\d,]{1,30},\s*(?:(?:the|den|le)\s+)?)?"
# "January 21, 2010", "Paris, le 3 mars 1920", "London, 3rd May"
_DATE = re.compile(
    rf"{_PLACE}(?:{_DAY}\s+(?:of\s+)?{_MONTH}|{_MONTH}\s+{_DAY})(?:,?\s+\d{{4}})?\.?|{_MONTH},?\s+\d{{4}}\.?",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[^:：\d]{2,40}[:：]\s*(\S.*)")  # after a key without a number: that of a chapter has one
_SENTENCE_BREAK = re.compile(r"[a-zß-öø-ÿ]{3}[.!?]\s+[A-ZÀ-Þ][a-zß-öø-ÿ]")
_NAME_MARKS = re.compile(r"[∗*†‡§¶⁰¹²³⁴-⁹]")
_NAME_BREAK = re.compile(r"\s*(?:[,;&]|\band\b|\bund\b|\bet\b)\s*")
_NAME = re.compile(r"(?:[A-ZÀ-Þ][\w'’.-]*|van|von|der|den|de|del|di|da|la|le|dos|ten)(?:\s+(?!\d)|$)")
_CONTACT = re.compile(
    r"@|\S\sat\s\S+\.\w|://|<\w|\b(?:univ\w*|institut\w*|department|dept|faculty|laborator\w*|hochschule|academy)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\(?\d{1,2}(?:\.\d{1,2})*[.)]?\s")
LONG_WORD = re.compile(r"[^\W\d_]{4,}")


def is_no_title(text: str, is_distinct: bool) -> bool:
    """Return whether the text cannot be a title.

    is_distinct: it is emphasized or larger than the body. Else it is also none if it introduces what follows, begins
    in lower case, has the end of a sentence within, or is a date, as that of a letter.
    """
    if _ADDRESS.search(text) or LEADER.search(text) or _BOX.search(text):
        return True
    if _FORM_OF_ADDRESS.fullmatch(text) or _ISSUE.fullmatch(text) or _is_number_of(text):
        return True
    is_introduction = text.endswith((":", "：")) and not text.isupper()
    is_sentence = is_introduction or text[:1].islower() or bool(_SENTENCE_BREAK.search(text))
    return not is_distinct and (is_sentence or bool(_DATE.fullmatch(text)))


def _is_number_of(text: str) -> bool:
    """Return whether the text is a key and its number or date: "Account number: 2966", "Date: 01/09/2015"."""
    match = _VALUE.fullmatch(text)
    if not match:
        return False
    value = [character for character in match[1] if character.isalnum()]
    return sum(map(str.isdigit, value)) > len(value) / 2


def is_author(title: Region, regions: Sequence[Region]) -> bool:
    """Return whether the region is the names of authors: below a larger title, and with marks or an address below.

    A mark leads to a footnote or to an institution.
    """
    text = " ".join(line.text for line in title.lines)
    names = [name for name in _NAME_BREAK.split(_NAME_MARKS.sub("", text).strip()) if name]
    if not names or not all(_is_name(name) for name in names):
        return False
    height = line_height(title.lines)
    above = [region for region in regions if region.box.y1 <= title.box.y0 + height / 2 and region.lines]
    if not any(line_height(region.lines) > THRESHOLDS.larger_title * height for region in above):
        return False
    reach = THRESHOLDS.contact_distance * height
    below = [region for region in regions if 0 <= region.box.y0 - title.box.y1 + height / 2 < reach]
    has_contact = any(
        _CONTACT.search(rows(region.lines)[0][0].text)
        for region in below
        if region.lines and x_overlap(region.box, title.box) > 0
    )
    return has_contact or (len(names) > 1 and bool(_NAME_MARKS.search(text)))


def _is_name(text: str) -> bool:
    words = text.split()
    return THRESHOLDS.min_name_words <= len(words) <= THRESHOLDS.max_name_words and all(map(_NAME.fullmatch, words))


def is_first_row(title: Region, text: Region, is_emphasized: bool) -> bool:
    """Return whether the title is the first row of the text right below.

    It is over the text, ends as far right, and the text continues in lower case: the row may be higher for its initial.
    Or it has the size of the text and leaves no room for its first word, or both are an address.
    """
    if len(title.lines) != 1 or text.label != "text" or len(text.lines) < 2:
        return False
    height = line_height(title.lines)
    stacked = rows(text.lines)
    first = min(text.lines, key=lambda line: line.box.y0)
    size = letter_height(title.lines) / letter_height(stacked[0])
    is_far = abs(first.box.y0 - title.box.y1) >= THRESHOLDS.row_white * height
    if is_far or _NUMBERED.match(title.lines[0].text):
        return False
    room = text.box.x1 - title.box.x1
    is_over = x_overlap(title.box, text.box) > THRESHOLDS.over_text * title.box.width
    is_as_wide = max(abs(room), abs(first.box.x1 - title.box.x1)) < height
    if is_over and is_as_wide and title.lines[-1].text[-1:].isalnum() and first.text[:1].islower():
        return True
    if size > THRESHOLDS.title_size:
        return False
    indent = title.box.x0 - text.box.x0
    is_at_left = -height < indent < THRESHOLDS.first_row_indent * height
    if is_emphasized or size > THRESHOLDS.larger_title or not is_at_left:
        return False
    words = LONG_WORD.findall(title.lines[0].text)
    has_capitals = sum(not word.islower() for word in words) > len(words) / 2
    is_prose = text.box.width > THRESHOLDS.prose_width * height and room > -height and not has_capitals
    address = [" ".join(line.text for line in row) for row in stacked[: THRESHOLDS.address_rows]]
    is_address = len(stacked) <= THRESHOLDS.address_rows and any(map(POSTCODE.search, address))
    return is_address or (is_prose and room < first_word_width(first) + THRESHOLDS.word_space * height)
