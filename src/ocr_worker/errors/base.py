"""What all errors have."""

from __future__ import annotations

from typing import ClassVar


class OcrWorkerError(Exception):
    """Base class; `str(error)` is the message for people, `code` the one for programs."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
