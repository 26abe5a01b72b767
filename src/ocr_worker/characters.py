"""Properties of Unicode characters that several modules need, and that depend on no engine.

Raised and lowered text is written with Unicode's own characters, as in 10\u2076 cm\u00b3, where each character has
such a form. Other raised and lowered text is between marks, which are noncharacters and so occur in no document:
`to_markup` writes them as <sup> and <sub>, `to_plain_text` leaves them out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

UNKNOWN = "\ufffd"  # a character of a text layer that has ink, but no mapping to Unicode


def is_wide(character: str) -> bool:
    """Return whether the character is as wide as two Latin ones, like those of Chinese, Japanese and Korean."""
    return unicodedata.east_asian_width(character) in "WF"


def is_noncharacter(code: int) -> bool:
    """Return whether the code point is one of those that Unicode reserves for use inside a program."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


_RAISED_START, _LOWERED_START, _RAISED_END, _LOWERED_END = "\ufdd0\ufdd1\ufdd2\ufdd3"
_ALL_MARKS = str.maketrans("", "", _RAISED_START + _LOWERED_START + _RAISED_END + _LOWERED_END)
_MARKED = re.compile(
    f"{_RAISED_START}(?P<raised>[^{_RAISED_END}]*){_RAISED_END}?|{_LOWERED_START}(?P<lowered>[^{_LOWERED_END}]*){_LOWERED_END}?"
)
_RAISED = dict(
    zip(
        "0123456789+-\u2212\u2013=()abcdefghijklmnoprstuvwxyz",
        "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207b\u207b\u207c\u207d\u207e"
        "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ",
        strict=True,
    )
)
_LOWERED = dict(
    zip(
        "0123456789+-\u2212\u2013=()aehijklmnoprstuvx",
        "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208b\u208b\u208c\u208d\u208e"
        "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ",
        strict=True,
    )
)


def write_raised(characters: Sequence[str], *, is_lowered: bool = False) -> list[str]:
    """Return the characters as raised or lowered text: in Unicode's forms, or the first and last one with a mark."""
    forms = _LOWERED if is_lowered else _RAISED
    if all(character in forms for character in characters):
        return [forms[character] for character in characters]
    start, end = (_LOWERED_START, _LOWERED_END) if is_lowered else (_RAISED_START, _RAISED_END)
    marked = list(characters)
    marked[0] = start + marked[0]
    marked[-1] += end
    return marked


def to_markup(text: str) -> str:
    """Return the text with <sup> and <sub> for the marks of raised and lowered text."""
    return _MARKED.sub(_markup, text).translate(_ALL_MARKS)


def to_plain_text(text: str) -> str:
    """Return the text without marks: each raised or lowered character in Unicode's form, if it has such a form."""
    return _MARKED.sub(_plain, text).translate(_ALL_MARKS)


def _markup(match: re.Match[str]) -> str:
    return f"<sup>{match['raised']}</sup>" if match["raised"] is not None else f"<sub>{match['lowered']}</sub>"


def _plain(match: re.Match[str]) -> str:
    forms, text = (_RAISED, match["raised"]) if match["raised"] is not None else (_LOWERED, match["lowered"])
    return "".join(forms.get(character, character) for character in text)
