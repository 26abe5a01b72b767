"""HTTP headers that several parts of the package read."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from ocr_worker.http_headers import parse_retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("²", None),
        ("٣", None),
        ("1.5", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    """Both forms are read; a date in the past is no wait; anything else is no answer."""
    assert parse_retry_after(value, NOW) == seconds
