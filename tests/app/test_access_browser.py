"""Web pages of other origins in a real Chromium, and our own page on the real app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from support.app_process import App, health, serving
from support.drawing import WHITE, png
from support.page_actions import DONE, expect, send
from support.scripted_worker import served
from support.waiting import PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.process]

FORM = """<!doctype html><form id="form" method="post" enctype="{kind}" action="{url}">
<input name="url" value="data:,x"></form>"""


@contextmanager
def foreign_page(html: str) -> Iterator[str]:
    """Serve a page on an origin of its own; yield its URL."""
    app = FastAPI()
    app.add_api_route("/", lambda: HTMLResponse(html))
    with served(app) as url:
        yield url


@pytest.fixture
def foreign_tab(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("app") / "log", OCR_ENGINE="support.doubles:reading") as started:
        yield started.wait(200)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])  # same-site and cross-site
@pytest.mark.parametrize("kind", ["multipart/form-data", "text/plain"])
@pytest.mark.parametrize("path", ["/v1/parse", "/layout-parsing"])
def test_a_form_of_another_page_is_rejected(foreign_tab: Any, app: App, path: str, kind: str, name: str) -> None:
    """A form that a page of another origin sends to the app on loopback is answered 403."""
    with foreign_page(FORM.format(kind=kind, url=app.url + path)) as url:
        foreign_tab.goto(url.replace("127.0.0.1", name))
        with foreign_tab.expect_response(app.url + path) as response:
            foreign_tab.evaluate("document.querySelector('#form').submit()")
        assert response.value.status == 403
        assert "ORIGIN_REJECTED" in response.value.text()  # each route has its own form of errors
    assert health(app)["jobs"] == 0


def test_a_script_of_another_page_is_rejected(foreign_tab: Any, app: App) -> None:
    """A request that needs no preflight is sent, rejected, and unreadable for the page."""

    def errors() -> int:
        metrics = requests.get(f"{app.url}/metrics", timeout=PATIENCE_S).text
        labels = 'code="ORIGIN_REJECTED",route="/restructure-pages",status="403"'
        return metrics.count(f"ocr_http_errors_total{{{labels}}} 1.0")

    with foreign_page("<!doctype html>") as url:
        foreign_tab.goto(url)
        script = "url => fetch(url, {method: 'POST', body: 'x'}).then(() => 'read', () => 'unreadable')"
        assert foreign_tab.evaluate(script, f"{app.url}/restructure-pages") == "unreadable"
    assert errors() == 1


def test_our_own_page_works(foreign_tab: Any, app: App) -> None:
    """The page that the app serves parses a document, under each loopback name."""
    for name in ("127.0.0.1", "localhost"):
        foreign_tab.goto(app.url.replace("127.0.0.1", name))
        send(foreign_tab, {"name": "a.png", "mimeType": "image/png", "buffer": png(WHITE)})
        expect(foreign_tab.locator(DONE)).to_be_attached()
        expect(foreign_tab.locator("#status-line")).to_contain_text("1 page read")


def test_a_page_of_an_allowed_origin_works(foreign_tab: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A page of OCR_CORS_ORIGINS sends a form with a file, and reads the response and the headers that count."""
    with foreign_page("<!doctype html>") as url:
        settings = {"OCR_ENGINE": "support.doubles:reading", "OCR_CORS_ORIGINS": url}
        with serving(tmp_path_factory.mktemp("cors") / "log", **settings) as app:
            app.wait(200)
            foreign_tab.goto(url)
            result = foreign_tab.evaluate(
                """async ([url, bytes]) => {
                    const form = new FormData();
                    form.append("file", new File([new Uint8Array(bytes)], "a.png"));
                    const response = await fetch(url, {method: "POST", body: form});
                    return [response.status, response.headers.get("X-Status"), (await response.json()).status];
                }""",
                [f"{app.url}/v1/parse", list(png(WHITE))],
            )
    assert result == [200, "succeeded", "succeeded"]


def test_a_rebound_name_is_rejected(browser: Any, app: App) -> None:
    """A page whose name resolves to this machine after it was loaded reads nothing of the app."""
    port = urlsplit(app.url).port
    rules = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    rebound = browser.browser_type.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", rules])
    try:
        tab = rebound.new_page()
        response = tab.goto(f"http://rebound.example:{port}/health")
        assert (response.status, response.json()["code"]) == (421, "HOST_REJECTED")
    finally:
        rebound.close()
