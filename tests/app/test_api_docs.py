"""The reference of the API at `/docs`, in a real Chromium that reaches nothing but this worker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ocr_worker.app import api_docs
from support.app_process import App, serving
from support.drawing import WHITE, document, png
from support.page_actions import expect
from support.waiting import PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.process]

KEY = "a-key-for-tests"
ENGINE = {"OCR_ENGINE": "support.doubles:reading"}


@pytest.fixture(scope="module")
def app_with_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("keys") / "log", **ENGINE, OCR_API_KEYS=f'["{KEY}"]') as app:
        yield app.wait(200)


@pytest.fixture(scope="module")
def app_without_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("no-keys") / "log", **ENGINE) as app:
        yield app.wait(200)


@dataclass
class Tab:
    """A tab whose network ends at loopback. urls: of all requests. problems: what the browser complained about."""

    page: Any
    urls: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def route(self, route: Any) -> None:
        self.urls.append(route.request.url)
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            route.abort()


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    """A fresh tab; at the end, no request has failed or left loopback, and the policy was not violated."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, service_workers="block")
    context.set_default_timeout(PATIENCE_S * 1000)
    tab = Tab(context.new_page())
    context.route("**/*", tab.route)
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => console.error('violated', event.violatedDirective))"
    )
    tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.page.on("console", lambda message: tab.problems.append(message.text) if message.type == "error" else None)
    tab.page.on("requestfailed", lambda request: tab.problems.append(request.url))
    yield tab
    context.close()
    assert tab.problems == []
    assert {urlsplit(url).hostname for url in tab.urls} == {"127.0.0.1"}


def open_docs(tab: Tab, app: App) -> None:
    """Open `/docs` and wait until the reference is drawn."""
    tab.page.goto(f"{app.url}/docs")
    expect(tab.page.get_by_role("heading", name=re.compile("PaddleOCR-VL worker"))).to_be_visible()
    expect(tab.page.locator("#operations-parse-parse")).to_be_visible()


def test_every_file_comes_from_the_worker_under_the_policy(app_without_keys: App) -> None:
    """The page and its files have the strict policy, the page has nothing inline, and FastAPI's own pages are gone."""
    for path in ("/docs", *(f"/docs/{name}" for name in (*api_docs._OUR_FILES, *api_docs._SWAGGER_FILES))):
        response = httpx.get(app_without_keys.url + path)
        assert response.status_code == 200
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    html = httpx.get(f"{app_without_keys.url}/docs").text
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|(src|href)=.(https?:)?//", html)
    for path in ("/redoc", "/docs/oauth2-redirect", "/docs/..%2Fplayground.py"):
        assert httpx.get(app_without_keys.url + path).status_code == 404


def test_the_reference_is_drawn_without_keys(tab: Tab, app_without_keys: App) -> None:
    """Every operation of `/openapi.json` is on the page, and without API keys there is no Authorize button."""
    open_docs(tab, app_without_keys)
    paths = httpx.get(f"{app_without_keys.url}/openapi.json").json()["paths"]
    expect(tab.page.locator(".opblock")).to_have_count(sum(len(operations) for operations in paths.values()))
    expect(tab.page.get_by_role("button", name="Authorize")).to_have_count(0)


def test_a_key_can_be_entered_and_reaches_the_api(tab: Tab, app_with_keys: App) -> None:
    """With API keys there is an Authorize button; a request tried out on the page then carries the key."""
    open_docs(tab, app_with_keys)
    tab.page.get_by_role("button", name="Authorize").click()
    dialog = tab.page.locator(".auth-container").first
    dialog.locator("input").fill(KEY)
    dialog.get_by_role("button", name="Apply").click()
    dialog.get_by_role("button", name="Close").click()
    operation = tab.page.locator("#operations-parse-parse")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea").fill(json.dumps({"documents": [document(png(WHITE))]}))
    with tab.page.expect_response("**/v1/parse*") as response:
        operation.get_by_role("button", name="Execute").click()
    assert response.value.request.headers["authorization"] == f"Bearer {KEY}"
    expect(operation.locator(".live-responses-table")).to_contain_text('"pages_parsed": 1')


def test_only_routes_that_need_a_key_have_the_scheme(app_with_keys: App) -> None:
    """OpenAPI declares a bearer scheme, and requires it exactly at the routes that answer 401 without a key."""
    openapi = httpx.get(f"{app_with_keys.url}/openapi.json").json()
    (name,) = openapi["components"]["securitySchemes"]
    assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)  # other names are invalid as keys of OpenAPI's components
    assert openapi["components"]["securitySchemes"][name]["scheme"] == "bearer"
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            status = httpx.request(method, app_with_keys.url + path, json={}).status_code
            assert operation.get("security") == ([{name: []}] if status == 401 else None), path
