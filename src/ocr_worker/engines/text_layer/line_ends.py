"""Line ends in scripts that break lines within words.

Korean has spaces between words, but most texts break lines between any two syllables. A text layer often still has the
space at which a line was broken; then a line without one ends within a word. Without such spaces, `ends_in_word` looks
for evidence in the words: the rest of a word is a particle or an ending, or the complete word occurs in the text. What
stays ambiguous is taken for a broken word only where the text breaks words elsewhere. Thai, Lao, Khmer and Burmese have
no spaces between words, as Chinese and Japanese. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

# Particles and endings that are never words of their own, as they begin a line with the rest of a word.
_REST = re.compile(
    r"""
      [을를은는의]                                                           # particles
    | (?:에|에서|에게|께서|으로|로|으로써|으로서|로써|로서|와|과|까지|부터|처럼)(?:[는도의])?
    | 보다 | 마다 | 조차 | 들[은이을의]? | 적[인으]?로? | 스럽게 | 란 | 이란
    | 이?라[고는] | 이?며 | 고 | 하[고며여는기지게] | [했한된됐]다 | [하되]였다 | 되[는어고] | 되었다
    | 이다 | [입합됩]니다 | 습니다 | 니다 | 이?었다 | 였다 | 았다 | 지만 | 면 | 으면 | 려면
    """,
    re.VERBOSE,
)
# The same at the end of a complete word of several syllables.
_COMPLETE = re.compile(
    r"\w(?:을|를|에서|에게|으로|까지|부터|처럼|하고|하며|하여|하는|했다|된|되어|는|은|한|할)$|\w\w[이가의로와과에고게나며]$"
)
_TOKEN = re.compile(r"\w+")


def is_hangul(character: str) -> bool:
    """Return whether the character is a Korean syllable."""
    return "\uac00" <= character <= "\ud7a3"


def has_no_spaces(character: str) -> bool:
    """Return whether the character is of a script of Southeast Asia without spaces between words."""
    return "\u0e00" <= character <= "\u0eff" or "\u1000" <= character <= "\u109f" or "\u1780" <= character <= "\u17ff"


def breaks_words(texts: Sequence[str], words: Collection[str]) -> bool:
    """Return whether some line of these surely ends within a Korean word. words: those of the text around."""
    return any(ends_in_word(above, below, words) for above, below in pairwise(texts))


def ends_in_word(above: str, below: str, words: Collection[str], *, is_usual: bool = False) -> bool:
    """Return whether a line ends within a Korean word.

    words: those of the text around. is_usual: whether the text breaks words elsewhere.
    """
    if not (above and below and is_hangul(above[-1]) and is_hangul(below[0])):
        return False
    start, end = _TOKEN.findall(above)[-1], _TOKEN.findall(below)[0]
    if _REST.fullmatch(end) or start + end in words:
        return True
    return is_usual and not _COMPLETE.search(start)
