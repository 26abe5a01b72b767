"""Fixtures: the playground page in Chromium, on a scripted worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.scripted_worker import Script, app_of, page, played, served
from support.waiting import PATIENCE_S


@pytest.fixture
def script() -> Script:
    return Script(played([page(1), page(2), page(3)]))


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with served(app_of(script)) as address:
        yield address


@pytest.fixture
def tab(browser: Any, url: str) -> Iterator[Any]:
    """Open the page at desktop size; at the end assert that no error was uncaught and that the policy was kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE_S * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )
    opened.goto(url)
    yield opened
    context.close()
    assert faults == []
