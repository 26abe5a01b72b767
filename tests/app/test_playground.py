"""The page to try the worker, in a real Chromium: what is served, and reading. The worker plays what each test says."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from ocr_worker.app import playground
from ocr_worker.wire.schema import Figure, PageWarning
from support.page_actions import BUSY, DONE, PDF, block, box, expect, is_dark, is_lit, send
from support.scripted_worker import BLOCKS, FAILED, Script, failed_page, page, page_event, played, problem, summary

pytestmark = pytest.mark.browser

# --------------------------------------------------------------------------- what is served


def test_the_page_brings_everything_and_lets_nothing_else_in(url: str) -> None:
    """Every file comes with a strict policy; nothing is inline, nothing comes from another host."""
    for path in ("/", *(f"/playground/{name}" for name in playground._FILES)):
        answer = httpx.get(url + path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert not re.search(r"""(src|href|from|url)\s*[=(]?\s*["']?(https?:)?//""", answer.text)
    html = httpx.get(url).text
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", html)
    assert httpx.get(f"{url}/playground/..%2Fplayground.py").status_code == 404
    assert httpx.get(f"{url}/playground/none.js").status_code == 404


# --------------------------------------------------------------------------- reading


def test_pages_arrive_one_by_one(tab: Any, script: Script) -> None:
    """A document is sent with what was chosen; each page is shown as it comes, picture, boxes and text."""
    script.held = True
    tab.fill("#pages", "1-3")
    tab.select_option("#dpi", "150")
    send(tab)
    expect(tab.locator("#status-line")).to_have_text("Waiting for the first page …")
    expect(tab.locator(BUSY)).to_be_attached()
    for number in (1, 2, 3):
        script.step.release()
        expect(tab.locator("#status-line")).to_have_text(f"{number} of 3 pages")
        expect(tab.locator(".page")).to_have_count(number)
    script.step.release()
    expect(tab.locator("#status-line")).to_have_text("3 pages read in 1.5 s by scripted 1")
    expect(tab.locator(DONE)).to_be_attached()
    expected = {
        "sources": ["levels.pdf"],
        "pages": "1-3",
        "options": {"page_images": "inline", "figures": "inline", "dpi": 150},
    }
    assert script.requests == [{**expected, "render": "html"}]
    expect(tab.locator(".page:first-child h3")).to_have_text("Water Levels")
    expect(tab.locator(".page:first-child td[colspan='2']")).to_have_text("Old Mill")
    expect(tab.locator(".page:first-child math mfrac")).to_be_visible()
    assert tab.evaluate("document.querySelector('.sheet img').decode().then(() => true)")
    assert tab.evaluate("document.querySelector('figure image').href.baseVal").startswith("blob:")


def test_a_block_and_its_box_light_up_together(tab: Any) -> None:
    """Pointing at either lights both, and only them; a box that is clicked leads to its block."""
    send(tab)
    block(tab, 1, 3).hover()
    is_lit(block(tab, 1, 3))
    is_lit(box(tab, 1, 3))
    is_dark(box(tab, 2, 3))
    box(tab, 1, 2).hover()
    is_lit(block(tab, 1, 2))
    is_dark(block(tab, 1, 3))
    tab.locator("#name").hover()
    is_dark(block(tab, 1, 2))
    box(tab, 1, 6).click()
    expect(block(tab, 1, 6)).to_be_focused()
    expect(block(tab, 1, 6)).to_be_in_viewport()


def test_everything_can_be_done_with_the_keyboard(tab: Any) -> None:
    """A page is two stops, its boxes and its text: arrows walk through the blocks, Enter changes the side."""
    tab.locator("#file").focus()
    for name in ("url", "BUTTON", "pages", "dpi"):
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.id || document.activeElement.tagName") == name
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    box(tab, 1, 0).focus()
    is_lit(block(tab, 1, 0))
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    expect(box(tab, 1, 2)).to_be_focused()
    is_lit(block(tab, 1, 2))
    tab.keyboard.press("Enter")
    expect(block(tab, 1, 2)).to_be_focused()
    is_lit(box(tab, 1, 2))
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('.page').matches(':nth-child(2)')")


def test_controls_have_names(tab: Any) -> None:
    """Whatever can be used has a name that is read aloud, and so has every box, block and picture."""
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll("button, input, select, progress, [tabindex], img, [role=img]")]
            .filter((one) => !(one.ariaLabel || one.alt || one.labels?.length || one.textContent.trim()))
            .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []


