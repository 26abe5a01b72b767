"""Parse HTTP headers that several parts of the package read, without the types of any HTTP library."""

from __future__ import annotations

from email.utils import parsedate_to_datetime


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a `Retry-After` header asks to wait (RFC 9110: a number of seconds, or an HTTP date).

    now: seconds since the epoch. A date in the past is 0. None: the header is absent or cannot be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None
