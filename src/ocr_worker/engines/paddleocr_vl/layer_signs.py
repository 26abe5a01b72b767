"""Signs in a text layer that PaddleOCR-VL writes in a form of its own.

The model writes formulas as LaTeX, and so it does with raised text. A footnote's marker in plain digits has one form,
which `write_markers` gives it. How the model writes other raised or lowered text, mathematical signs and
signs without meaning is not in the layer: `has_special_signs` sends such blocks to the model. All functions
are pure.
"""

from __future__ import annotations

import re
import unicodedata

from ocr_worker.characters import UNKNOWN

_RAISED_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_PLAIN = str.maketrans(_RAISED_DIGITS, "0123456789")
# After a word of three letters, which no unit with a power is, or after the end of a sentence or a quotation.
_MARKER = re.compile(rf"((?:[^\W\d_]{{3}}|[^\W\d_][.,;:!?]|[.,;:!?]?[”’»\"])\s?)([{_RAISED_DIGITS}]{{1,3}})(?=\W|$)")
_MARKER_OF_NOTE = re.compile(rf"()^([{_RAISED_DIGITS}]{{1,3}})(?=\s|[^\W\d_])")
_RAISED_NAMES = ("SUPERSCRIPT", "SUBSCRIPT", "MODIFIER LETTER", "LATIN SUBSCRIPT", "GREEK SUBSCRIPT")
_PLAIN_MATH = frozenset("+<=>|~¬±×÷")  # mathematical by category, and common in running text
_PLAIN_SHAPES = frozenset("●•■▪◆○")
_ARROWS_TO_TECHNICAL = range(0x2190, 0x2400)  # arrows, mathematical operators, technical signs
_SHAPES_TO_DINGBATS = range(0x25A0, 0x27C0)  # shapes, ballot boxes, ticks
_MATH_LETTERS = range(0x1D400, 0x1D800)
_LETTER_SIGNS = frozenset("ℂℍℕℙℚℝℤℓℏ℘ℑℜℵ")
# A word that ends in a sign for a footnote; one that also begins with it is a word in bold of plain text.
_MARKED_WORD = re.compile(r"(?<![^\s(])[^\s*∗†‡§¶]*[^\W\d_][*∗†‡§¶]")


def write_markers(text: str, *, is_note: bool) -> str:
    """Return the text with the markers of footnotes as the model writes them, such as `word $ ^{1} $`.

    is_note: the text is a footnote, which begins with its own marker.
    """
    text = _MARKER.sub(_write_marker, text)
    return _MARKER_OF_NOTE.sub(_write_marker, text) if is_note else text


def _write_marker(match: re.Match[str]) -> str:
    before = f"{match[1].rstrip()} " if match[1] else ""
    return f"{before}$ ^{{{match[2].translate(_PLAIN)}}} $"


def has_special_signs(text: str) -> bool:
    """Return whether the text has signs that the model writes in another form. text: with its markers written."""
    letters = [character for character in text if character.isalpha()]
    greek = sum("\u0370" <= character <= "\u03ff" for character in letters)
    if greek and 2 * greek < len(letters):  # Greek letters in another script are mathematical
        return True
    return any(map(_is_special, text)) or bool(_MARKED_WORD.search(text))


def _is_special(character: str) -> bool:
    code = ord(character)
    if character in _PLAIN_MATH or character in _PLAIN_SHAPES:
        return False
    if unicodedata.category(character) in ("Sm", "Co", "Cn", "Cc", "Cs") and character != "\n":
        return True
    if character == UNKNOWN or character in _LETTER_SIGNS or code in _MATH_LETTERS:
        return True
    if code in _ARROWS_TO_TECHNICAL or code in _SHAPES_TO_DINGBATS:
        return True
    return unicodedata.name(character, "").startswith(_RAISED_NAMES)
