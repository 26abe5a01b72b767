"""Lines of a paragraph as running text: hyphens at line ends, and spaces where the script has them.

`joined` decides what a hyphen at the end of a line means. All functions are pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from ocr_worker.characters import is_wide
from ocr_worker.engines.text_layer.line_ends import ends_in_word, has_no_spaces, is_hangul
from ocr_worker.engines.text_layer.thresholds import THRESHOLDS
from ocr_worker.pages import TextLine

LineEnd = Literal["space", "no space", "unknown"]

_PRIVATE_HYPHENS = "\u00ad\u00ac"  # only mark where a word is broken; "not" signs are soft hyphens that were recognized
HYPHENS = "-\u2010\u058a" + _PRIVATE_HYPHENS  # at the end of a line
_DASHES = "\u2013\u2014"
_ITEM_MARKS = tuple("*※•◦○●")  # begin a line of their own
_WORD = re.compile(r"\w+(?:[-\u2010]\w+)*")
# Begins a line after the first of two words with the same end, as in "Vor- und Nachteile" and "pre- and post-war".
_CONJUNCTION = re.compile(r"(?:und|oder|bis|sowie|bzw)\b|(?:and|or|to)\s\w+[-\u2010]\w")
# Compounds whose first parts are also the beginnings of other words.
_COMPOUNDS = frozenset(["из-за", "из-под"])
# Words within a compound, which has a hyphen before and after them: "state-of-the-art".
_LINKS = frozenset(["a", "and", "at", "by", "de", "for", "in", "la", "of", "on", "or", "the", "to", "up"])
# Abbreviations and names with capitals inside, which nobody breaks before a small letter: "PDF-based". Not "McDonald".
_NAME = re.compile(r"[^\W\d_]*[A-Z]{2,}|(?!Ma?c[A-Z])[^\W\d_]*[a-z][A-Z][^\W\d_]*")
# First parts that English joins with a hyphen which stays where the line breaks after it.
_COMPOUND_STARTS = frozenset(
    ["well", "non", "self", "half", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
)
# Adjectives that English joins in the same way, except before the ends of their own forms and of solid words.
_COMPOUND_ADJECTIVES = frozenset(["high", "low", "long", "short", "large", "small", "full", "real", "hard", "heavy"])
_SOLID_ENDS = re.compile(
    r"""
      (?:er|est|ly|en|ish)(?:s|ed|ing)? | ness(?:es)? | ings? | ages? | it(?:y|ies) | itud\w* | evity | temps
    | i[sz](?:e[ds]?|ing|ms?|ts?|tic|ation) | land(?:s|ers?)? | light(?:s|ed|ing)? | ways? | time | shore | standing
    | comings? | falls? | cuts? | hands? | backs? | ware | wood | ships? | weight | cover | core
    """,
    re.VERBOSE,
)
# Second parts that keep the hyphen after a word. Hyphenation within a word does not leave them at its end.
_COMPOUND_ENDS = re.compile(
    r"""
      based | related | oriented | driven | specific | level | duty | speaking | making | friendly | readable | quality
    | scale | weighted | reported | eligible | dependent | resolution | aware | term | sized | dimensional | intensive
    | efficient
    """,
    re.VERBOSE,
)
_FRENCH_COMPOUND_ENDS = frozenset(["même", "mêmes", "être", "dessus", "dessous", "delà"])
# Parts that are written solid before the same ends.
_SOLID_STARTS = frozenset(["inter", "over", "under", "super", "trans", "counter", "dress", "film"])
_MIN_COMPOUND_START = 4  # letters; shorter parts begin solid words, such as "cor-related" and "un-aware"
# Parts that have a hyphen only before the vowel that they end in, as in "re-entry".
_PREFIXES = frozenset(["co", "re", "pre", "anti", "semi", "multi"])


def keeps_end_spaces(lines: Sequence[TextLine]) -> bool:
    """Return whether the layer has the spaces at which Korean lines were broken. Other scripts do not need them."""
    ends = [line.has_space_after for line in lines if is_hangul(line.text[-1:])]
    return sum(ends) >= THRESHOLDS.min_end_spaces


def line_end(line: TextLine, *, keeps_spaces: bool) -> LineEnd:
    """Return how a line of a layer ends that keeps such spaces or not."""
    if not keeps_spaces:
        return "unknown"
    return "space" if line.has_space_after else "no space"


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of the texts in lower case, as `joined` takes them."""
    return frozenset(word.casefold() for text in texts for word in _WORD.findall(text))


