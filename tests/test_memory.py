"""The worker's own measure of its memory."""

from __future__ import annotations

from ocr_worker.memory import container_memory, resident_bytes


def test_used_memory_is_within_the_container() -> None:
    """A Python process uses more than 10 MB, and less than its container has."""
    assert 10e6 < resident_bytes() < container_memory()
