"""The repository's own page, which `test_input.json` holds."""

from __future__ import annotations

import base64
import io
import json

from PIL import Image

from support.worker_process import ROOT


def page_png() -> bytes:
    """Return the page as a PNG."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    return base64.b64decode(job["input"]["documents"][0]["base64"])


def head_png() -> bytes:
    """Return the head of the page, with its title, which the embedded engine reads in a fifth of the page's time."""
    with Image.open(io.BytesIO(page_png())) as page:
        head = page.crop((0, 0, page.width, 300))
    data = io.BytesIO()
    head.save(data, "PNG")
    return data.getvalue()
