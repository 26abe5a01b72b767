"""The tree of errors: whole, drawn as it is, and stable."""

from __future__ import annotations

import pytest

from ocr_worker import errors
from ocr_worker.errors import Corrupt, OcrWorkerError, as_worker_error, error_types


@pytest.mark.parametrize("error", error_types()[1:], ids=lambda error: error.__name__)
def test_every_error_is_drawn_in_the_tree(error: type[OcrWorkerError]) -> None:
    """The module's docstring shows each class, and "(retryable)" exactly where it is."""
    drawn = [line for line in (errors.__doc__ or "").splitlines() if error.__name__ in line.split()]
    assert len(drawn) == 1
    assert ("(retryable)" in drawn[0]) is error.retryable


def test_codes_are_unique() -> None:
    """No two leaves share a code, so a code tells what happened."""
    codes = [error.code for error in error_types()[1:]]
    assert len(codes) == len(set(codes))


def test_an_unforeseen_exception_says_nothing_of_itself() -> None:
    """Ours go through as they are; anything else becomes INTERNAL with a fixed text."""
    ours = Corrupt("the PDF is damaged")
    assert as_worker_error(ours) is ours
    stranger = as_worker_error(ValueError("a secret"))
    assert stranger.code == "INTERNAL"
    assert "secret" not in str(stranger)
