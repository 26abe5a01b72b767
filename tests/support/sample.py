"""The repository's own page, which `test_input.json` holds."""

from __future__ import annotations

import base64
import json

from support.worker_process import ROOT


def page_png() -> bytes:
    """Return the page as a PNG."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    return base64.b64decode(job["input"]["documents"][0]["base64"])
