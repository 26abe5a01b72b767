"""The worker's own measure of its memory."""

from __future__ import annotations

import gc

import pytest

from ocr_worker.memory import container_memory, garbage_kept, resident_bytes


def test_used_memory_is_within_the_container() -> None:
    """A Python process uses more than 10 MB, and less than its container has."""
    assert 10e6 < resident_bytes() < container_memory()


def test_garbage_is_looked_for_again_after_an_error() -> None:
    """While an engine starts, Python does not look for garbage; it does afterwards, also after a failed start."""
    states = []

    def fail() -> None:
        with garbage_kept():
            states.append(gc.isenabled())
            raise OSError("no engine")

    with pytest.raises(OSError, match="no engine"):
        fail()
    assert states == [False]
    assert gc.isenabled()
