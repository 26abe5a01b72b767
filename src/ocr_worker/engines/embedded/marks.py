"""Marks: what a row starts with, or ends with, that makes it a line of its own.

Marks of list items, numbers of clauses and "Key:" begin a line, and a page number after leaders ends one. Rows with
boxes to tick below one another are lines, too. Some marks begin one wherever they are. Others also occur within a
sentence, and need a second one in the same text. `find_marked` decides for all rows of a text. Bullets include those of
symbol fonts, whose characters are for private use. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_BULLETS = "•●⚫⦁▪■◾◼⬛█▮◦▫‣·∙⁃➢➤►▶▸▹◆◇❖✦\ue000-\uf8ff"
# Codes of symbol fonts that were taken for characters: control characters. Others are quotes and dashes of old texts.
_CONTROLS = "\x81-\x84\x86-\x90\x95\x98-\x9f"
BULLET = re.compile(rf"[{_BULLETS}]\s*|[{_CONTROLS}]\s+")
_FILLED, _EMPTY = frozenset("■●◼"), frozenset("□○☐◻")
_RING = re.compile(r"o\s+(?=[^\W\d_a-z])")
# The number of a section before its title: "2", "2.", "2.1", "A.1". Group 1: without the last point.
SECTION_NUMBER = re.compile(r"((?:\d{1,2}|[A-Z](?=\.\d))(?:\.\d{1,2})*)\.?\s+(?=[^\W\d])")
_ROMAN = "(?=[ivxlc])(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_BOX = re.compile("[☐☑☒◉○]")  # to tick; each question has a row with its options
_CERTAIN = re.compile(
    rf"""
      [{_BULLETS}]\s*\S | [{_CONTROLS}]\s+\S | [☐☑☒◉○□◻❏❑❒]\s*\S
    | [*–—-]\s+\S
    | ※\s*\S                                               # a note below a table
    | \(?(?:\d{{1,3}}|[a-zA-Z])[.)]\s+\S                      # 1. or a) or (a)
    | \((?i:{_ROMAN})\)\s*\S                                # (ii)
    | (?i:{_ROMAN})[.)]\s+\S                                # ii. or IV)
    | \d{{1,3}}(?:\.\d{{1,3}}){{1,4}}[.)]?\s+[A-ZÀ-ÞΑ-ΩА-Я]     # 1.1 Title
    """,
    re.VERBOSE,
)
# Each alternative is a kind: rows of the same kind support one another.
_UNCERTAIN = re.compile(
    r"""
      (?P<number>\d{1,3}(?:\.\d{1,3}){1,4}[.)]?\s+\S)       # 1.1 before a small letter, too
    | (?P<option>--?[a-zA-Z][\w-]*(?=[\s,=]))             # -o FILE
    | (?P<sign>[→⇒➔➜✓✔✗✘✕★☆]\s*\S)                          # as bullets, but with a meaning
    | (?P<shout>!\s+\S)                                   # a bullet of old word processors, in the font of text
    | (?P<ring>o\s+[^\W\d_a-z])                            # the hollow bullet of word processors
    | (?P<reference>\[\d{1,3}\]\s+[^\W\d_a-z])              # [1] Author
    | (?P<letter>\([a-zA-Z\d]{1,2}\)[^\W_])                # (a)Text, as it is read from pictures
    | (?P<law>(?:§{1,2}|Art\.|Article|Artikel|Articolo|Artículo|Section|Clause)\s*\d+[a-z]?\b)
    | (?P<key>(?=[^\W\d_a-z])[^:.!?;,]{1,40}\.?[:：](?=\s|$))
    """,
    re.VERBOSE,
)
# Of a leader that was read, often only a few dots are left.
_LEADERS_AND_PAGE = re.compile(
    r"(?:[._·]{4,}|…{2,}|(?:[.·]\s){3,}[.·]?|\s[.·](?:\s?[.·])*\s)\s*(?:\d{1,4}|[ivxlc]{1,7})$"
)


def find_marked(texts: Sequence[str]) -> list[bool]:
    """Return for each row of a text whether its mark, or the page number that ends the row above, begins a line."""
    kinds = [_kind(text) for text in texts]
    usual = {kind for kind in kinds if kind and _is_usual(kind, kinds)}
    follows_entry = [False, *(bool(_LEADERS_AND_PAGE.search(text)) for text in texts)]
    has_box = [bool(_BOX.search(text)) for text in texts]
    follows_box = [False, *has_box]
    return [
        bool(_CERTAIN.match(text)) or kind in usual or follows or (box and follows_option)
        for text, kind, follows, box, follows_option in zip(
            texts, kinds, follows_entry, has_box, follows_box, strict=False
        )
    ]


def bullet_of(text: str, texts: Sequence[str]) -> str:
    """Return the bullet that the text begins with and the white behind it, or nothing. texts: those around, too.

    The letter o is a bullet if another text begins with it, or with some other bullet. A filled square among empty ones
    is a ticked box.
    """
    is_ticked = text[:1] in _FILLED and any(other[:1] in _EMPTY for other in texts)
    if (bullet := BULLET.match(text)) and not is_ticked:
        return bullet[0]
    ring = _RING.match(text)
    if not ring or sum(bool(BULLET.match(other) or _RING.match(other)) for other in texts) < THRESHOLDS.min_marks:
        return ""
    return ring[0]


def _kind(text: str) -> str | None:
    """Return the kind of mark that the row begins with, of those that also occur in a sentence."""
    match = _UNCERTAIN.match(text)
    if match is None or (match.lastgroup == "key" and len(match[0].split()) > THRESHOLDS.max_key_words):
        return None
    return match.lastgroup


def _is_usual(kind: str, kinds: Sequence[str | None]) -> bool:
    """Return whether so many rows begin with this kind of mark that it begins a line in this text."""
    count = kinds.count(kind)
    return count >= THRESHOLDS.min_marks and (kind != "key" or count >= THRESHOLDS.key_rows * len(kinds))
