"""Properties of characters that more than one room asks for."""

from __future__ import annotations

import unicodedata


def is_wide(character: str) -> bool:
    """Return whether the character takes the width of two Latin ones, as those of Chinese, Japanese and Korean do."""
    return unicodedata.east_asian_width(character) in "WF"