def test_links_and_pictures_can_be_pasted_and_dropped(tab: Any, script: Script) -> None:
    """A pasted link, a pasted picture, a dropped file and a typed link are all read."""
    give = """([kind, how, text]) => {
        const data = new DataTransfer();
        if (text) data.setData("text", text);
        else data.items.add(new File(["x"], `${kind}.png`, {type: "image/png"}));
        const event = kind === "paste" ? new ClipboardEvent(kind, {clipboardData: data, bubbles: true})
                                       : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
        document.body.dispatchEvent(event);
    }"""
    link = "https://example.com/a.pdf?signature=secret"
    gestures = [("paste", "", link, link), ("paste", "", "", "paste.png"), ("drop", "", "", "drop.png")]
    for count, (kind, how, text, source) in enumerate(gestures, start=1):
        tab.evaluate(give, [kind, how, text])
        expect(tab.locator(DONE)).to_be_attached()
        assert [request["sources"] for request in script.requests][count - 1 :] == [[source]]
        tab.click("#another")
    tab.fill("#url", "https://example.com/b.pdf")
    tab.keyboard.press("Enter")
    expect(tab.locator(DONE)).to_be_attached()
    assert script.requests[-1]["sources"] == ["https://example.com/b.pdf"]
    expect(tab.locator("#name")).to_have_text("https://example.com/b.pdf")


def test_markdown_and_json_can_be_taken_away(tab: Any, script: Script) -> None:
    """Both can be copied and saved; failed pages leave their mark, and pictures of pages are not in the JSON."""
    pages = [page(1), failed_page(2)]
    script.events = played(pages)
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    tab.click("[data-take='copy md']")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == f"{pages[0].markdown}\n\n<!-- page 2: ENGINE_TIMED_OUT -->"
    with tab.expect_download() as saving:
        tab.click("[data-take='save md']")
    assert saving.value.suggested_filename == "levels.md"
    assert Path(saving.value.path()).read_text(encoding="utf-8") == copied
    with tab.expect_download() as saving:
        tab.click("[data-take='save json']")
    assert saving.value.suggested_filename == "levels.json"
    saved = json.loads(Path(saving.value.path()).read_text(encoding="utf-8"))
    assert saved["coverage"]["pages_failed"] == 1
    expected = [result.model_dump(mode="json", exclude_none=True, exclude={"image"}) for result in pages]
    assert saved["documents"][0]["pages"] == expected


def test_failed_and_missing_documents_leave_comments(tab: Any, script: Script) -> None:
    """A document that failed, also as the whole job, and pages after a stop have comments in the Markdown."""
    name, end = summary([page(1)])
    error = {"code": "DOCUMENT_CORRUPT", "message": "the file is damaged", "retryable": False}
    end["documents"] += [{"id": "document-2", "status": "failed", "error": error}]
    script.events = [page_event(page(1), 1), (name, end)]
    send(tab, PDF, {**PDF, "name": "b -- c.pdf"})
    expect(tab.locator(DONE)).to_be_attached()
    assert copied(tab) == f"{page(1).markdown}\n\n<!-- document b - - c.pdf: DOCUMENT_CORRUPT -->"
    script.events = [page_event(page(1), 3)]
    script.breaks_off = True
    send(tab, PDF, {**PDF, "name": "b.pdf"})
    expect(tab.locator("#problem h2")).to_have_text("The connection was lost")
    comments = ["<!-- 2 of 3 pages were not read -->", "<!-- document b.pdf: was not read -->"]
    assert copied(tab) == "\n\n".join([str(page(1).markdown), *comments])
    failed = {"id": "document-1", "status": "failed", "error": FAILED.model_dump()}
    members = {"documents": [{**failed, "pages": []}, {"id": "document-2", "status": "failed", "error": error}]}
    end = {**problem("ENGINE_TIMED_OUT", "nothing was parsed", 503), **members}
    script.events, script.breaks_off = [page_event(failed_page(1), 1), ("error", end)], False
    send(tab, PDF, {**PDF, "name": "b.pdf"})
    expect(tab.locator("#problem h2")).to_be_visible()
    expect(tab.locator(".page")).to_have_count(1)
    comments = ["<!-- document levels.pdf: ENGINE_TIMED_OUT -->", "<!-- page 1: ENGINE_TIMED_OUT -->"]
    assert copied(tab) == "\n\n".join([*comments, "<!-- document b.pdf: DOCUMENT_CORRUPT -->"])


