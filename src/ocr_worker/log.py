"""Logs: one line an event, `key=value`, on stderr. Never document text, credentials or the query of a URL."""

from __future__ import annotations

import logging
import sys
from typing import Any


def configure(level: str) -> None:
    """Sends this package's log to stderr at `level`, apart from the root logger, which the SDK configures."""
    package = logging.getLogger("ocr_worker")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    package.handlers[:] = [handler]
    package.setLevel(level)
    package.propagate = False


def event(log: logging.Logger, name: str, **fields: Any) -> None:
    """One line: the event's name, then each field that is not None; seconds are rounded to milliseconds."""
    told = (f"{key}={_short(value)}" for key, value in fields.items() if value is not None)
    log.info("event=%s %s", name, " ".join(told))


def _short(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    # A job's id comes from outside: it must not be able to break a line in two.
    return repr(text) if any(char.isspace() or not char.isprintable() for char in text) else text
