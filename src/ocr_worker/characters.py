"""Properties of Unicode characters that several modules need, and that depend on no engine."""

from __future__ import annotations

import unicodedata


def is_wide(character: str) -> bool:
    """Return whether the character is as wide as two Latin ones, like those of Chinese, Japanese and Korean."""
    return unicodedata.east_asian_width(character) in "WF"
