"""The page to try the worker, in a real Chromium: what can go wrong, and documents that mean harm."""

from __future__ import annotations

from typing import Any

import pytest

from ocr_worker.wire.schema import Block, ErrorInfo, PageWarning
from support.page_actions import DONE, PDF, expect, send
from support.scripted_worker import BLOCKS, Script, failed_page, page, page_event, played, problem, summary

pytestmark = pytest.mark.browser

# --------------------------------------------------------------------------- what can go wrong


def test_a_failed_page_says_why_and_can_be_read_again(tab: Any, script: Script) -> None:
    """A failed page shows code, message and advice in its place; parsed again, it replaces the error there."""
    script.events = played([page(1), failed_page(2), page(3, warnings=[PageWarning(code="FAINT", message="is faint")])])
    send(tab)
    failed = tab.locator(".page:nth-child(2)")
    expect(failed.locator("h2")).to_have_text("Page 2 could not be read")
    expect(failed).to_contain_text("the engine did not finish within 120 s")
    expect(failed).to_contain_text("ENGINE_TIMED_OUT Trying again may help.")
    expect(tab.locator("#status-line")).to_have_text("2 pages read, 1 failed, in 1.5 s by scripted 1")
    expect(tab.locator(".page:nth-child(3) .notes")).to_have_text("is faint FAINT")
    script.events = [page_event(page(2), 1), summary([page(2)])]
    failed.get_by_role("button", name="Read this page again").click()
    expect(failed.locator("h2")).to_have_text("Page 2")
    expect(tab.locator("#status-line")).to_have_text("3 of 3 pages")
    assert script.requests[-1]["pages"] == "2"
    expect(tab.locator(".page")).to_have_count(3)


def test_a_page_that_will_always_fail_offers_no_other_try(tab: Any, script: Script) -> None:
    """A page whose error is not retryable has no button to try again."""
    error = ErrorInfo(code="DOCUMENT_PAGE_TOO_LARGE", message="the page is 400 m wide", retryable=False)
    script.events = played([page(1), failed_page(2, error)])
    send(tab)
    expect(tab.locator(".failed")).to_contain_text("Trying again will not help.")
    expect(tab.locator(".failed button")).to_have_count(0)


def test_a_bad_file_is_reported_in_words(tab: Any, script: Script) -> None:
    """A file that is none: what is wrong, with its name and the code, and the next one can be dropped at once."""
    message = "nothing was parsed; document-1: the file is neither a PDF nor an image"
    script.events = [("error", problem("DOCUMENT_UNSUPPORTED_TYPE", message, 415))]
    send(tab, {**PDF, "name": "notes.docx"})
    card = tab.locator("#problem")
    expect(card).to_contain_text("The file type is not supported")
    expect(card).to_contain_text("notes.docx: the file is neither a PDF nor an image")
    expect(card).to_contain_text("DOCUMENT_UNSUPPORTED_TYPE")
    expect(card).to_be_focused()
    expect(tab.locator("#again")).to_be_hidden()
    script.events = played([page(1)])
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    expect(card).to_be_hidden()


def test_an_encrypted_file_is_read_with_its_password(tab: Any, script: Script) -> None:
    """Without a password the page asks for it; with it, the same file is sent again."""
    script.events = [("error", problem("DOCUMENT_ENCRYPTED", "nothing was parsed; document-1: it is encrypted", 422))]
    send(tab)
    expect(tab.locator("#problem")).to_contain_text("The PDF needs a password")
    expect(tab.locator("#problem")).to_contain_text("Enter the password below")
    script.events = played([page(1)])
    tab.fill("#password", "lamp")
    tab.click("#again")
    expect(tab.locator(DONE)).to_be_attached()
    assert [request.get("password") for request in script.requests] == [None, "lamp"]


def test_a_rejected_request_is_reported_in_words(tab: Any, script: Script) -> None:
    """problem+json of a job that never began: title, detail, code, and another try where that may help."""
    script.problem = problem(
        "QUEUE_FULL", "the queue is full with 64 jobs; try again in some seconds", 429, retryable=True
    )
    send(tab)
    expect(tab.locator("#problem h2")).to_have_text("The worker is busy")
    expect(tab.locator("#problem")).to_contain_text("levels.pdf")
    message = 'input.documents[0].pages: the page range is invalid; write it like "1-3,8" or "5-"'
    script.problem = problem("INVALID_REQUEST", message, 422)
    tab.click("#again")
    expect(tab.locator("#problem .detail")).to_have_text(
        'pages: the page range is invalid; write it like "1-3,8" or "5-"'
    )
    expect(tab.locator("#again")).to_be_hidden()
    script.problem = None
    send(tab)
    expect(tab.locator(".page")).to_have_count(3)


