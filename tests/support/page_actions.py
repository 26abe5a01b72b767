"""Actions of a person on the playground page, and locators of its parts."""

from __future__ import annotations

import re
from typing import Any

from support.waiting import PATIENCE_S

PDF = {"name": "levels.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
DONE, BUSY = "html[data-state=done]", "html[data-state=busy]"


def expect(what: Any) -> Any:
    """Return Playwright's assertions, which wait. Tests without a browser run without Playwright."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_S * 1000)
    return expect(what)


def send(tab: Any, *files: dict[str, Any]) -> None:
    tab.set_input_files("#file", list(files) or [PDF])


def block(tab: Any, number: int, n: int) -> Any:
    return tab.locator(f".page:nth-child({number}) .text [data-n='{n}']")


def box(tab: Any, number: int, n: int) -> Any:
    return tab.locator(f".page:nth-child({number}) rect[data-n='{n}']")


def is_lit(locator: Any) -> None:
    expect(locator).to_have_class(re.compile(r"\blit\b"))


def is_dark(locator: Any) -> None:
    expect(locator).not_to_have_class(re.compile(r"\blit\b"))
