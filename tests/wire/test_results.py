"""Errors as callers see them, and back."""

from __future__ import annotations

import pytest

from ocr_worker.errors import JobFailed, OcrWorkerError, error_types
from ocr_worker.wire.results import error_info, error_of
from ocr_worker.wire.schema import ErrorInfo


@pytest.mark.parametrize("error_type", error_types()[1:])
def test_an_error_survives_the_way(error_type: type[OcrWorkerError]) -> None:
    """Each error that a worker reports becomes an exception of the same class, code and message."""
    error = error_of(error_info(error_type("message")))
    assert type(error) is error_type
    assert (error.code, error.retryable, str(error)) == (error_type.code, error_type.retryable, "message")


def test_the_worker_decides_whether_to_retry() -> None:
    """`retryable` is the worker's, which may know more than the class; other exceptions of the class keep theirs."""
    error = error_of(ErrorInfo(code="PAGE_FAILED", message="message", retryable=True))
    assert error.retryable
    assert not type(error).retryable


def test_a_code_of_another_version() -> None:
    """An unknown code becomes a JobFailed that keeps it."""
    info = ErrorInfo(code="NEW_CODE", message="message", retryable=True)
    error = error_of(info)
    assert isinstance(error, JobFailed)
    assert error_info(error) == info
