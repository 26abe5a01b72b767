"""Fonts of a text layer that the engine's reading confirms, so that they need not be read for proof.

Many programs embed fonts without a table of characters: the file cannot prove then that such a font sets what the text
layer says (`PageImage.proven_fonts`). But the engine has read the page image, and knows nothing of the layer. A font is
confirmed where the two agree: a wrong layer and a wrong reading do not say the same. The words in which they differ are
the engine's errors then. A font may be wrong about its digits alone, and engines misread single numbers: so words with
digits are confirmed apart from the others of their font. All functions are pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field, replace

from ocr_worker.pages import TextLine, TextWord
from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.regions import blocks_at
from ocr_worker.witness.words import plain, text_of

_MIN_AGREEING = 0.8  # share of a font's letters in words that the engine has read; fewer if the layer is wrong
_MIN_DIGITS = 2  # of a number; a single one may be in the block by chance

Reading = tuple[BBox, str]  # box and text of a block that the engine has read from the page image


@dataclass(slots=True)
class _Words:
    """Counts of a font's words: letters of those without digits, digits of the others.

    agreeing_letters, agreeing_digits: of the words that the engine has read.
    """

    letters: int = 0
    agreeing_letters: int = 0
    digits: set[str] = field(default_factory=set)
    agreeing_digits: set[str] = field(default_factory=set)
    has_single_digits: bool = False

    @property
    def are_letters_confirmed(self) -> bool:
        """True if most letters agree; not without any."""
        return bool(self.letters) and self.agreeing_letters >= _MIN_AGREEING * self.letters

    @property
    def are_digits_confirmed(self) -> bool:
        """True if each digit is in a number that agrees: a font may be wrong about one digit."""
        return self.digits <= self.agreeing_digits and (bool(self.digits) or not self.has_single_digits)

    @property
    def is_font_confirmed(self) -> bool:
        """True if letters and digits are, as far as there are any."""
        has_letters = self.are_letters_confirmed or not self.letters
        return has_letters and self.are_digits_confirmed and bool(self.letters or self.digits)


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


def confirm(
    lines: Sequence[TextLine], proven_fonts: Collection[int], readings: Sequence[Reading]
) -> tuple[Sequence[TextLine], set[int]]:
    """Return the lines, and the fonts that are proven or that these readings of the page confirm.

    Of a font whose letters alone are confirmed, the words with digits get a font number of their own, which is not.
    """
    counts = _count_words(lines, readings)
    confirmed = {font for font, words in counts.items() if words.is_font_confirmed} | {*proven_fonts}
    in_letters = {font for font, words in counts.items() if words.are_letters_confirmed} - confirmed
    return [_with_digits_apart(line, in_letters) for line in lines] if in_letters else lines, confirmed | in_letters


def _with_digits_apart(line: TextLine, fonts: Set[int]) -> TextLine:
    """Return the line with another font number, which no other words have, for words of these fonts with digits."""
    return replace(line, words=tuple(_with_digits_font(word, fonts) for word in line.words))


def _with_digits_font(word: TextWord, fonts: Set[int]) -> TextWord:
    if fonts.isdisjoint(_fonts(word)) or not _digits_of(plain(word.text)):
        return word
    font, *other_fonts = (-font if font in fonts else font for font in _fonts(word))
    return replace(word, font=font, other_fonts=tuple(other_fonts))


def _digits_of(text: str) -> set[str]:
    return {character for character in text if character.isdigit()}


def _count_words(lines: Sequence[TextLine], readings: Sequence[Reading]) -> dict[int, _Words]:
    """Return the counts of the words of each font."""
    words = [word for line in lines for word in line.words]
    indices = blocks_at([bbox for bbox, _ in readings], [word.bbox for word in words])
    texts = [plain(text) for _, text in readings]
    tokens = [{plain(token) for token in text.split()} for _, text in readings]
    by_font: dict[int, _Words] = defaultdict(_Words)
    for word, index in zip(words, indices.tolist(), strict=True):
        text = plain(word.text)
        digits = _digits_of(text)
        is_in_block = index >= 0 and (text in tokens[index] if digits else text in texts[index])
        for font in _fonts(word):
            _count(by_font[font], text, digits, agrees=is_in_block)
    return by_font


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