def copied(tab: Any) -> str:
    """Return the Markdown that the page's button copies."""
    tab.click("[data-take='copy md']")
    text: str = tab.evaluate("navigator.clipboard.readText()")
    return text


def test_several_documents_can_be_saved_as_a_zip(tab: Any, script: Script) -> None:
    """A folder for each document, failed ones too, with Markdown, JSON and figures; no name leads out of it."""
    figures = [
        Figure(name=name, bbox=(0, 0, 9, 9), base64="/9j/AAEC") for name in ("page-1-figure-1.jpg", "../..\\..\\x.jpg")
    ]
    pages = [page(1).model_copy(update={"figures": figures}), failed_page(2)]
    name, end = summary(pages)
    error = {"code": "DOCUMENT_CORRUPT", "message": "the file is damaged", "retryable": False}
    end["documents"] += [{"id": "document-2", "status": "succeeded"}]
    end["documents"] += [{"id": "document-3", "status": "failed", "error": error}]
    events = [page_event(result, 2) for result in pages]
    script.events = [*events, page_event(page(1), 1, "document-2"), (name, end)]
    send(tab, {**PDF, "name": "größe.pdf"}, {**PDF, "name": "GRÖSSE.pdf"}, {**PDF, "name": "größe.pdf"})
    expect(tab.locator(DONE)).to_be_attached()
    with tab.expect_download() as saving:
        tab.click("[data-take='save zip']")
    assert saving.value.suggested_filename == "größe.zip"
    with zipfile.ZipFile(saving.value.path()) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    folders = ("größe.pdf", "GRÖSSE.pdf", "größe.pdf-2")
    expected = {f"{folder}/{file}" for folder in folders for file in ("document.md", "document.json")}
    assert set(contents) == expected | {"response.json", "größe.pdf/page-1-figure-1.jpg", "größe.pdf/x.jpg"}
    assert contents["größe.pdf/x.jpg"] == b"\xff\xd8\xff\x00\x01\x02"
    assert contents["größe.pdf/document.md"].decode() == f"{pages[0].markdown}\n\n<!-- page 2: ENGINE_TIMED_OUT -->\n"
    assert contents["größe.pdf-2/document.md"].decode() == "<!-- document größe.pdf: DOCUMENT_CORRUPT -->\n"
    assert b"base64" not in contents["größe.pdf/document.json"]
    assert json.loads(contents["response.json"])["documents"][2]["error"] == error


def test_several_documents_are_read_together(tab: Any, script: Script) -> None:
    """Pages are grouped by document, under its name; a document that could not be opened shows its error."""
    first, other = played([page(1), page(2)]), page_event(page(1), 1, "document-2")
    name, end = summary([page(1)], "document-1")
    error = {"code": "DOCUMENT_CORRUPT", "message": "the file is damaged", "retryable": False}
    end["documents"] += [{"id": "document-2", "status": "succeeded"}]
    end["documents"] += [{"id": "document-3", "status": "failed", "error": error}]
    script.events = [first[0], other, first[1], (name, end)]
    send(tab, PDF, {**PDF, "name": "b.pdf"}, {**PDF, "name": "c.pdf"})
    titles = ["levels.pdf, page 1", "levels.pdf, page 2", "b.pdf, page 1", "c.pdf could not be read"]
    expect(tab.locator(".page .head h2")).to_have_text(titles)
    expect(tab.locator(".failed")).to_contain_text("the file is damaged")
    end = "3 pages read, 1 of 3 documents failed, in 1.5 s by scripted 1"
    expect(tab.locator("#status-line")).to_have_text(end)