def joined(
    above: str,
    below: str,
    words: Collection[str] = (),
    end: LineEnd = "unknown",
    *,
    breaks_words: bool = False,
) -> str:
    """Return two lines of a paragraph as one: without the hyphen of a broken word, and without a space in Chinese.

    words: those of the text around, in lower case; a word that occurs there with or without its hyphen keeps that form.
    end: of the first line. breaks_words: whether lines of this text end within Korean words.
    """
    if is_broken_word(above, below):
        if above[-1] not in _PRIVATE_HYPHENS and _CONJUNCTION.match(below) and not _is_in(above, below, words):
            return f"{above} {below}"
        return (above if _keeps_hyphen(above, below, words) else above[:-1]) + below
    if len(above) > 1 and above[-1] in "-" + _DASHES and above[-2].isalnum() and below[:1].isalnum():
        return above + below
    if above and below and _is_written_solid(above[-1]) and _is_written_solid(below[0]):
        return above + below
    if end != "unknown" and (is_hangul(above[-1:]) or is_hangul(below[:1])) and below[:1] not in _ITEM_MARKS:
        return above + (" " if end == "space" else "") + below
    if ends_in_word(above, below, words, is_usual=breaks_words):
        return above + below
    return f"{above} {below}"


def is_broken_word(above: str, below: str) -> bool:
    """Return whether a hyphen after a letter ends the line, and the next one begins in lower case."""
    return (
        len(above) > 1 and above[-1] in HYPHENS and above[-2].isalpha() and below[:1].isalpha() and below[0].islower()
    )


def _keeps_hyphen(above: str, below: str, words: Collection[str]) -> bool:
    """Return whether the hyphen at the line's end is part of the word, as in "well-known"."""
    if above[-1] in _PRIVATE_HYPHENS:
        return False
    name = str(_WORD.findall(above)[-1])
    start, end = _parts(above, below)
    if start + end in words or f"{start}-{end}" in words:
        return start + end not in words
    if f"{start}-{end}" in _COMPOUNDS or _NAME.fullmatch(re.split("[-\u2010]", name)[-1]):
        return True
    *others, first = re.split("[-\u2010]", start)
    if others and first in _LINKS:
        return True
    if first in _PREFIXES:
        return first.endswith(end[0])
    if first in _COMPOUND_ADJECTIVES:
        return not _SOLID_ENDS.fullmatch(end)
    if end in _FRENCH_COMPOUND_ENDS:
        return True
    if _COMPOUND_ENDS.fullmatch(end):
        return len(first) >= _MIN_COMPOUND_START and first not in _SOLID_STARTS
    # Hyphenation leaves at least two letters.
    return len(first) == 1 or first in _COMPOUND_STARTS


def _is_in(above: str, below: str, words: Collection[str]) -> bool:
    """Return whether the broken word occurs without a hyphen in the text around."""
    return "".join(_parts(above, below)) in words


def _parts(above: str, below: str) -> tuple[str, str]:
    """Return the two parts of the broken word, in lower case."""
    return str(_WORD.findall(above)[-1]).casefold(), str(_WORD.findall(below)[0]).casefold()


def is_right_to_left(text: str) -> bool:
    """Return whether most letters of the text are of a script that runs from right to left."""
    if text.isascii():
        return False
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)


def _is_written_solid(character: str) -> bool:
    """Return whether the character's script has no spaces between words: Chinese and Thai, but not Korean."""
    return has_no_spaces(character) or (is_wide(character) and not is_hangul(character))
