"""The results of the job wire, from responses of the pipeline."""

from __future__ import annotations

import base64
import json
from typing import Any

from ocr_worker.app.jobs import results
from ocr_worker.app.jobs.submission import JobRequest
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, ErrorInfo, Figure, PageResult
from support.job_wire import response_of
from support.paddlex_stand_in import page, picture

FAILURE = ErrorInfo(code="PAGE_FAILED", message="the engine found nothing", retryable=False)
FIGURE = Figure(name="figure-1.jpg", bbox=(1, 2, 30, 40), base64=picture(29, 38))


def translated(*pages: PageResult, model: str = "PaddleOCR-VL", **fields: Any) -> tuple[list[Any], results.JobResult]:
    """Return the lines as JSON with addresses, and the result."""
    request = JobRequest(model=model, options={"visualize": True}, **fields)
    result = results.translate(response_of(*pages), request, Settings())
    return [json.loads(results.with_addresses(line, "https://x/{}".format)) for line in result.lines], result


def test_a_line_is_a_page() -> None:
    """Each page has a line with the entry of `/layout-parsing`, and `dataInfo` of all pages."""
    lines, _ = translated(page(1, markdown="first"), page(2, markdown="second"))
    texts = [line["result"]["layoutParsingResults"][0]["markdown"]["text"] for line in lines]
    assert texts == ["first", "second"]
    assert all(line["result"]["dataInfo"]["numPages"] == 2 for line in lines)


def test_pictures_are_addresses() -> None:
    """Crops and page images are not in the lines, and each address names a picture of the result."""
    text = "![](figure-1.jpg)"
    blocks = [Block(label="image", content="", bbox=(1, 2, 30, 40))]
    lines, result = translated(page(3, markdown=text, blocks=blocks, figures=[FIGURE], image=picture(100, 200)))
    entry = lines[0]["result"]["layoutParsingResults"][0]
    images = entry["markdown"]["images"]
    (path,) = images
    assert path in entry["markdown"]["text"]
    addresses = [*images.values(), *entry["outputImages"].values(), entry["inputImage"]]
    assert sorted(addresses) == sorted(f"https://x/{name}" for name in result.pictures)
    assert result.pictures[images[path].removeprefix("https://x/")] == base64.b64decode(FIGURE.base64 or "")


def test_lines_are_ascii() -> None:
    """No character of a text is a line break for a client that splits at all of them."""
    _, result = translated(page(1, markdown="a\u2028b\u0085c\nä"))
    assert all(line.isascii() and len(line.splitlines()) == 1 for line in result.lines)


def test_models_that_read_text_have_texts_with_boxes() -> None:
    """`PP-OCR` models have texts, scores and boxes of one length; a table is its cells, a picture is nothing."""
    table = "<table><tr><td>a</td><td>b</td></tr><tr><th>c</th><td></td></tr></table>"
    blocks = [
        Block(label="text", content="first\nline", bbox=(1, 2, 3, 4)),
        Block(label="table", content=table, bbox=(5, 6, 7, 8)),
        Block(label="image", content="", bbox=(0, 0, 1, 1)),
    ]
    lines, _ = translated(page(1, blocks=blocks), model="PP-OCRv6")
    pruned = lines[0]["result"]["ocrResults"][0]["prunedResult"]
    assert pruned["rec_texts"] == ["first\nline", "a b\nc"]
    assert pruned["rec_boxes"] == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert len(pruned["rec_scores"]) == len(pruned["rec_polys"]) == 2


def test_a_failed_page_fails_the_job_and_the_others_are_kept() -> None:
    """A client takes `done` for all pages, so a failed page is an error that names it."""
    failed = PageResult(page=2, status="failed", error=FAILURE)
    response = response_of(page(1), failed)
    error = results.error_of(response)
    assert error
    assert "1 of 2 pages" in error
    assert "page 2 (PAGE_FAILED" in error
    assert results.has_pages(response)
    assert results.error_of(response_of(page(1))) is None
    assert results.error_of(response_of(failed)) == "PAGE_FAILED: the engine found nothing"
    assert not results.has_pages(response_of(failed))


def test_what_an_endpoint_left_out_is_said() -> None:
    """A response that had to be shortened says so in each line."""
    response = response_of(page(1), degraded=("figures",))
    result = results.translate(response, JobRequest(model="PaddleOCR-VL"), Settings())
    assert "figures" in json.loads(result.lines[0])["result"]["warnings"][0]


def test_options_without_effect_are_named_in_the_result() -> None:
    """An option that the engine does not have is ignored with a warning in each line."""
    request = JobRequest(model="PaddleOCR-VL", options={"useChartRecognition": True})
    result = results.translate(response_of(page(1), page(2)), request, Settings(engine="embedded"))
    for line in result.lines:
        (warning,) = json.loads(line)["result"]["warnings"]
        assert "useChartRecognition" in warning