def test_findings_are_marked_on_the_picture_and_in_the_text(tab: Any, script: Script) -> None:
    """A finding has a number in the list, on the picture and at its words, or at a note on what is missing. Blocks
    show their confidence. A page that was not compared says so, and a filter leaves only what has findings."""
    confidences = [0.99, 1.0, 0.08, 0.2, None, None, 0.99, 0.99]
    blocks = [
        block.model_copy(update={"confidence": confidence})
        for block, confidence in zip(BLOCKS, confidences, strict=True)
    ]
    warnings = [
        PageWarning(code="TEXT_UNSUPPORTED", message="m", text="Gauges rose in", bbox=BLOCKS[2].bbox),
        PageWarning(code="NUMBERS_DIFFER", message="m", text="3.87 / 3.81", bbox=(300, 250, 340, 270)),
        PageWarning(code="TEXT_MISSED", message="m", text="A stamp", bbox=(60, 800, 200, 820)),
        PageWarning(code="NO_TEXT", message="another warning"),
    ]
    doubtful = page(1, blocks, warnings).model_copy(update={"verified": True, "ink_coverage": 0.934})
    fine = page(2, blocks).model_copy(update={"verified": True, "ink_coverage": 1.0})
    script.events = played([doubtful, fine, page(3).model_copy(update={"verified": False})])
    tab.select_option("#verify", "auto")
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    assert script.requests[0]["options"]["verify"] == "auto"
    first, last = tab.locator(".page").first, tab.locator(".page").last
    expect(first.locator(".head")).to_contain_text("second reading: 3 findings, 93.4 % of the ink in blocks")
    expect(last.locator(".head")).to_contain_text("not compared: no second reading of this page")
    expect(first.locator(".findings li")).to_have_count(3)
    expect(first.locator(".notes li")).to_have_count(1)
    expect(first.locator("rect.finding")).to_have_count(3)
    expect(first.locator("mark.extra")).to_have_text("1gauges rose in")
    expect(first.locator("td mark.differs")).to_have_text("23.87")
    expect(block(tab, 1, 6).locator("+ .absent.missing")).to_have_text("3On the page only: A stamp")
    expect(first.locator(".confidence")).to_have_text(["0.99", "1", "0.08", "0.20", "0.99", "0.99"])
    expect(first.locator(".confidence.low")).to_have_count(2)
    first.locator("g.badge").nth(1).hover()
    is_lit(first.locator("td mark"))  # before the click, which scrolls, so that something else is under the pointer
    first.locator("g.badge").nth(1).click()
    expect(first.locator("td mark")).to_be_in_viewport()
    expect(tab.locator("#uncompared")).to_have_text("1 page not compared")
    tab.get_by_label("Only findings (3)").check()
    expect(tab.locator(".page").nth(1)).to_be_hidden()
    expect(block(tab, 1, 2)).to_be_visible()
    expect(block(tab, 1, 1)).to_be_hidden()


# --------------------------------------------------------------------------- size


def test_three_hundred_pages_stay_smooth(tab: Any, script: Script) -> None:
    """While 300 pages arrive, and while one scrolls through them, frames are drawn nearly as often as in an empty tab
    beside it; few pictures are held at once."""
    first = page(1)
    pages = [first.model_copy(update={"page": number}) for number in range(1, 301)]
    script.events = played(pages)
    empty = tab.context.new_page()
    for window in (empty, tab):
        window.bring_to_front()
        window.evaluate(
            """() => { window.gaps = []; let last = performance.now();
                const tick = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(tick); };
                requestAnimationFrame(tick); }"""
        )
    send(tab)
    expect(tab.locator("#status-line")).to_have_text("300 pages read in 1.5 s by scripted 1")
    expect(tab.locator(".page")).to_have_count(300)
    tab.mouse.move(640, 600)
    for _ in range(40):
        tab.mouse.wheel(0, 5000)
        tab.wait_for_timeout(30)
    tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(block(tab, 300, 1)).to_be_in_viewport()
    gaps, usual = (sorted(window.evaluate("gaps")) for window in (tab, empty))  # milliseconds between two frames
    assert len(usual) >= 20  # which tell how busy the machine is
    assert gaps[-1] < usual[-1] + 1500
    assert gaps[int(len(gaps) * 0.95)] < usual[int(len(usual) * 0.95)] + 250
    assert tab.locator(".sheet img[src]").count() < 15
    block(tab, 300, 3).hover()
    is_lit(box(tab, 300, 3))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_one_column(browser: Any, url: str, scheme: str) -> None:
    """At 390 pixels nothing has to be scrolled sideways, picture above text, in light as in dark."""
    tab = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    tab.goto(url)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    send(tab)
    expect(tab.locator(DONE)).to_be_attached()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    sheet, text = tab.locator(".sheet").first.bounding_box(), tab.locator(".text").first.bounding_box()
    assert text["y"] >= sheet["y"] + sheet["height"]
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(246, 247, 249)") == (scheme == "light")
    tab.close()