def test_the_key_is_asked_for_and_kept_in_the_tab(tab: Any, script: Script) -> None:
    """401 asks for the key, says so when it is wrong, and does not ask again in this tab; cancelling is no error."""
    script.key = "right"
    send(tab)
    expect(tab.locator("#key")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("#problem h2")).to_have_text("This worker needs an API key")
    tab.click("#again")
    for key in ("wrong", "right"):
        tab.fill("#key-value", key)
        tab.keyboard.press("Enter")
        if key == "wrong":
            expect(tab.locator("#key-message")).to_have_text("The worker did not accept this key.")
    expect(tab.locator(".page")).to_have_count(3)
    tab.reload()
    send(tab)
    expect(tab.locator(".page")).to_have_count(3)
    assert tab.evaluate("localStorage.length + document.cookie.length") == 0


def test_a_document_waits_for_an_engine_that_loads(tab: Any, script: Script) -> None:
    """While the engine loads the page says so, and sends the document when it is there."""
    script.status = 204
    tab.reload()
    expect(tab.locator("#engine")).to_have_text("the engine is loading …")
    send(tab)
    expect(tab.locator("#status-line")).to_have_text("The engine is loading. The document is sent when it is ready.")
    assert script.requests == []
    script.status = 200
    expect(tab.locator(DONE)).to_be_attached()
    expect(tab.locator("#engine")).to_have_text("scripted 1 · double")


def test_a_dead_engine_and_a_worker_out_of_reach_are_reported(tab: Any, script: Script) -> None:
    """503 and no answer at all are two things, and each is said; what has arrived stays."""
    script.status = 503
    script.problem = problem("ENGINE_UNAVAILABLE", "the engine died", 503, retryable=True)
    send(tab)
    expect(tab.locator("#problem h2")).to_have_text("The engine is not available")
    expect(tab.locator("#engine")).to_have_text("the engine is not available")
    tab.context.set_offline(True)
    tab.click("#again")
    expect(tab.locator("#problem h2")).to_have_text("The worker cannot be reached")
    expect(tab.locator("#engine")).to_have_text("the worker does not respond")
    tab.context.set_offline(False)
    script.status, script.problem = 200, None
    script.events, script.breaks_off = script.events[:2], True
    tab.click("#again")
    expect(tab.locator("#problem h2")).to_have_text("The connection was lost")
    expect(tab.locator(".page")).to_have_count(2)


def test_a_job_can_be_stopped(tab: Any, script: Script) -> None:
    """Stop ends the job at once; the pages that are there stay, and can be taken away."""
    script.held = True
    send(tab)
    script.step.release()
    expect(tab.locator("#status-line")).to_have_text("1 of 3 pages")
    tab.click("#stop")
    expect(tab.locator("#status-line")).to_have_text("Stopped after 1 of 3 pages")
    expect(tab.locator("[data-take='copy md']")).to_be_enabled()


# --------------------------------------------------------------------------- strangers' documents

EVIL = (
    "<script>window.ran = 1</script>"
    "<img src=x onerror='window.ran = 1'>"
    "<svg onload='window.ran = 1'><script>window.ran = 1</script></svg>"
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>"
    "<p id=job style='position:fixed;inset:0' onpointerover='window.ran = 1'>cover</p>"
    "<a href='javascript:window.ran=1'>link</a>"
)


def test_scripts_in_a_document_do_not_run(tab: Any, script: Script) -> None:
    """Markup in text, tables, formulas, titles and file names is shown or dropped; it never runs."""
    labels = ("text", "table", "display_formula", "doc_title", "image", "chart", "header", "reference")
    contents = (
        EVIL,
        f"<table><tr><td>{EVIL}</td></tr></table>",
        rf"$$\text{{{EVIL}}}\href{{javascript:window.ran=1}}{{x}}$$",
    )
    blocks = [Block(label=label, content=content, bbox=(0, 0, 99, 99)) for label in labels for content in contents]
    error = ErrorInfo(code="PAGE_FAILED", message=EVIL, retryable=False)
    script.events = played([page(1, blocks, [PageWarning(code="W", message=EVIL)]), failed_page(2, error)])
    send(tab, {**PDF, "name": "<img src=x onerror='window.ran = 1'>.pdf"})
    expect(tab.locator(DONE)).to_be_attached()
    tab.locator(".text .block").first.hover()
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.ran") is None
    assert tab.locator(".text :is(script, img, iframe, form, [style], [id])").count() == 0
    assert tab.locator("a[href^=javascript]").count() == 0


def test_even_what_is_not_sanitised_does_not_run(browser: Any, url: str, script: Script) -> None:
    """The policy alone stops scripts, handlers, frames and loads from elsewhere, should the sanitiser ever fail."""
    name, data = page_event(page(1), 1)
    data["rendered"] = [EVIL + "<img src='https://tracker.example/a.png'>"] * len(BLOCKS)
    script.events = [(name, data), summary([page(1)])]
    tab = browser.new_page()
    tab.goto(url)
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    tab.locator(".text a").first.dispatch_event("click")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.ran") is None
    assert tab.evaluate("getComputedStyle(document.querySelector('.text p')).position") != "fixed"
    tab.close()
