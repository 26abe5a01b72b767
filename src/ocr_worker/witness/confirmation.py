"""Fonts of a text layer that the engine's reading confirms, so that they need not be read for proof.

Many programs embed fonts without a table of characters: the file cannot prove then that such a font sets what the text
layer says (`PageImage.proven_fonts`). But the engine has read the page image, and knows nothing of the layer. A font is
confirmed where the two agree: a wrong layer and a wrong reading do not say the same. The words in which they differ are
the engine's errors then. All functions are pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ocr_worker.pages import TextLine, TextWord
from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.regions import blocks_at
from ocr_worker.witness.words import plain, text_of

_MIN_AGREEING = 0.8  # share of a font's letters in words that the engine has read; fewer if the layer is wrong
_MIN_DIGITS = 2  # of a number; a single one may be in the block by chance

Reading = tuple[BBox, str]  # box and text of a block that the engine has read from the page image


@dataclass(slots=True)
class _Words:
    """Counts of a font's words: letters in all of them and in those that agree, digits of both."""

    letters: int = 0
    agreeing_letters: int = 0
    digits: set[str] = field(default_factory=set)
    agreeing_digits: set[str] = field(default_factory=set)
    has_single_digits: bool = False

    @property
    def are_confirmed(self) -> bool:
        """True if most letters agree, and each digit is in a number that does: a font may be wrong about one digit."""
        has_letters = self.agreeing_letters >= _MIN_AGREEING * self.letters
        has_digits = self.digits <= self.agreeing_digits and (bool(self.digits) or not self.has_single_digits)
        return has_letters and has_digits and bool(self.letters or self.digits)


def readings_of(blocks: Sequence[Block]) -> list[Reading]:
    """Return the readings of blocks whose text is not from the text layer itself."""
    return [
        (block.bbox, text_of(block.label, block.content))
        for block in blocks
        if block.text_source in (None, "picture") and block.content
    ]


def needs_confirmation(lines: Sequence[TextLine], proven_fonts: Collection[int]) -> bool:
    """Return whether a word of the layer is in a font that is not proven."""
    return any(font not in proven_fonts for line in lines for word in line.words for font in _fonts(word))


def confirmed_fonts(lines: Sequence[TextLine], readings: Sequence[Reading]) -> set[int]:
    """Return the fonts of the lines that these readings of the page confirm."""
    words = [word for line in lines for word in line.words]
    indices = blocks_at([bbox for bbox, _ in readings], [word.bbox for word in words])
    texts = [plain(text) for _, text in readings]
    tokens = [{plain(token) for token in text.split()} for _, text in readings]
    by_font: dict[int, _Words] = defaultdict(_Words)
    for word, index in zip(words, indices.tolist(), strict=True):
        text = plain(word.text)
        digits = {character for character in text if character.isdigit()}
        is_in_block = index >= 0 and (text in tokens[index] if digits else text in texts[index])
        for font in _fonts(word):
            _count(by_font[font], text, digits, agrees=is_in_block)
    return {font for font, counts in by_font.items() if counts.are_confirmed}


def _fonts(word: TextWord) -> tuple[int, ...]:
    return (word.font, *word.other_fonts)


def _count(counts: _Words, text: str, digits: set[str], *, agrees: bool) -> None:
    if not digits:
        counts.letters += len(text)
        counts.agreeing_letters += len(text) if agrees else 0
    elif sum(map(str.isdigit, text)) < _MIN_DIGITS:
        counts.has_single_digits = True
    else:
        counts.digits |= digits
        counts.agreeing_digits |= digits if agrees else set()
