"""Contract tests: what a package does that it does not promise, held in place, with advice for when it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import pytest


@contextmanager
def contract(package: str, function: str, advice: str) -> Iterator[None]:
    """Explain whatever fails inside: which function of ours to change, and what to read in the package first."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        message = (
            f"{package} {version(package)} breaks what {function} relies on. Read {advice}. Then change {function}."
        )
        raise AssertionError(f"{message}\nThe failure: {error!r}") from error
