"""What a person does on the page, and where things are on it."""

from __future__ import annotations

import re
from typing import Any

PDF = {"name": "levels.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
DONE, BUSY = "html[data-state=done]", "html[data-state=busy]"


def send(tab: Any, *files: dict[str, Any]) -> None:
    tab.set_input_files("#file", list(files) or [PDF])


def block(tab: Any, number: int, n: int) -> Any:
    return tab.locator(f".page:nth-child({number}) .text [data-n='{n}']")


def box(tab: Any, number: int, n: int) -> Any:
    return tab.locator(f".page:nth-child({number}) rect[data-n='{n}']")


def is_lit(one: Any) -> None:
    from playwright.sync_api import expect

    expect(one).to_have_class(re.compile(r"\blit\b"))


def is_dark(one: Any) -> None:
    from playwright.sync_api import expect

    expect(one).not_to_have_class(re.compile(r"\blit\b"))
