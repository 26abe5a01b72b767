"""Write the worker's log: one line for each event, as `key=value`, on stderr.

`configure` sets up the log of this package; `event` writes a line. The log never contains document text, credentials or
the query of a URL. The log of RunPod's SDK is separate (`runpod_sdk.set_log_level`).
"""

from __future__ import annotations

import logging
import sys
from typing import Any


def configure(level: str) -> None:
    """Send this package's log to stderr at `level`. The root logger stays as the SDK configures it."""
    package = logging.getLogger("ocr_worker")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    package.handlers[:] = [handler]
    package.setLevel(level)
    package.propagate = False


def event(log: logging.Logger, name: str, **fields: Any) -> None:
    """Log one line: the event's name, then each field that is not None. Seconds are rounded to milliseconds."""
    pairs = (f"{key}={_format(value)}" for key, value in fields.items() if value is not None)
    log.info("event=%s %s", name, " ".join(pairs))


def _format(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    # A caller chooses a job's id: it must not be able to break a line in two.
    return repr(text) if any(character.isspace() or not character.isprintable() for character in text) else text
