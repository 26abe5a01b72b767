"""Small capitals: words in capitals of two sizes, of which the recognizer reads some letters as small ones.

Letters such as O, S and U have one shape in both cases, so that a name in small capitals is read as "RuBENs".
`restore_small_capitals` writes such words in capitals on pages with at least two of them. It is pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS

_WORD = re.compile(r"[^\W\d_]+")
_SAME_SHAPE = frozenset("cosuvwxz")
_PREFIXES = ("Mc", "Mac")  # whose next letter is a capital in a name


def restore_small_capitals(lines: Sequence[Line]) -> list[Line]:
    """Return the lines; words that were read in mixed capitals are in capitals."""
    read = [line for line in lines if not line.is_from_text_layer]
    mixed = {word for line in read for word in _WORD.findall(line.text) if _is_mixed(word)}
    if len(mixed) < THRESHOLDS.min_small_capitals:
        return list(lines)

    def correct(text: str) -> str:
        return _WORD.sub(lambda match: match[0].upper() if match[0] in mixed else match[0], text)

    return [
        line
        if line.is_from_text_layer
        else replace(
            line,
            text=correct(line.text),
            words=tuple(replace(word, text=correct(word.text)) for word in line.words),
        )
        for line in lines
    ]


def _is_mixed(word: str) -> bool:
    """Return whether the word has many capitals, and between them small letters of the same shape as capitals.

    At its end, s may be that of a plural: "CEOs".
    """
    small = [letter for letter in word if letter.islower()]
    is_long = len(word) >= THRESHOLDS.min_small_word and len(word) - len(small) >= THRESHOLDS.min_capital_letters
    if not small or not is_long or not _SAME_SHAPE.issuperset(small) or word.startswith(_PREFIXES):
        return False
    return word[0].isupper() and (word[-1] != "s" or len(small) > 1)
