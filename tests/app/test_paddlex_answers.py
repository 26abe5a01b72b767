"""Our answers and errors in PaddleX's words, without an engine."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from fastapi import Depends
from PIL import Image

from ocr_worker.errors import (
    Corrupt,
    DeadlineExceeded,
    Encrypted,
    EngineUnavailable,
    InvalidRequest,
    OcrWorkerError,
    QueueFull,
    SourceTimedOut,
    Unauthorized,
)
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import Block, DocumentResult, ErrorInfo, Figure, PageResult, PageWarning
from support.paddlex_stand_in import FILE, StandIn, client_of, page, picture

FAILED = ErrorInfo(code="PAGE_FAILED", message="the engine failed on this page", retryable=False)


def failed_page(number: int) -> PageResult:
    return PageResult(page=number, status="failed", error=FAILED)


def test_figures_have_paddlex_paths() -> None:
    """Our figures' names become PaddleX's, from label and box, in the text, in tables, and over the crops."""
    inside, seal = (10, 10, 20, 20), (5, 6, 30, 40)
    figures = [
        Figure(name="page-1-figure-1.jpg", bbox=seal, base64="c2VhbA=="),
        Figure(name="page-1-figure-11.jpg", bbox=inside, base64=picture(10, 10)),
    ]
    blocks = [
        Block(label="seal", content="", bbox=seal),
        Block(label="table", content='<td><img src="page-1-figure-11.jpg"/></td>', bbox=(0, 0, 90, 90)),
    ]
    figures[0] = figures[0].model_copy(update={"base64": picture(25, 34)})
    text = 'a page-1-figure-1.jpg b <td><img src="page-1-figure-11.jpg"/></td>'
    entry = entries(StandIn([page(figures=figures, blocks=blocks, markdown=text)]).post())[0]
    of_seal, of_cell = "imgs/img_in_seal_box_5_6_30_40.jpg", "imgs/img_in_image_box_10_10_20_20.jpg"
    assert entry["markdown"]["text"] == f'a {of_seal} b <td><img src="{of_cell}"/></td>'
    assert list(entry["markdown"]["images"]) == [of_seal, of_cell]
    assert of_cell in entry["prunedResult"]["parsing_res_list"][1]["block_content"]


def entries(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["result"]["layoutParsingResults"]
    return results


def test_pictures_are_no_larger_than_paddlex_gives_them() -> None:
    """The page comes as `inputImage` and with its boxes, at most 2000 pixels wide."""
    entry = entries(StandIn([page(width=3000, height=1500, image=picture(3000, 1500))]).post())[0]
    for data in (entry["inputImage"], entry["outputImages"]["layout_det_res"]):
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (2000, 1000)


def test_blocks_are_numbered_as_paddlex_does() -> None:
    """Ids by place; an order only for running text that the Markdown does not leave out."""
    labels = ["doc_title", "image", "text", "number", "reference"]
    blocks = [Block(label=label, content="", bbox=(0, 0, 1, 1)) for label in labels]
    numbered = entries(StandIn([page(blocks=blocks)]).post())[0]["prunedResult"]["parsing_res_list"]
    assert [block["block_id"] for block in numbered] == [0, 1, 2, 3, 4]
    assert [block["block_order"] for block in numbered] == [1, None, 2, None, 3]


def test_a_table_over_pages_is_one_group() -> None:
    """Numbers run over the pages; a table that was joined to the page before has that table's group."""
    table = Block(label="table", content="<table></table>", bbox=(0, 0, 1, 1))
    rest = table.model_copy(update={"content": ""})
    text = Block(label="text", content="x", bbox=(0, 0, 1, 1))
    continued = [PageWarning(code="TABLE_CONTINUED", message="all its rows are on its first page")]
    pages = [page(1, blocks=[text, table]), page(2, blocks=[rest, text], warnings=continued), page(3, blocks=[table])]
    results = entries(StandIn(pages).post(restructurePages=True))
    numbers = [
        [(block["global_block_id"], block["global_group_id"]) for block in result["prunedResult"]["parsing_res_list"]]
        for result in results
    ]
    assert numbers == [[(0, 0), (1, 1)], [(2, 1), (3, 3)], [(4, 4)]]


@pytest.mark.parametrize(
    ("file", "kind", "pages", "expected"),
    [
        (FILE, 1, 1, {"numPages": 1, "pages": [{"width": 100, "height": 200}], "type": "pdf"}),
        ("iVBORw0KGgo=", None, 1, {"width": 100, "height": 200, "type": "image"}),
        ("SUkqAA==", 1, 2, {"numPages": 2, "pages": [{"width": 100, "height": 200}] * 2, "type": "tiff"}),
        ("https://example.com/a.PDF?x=.png", None, 1, {"numPages": 1, "type": "pdf"}),
        ("https://example.com/a.png", None, 1, {"type": "image"}),
    ],
)
def test_the_file_is_what_it_is(file: str, kind: int | None, pages: int, expected: dict[str, Any]) -> None:
    """`dataInfo` tells a PDF, an image, or an image of several pages; bytes tell more than `fileType`."""
    answer = StandIn([page(at) for at in range(1, pages + 1)]).post(file=file, fileType=kind)
    assert expected.items() <= answer.json()["result"]["dataInfo"].items()


# --------------------------------------------------------------------------- the resolution of pages


def page_at_200_dpi() -> PageResult:
    return page(
        width=1700,
        height=2200,
        dpi=200.0,
        markdown="![](page-1-figure-1.jpg)",
        image=picture(1700, 2200),
        blocks=[
            Block(label="text", content="a", bbox=(100, 200, 300, 400)),
            Block(label="image", content="", bbox=(0, 0, 1000, 500)),
        ],
        figures=[Figure(name="page-1-figure-1.jpg", bbox=(0, 0, 1000, 500), base64=picture(1000, 500))],
    )


def size_of(data: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(data))).size


def test_a_page_of_a_pdf_has_144_dpi_whatever_the_engine_reads_at() -> None:
    """Sizes, boxes, pictures and figures' paths are those of a page at 144 dpi, from which clients count points."""
    body = StandIn([page_at_200_dpi()]).post().json()["result"]
    assert body["dataInfo"]["pages"] == [{"width": 1224, "height": 1584}]
    (entry,) = body["layoutParsingResults"]
    pruned = entry["prunedResult"]
    assert (pruned["width"], pruned["height"]) == (1224, 1584)
    assert [block["block_bbox"] for block in pruned["parsing_res_list"]] == [[72, 144, 216, 288], [0, 0, 720, 360]]
    assert pruned["layout_det_res"]["boxes"][0]["coordinate"] == [72, 144, 216, 288]
    path = "imgs/img_in_image_box_0_0_720_360.jpg"
    assert entry["markdown"]["text"] == f"![]({path})"
    assert size_of(entry["markdown"]["images"][path]) == (720, 360)
    assert size_of(entry["inputImage"]) == (1224, 1584)
    assert size_of(entry["outputImages"]["layout_det_res"]) == (1224, 1584)


def test_a_page_that_was_rendered_coarser_is_scaled_up() -> None:
    """A poster that only fits at 36 dpi has the sizes of 144 dpi; its pictures stay within PaddleX's limit."""
    body = StandIn([page(width=1000, height=500, dpi=36.0, image=picture(1000, 500))]).post().json()["result"]
    assert body["dataInfo"]["pages"] == [{"width": 4000, "height": 2000}]
    assert size_of(body["layoutParsingResults"][0]["inputImage"]) == (2000, 1000)


def test_an_image_keeps_its_pixels() -> None:
    """The resolution that an image file states changes nothing on this wire."""
    body = StandIn([page_at_200_dpi()]).post(file="iVBORw0KGgo=", fileType=1).json()["result"]
    assert body["dataInfo"] == {"width": 1700, "height": 2200, "type": "image"}


# --------------------------------------------------------------------------- blocks in Markdown


def formatted(label: str, content: str, markdown: str = "", **options: Any) -> str:
    blocks = [Block(label=label, content=content, bbox=(10, 10, 60, 60))]
    (entry,) = entries(StandIn([page(blocks=blocks, markdown=markdown)]).post(formatBlockContent=True, **options))
    assert entry["prunedResult"]["model_settings"]["format_block_content"] is True
    text: str = entry["prunedResult"]["parsing_res_list"][0]["block_content"]
    return text


@pytest.mark.parametrize(
    ("label", "content", "expected"),
    [
        ("doc_title", "Water\nlevels", "# Water levels"),
        ("paragraph_title", "1.2 Gauges", "### 1.2 Gauges"),
        ("paragraph_title", "Others", "## Others"),
        ("text", "a\nb", "a\n\nb"),
        ("figure_title", "Fig-\nure 1", '<div style="text-align: center;">Figure 1</div>\n'),
        ("image", "", '<div style="text-align: center;"><img src="PATH" alt="Image" width="50%" /></div>\n'),
        ("display_formula", "$$ x $$", "$$ x $$"),
        ("abstract", "Abstract We show", "## Abstract\n We show"),
        ("header", "left\nout", "left\nout"),
        ("some_other", "as it is", "as it is"),
    ],
)
def test_blocks_are_markdown_on_request(label: str, content: str, expected: str) -> None:
    """With `formatBlockContent` each block is written as in the page's Markdown, titles with their level there."""
    path = f"imgs/img_in_{label}_box_10_10_60_60.jpg"
    assert formatted(label, content, "text\n\n### 1.2 Gauges\n\ntext") == expected.replace("PATH", path)


def test_lines_that_the_markdown_keeps_are_kept() -> None:
    """Lines of code, which the page's Markdown has as they are, are no paragraphs in the block either."""
    code = "for row in rows:\n    read(row)"
    assert formatted("text", code, f"```\n{code}\n```") == code


def test_tables_and_charts_are_html_on_request() -> None:
    """A table gets PaddleX's styles, and a chart that was read is a table; the page's own Markdown stays."""
    assert formatted("table", "<table><td>1</td></table>").startswith("\n<table border=1 style=")
    assert "<th style='text-align: center;'>Year</th>" in formatted("chart", "Year|2\n3|4", useChartRecognition=True)


# --------------------------------------------------------------------------- failures


def test_a_failed_page_is_no_success_and_costs_no_other_page() -> None:
    """The request fails, as with PaddleX; yet `result` has every page in its place, and the failed one says so."""
    answer = StandIn([page(1), failed_page(2), page(3)]).post()
    body = answer.json()
    assert (answer.status_code, body["errorCode"]) == (500, 500)
    assert body["errorMsg"].startswith("1 of 3 pages could not be parsed")
    assert FAILED.message in body["errorMsg"]
    assert body["error"] == FAILED.model_dump()
    texts = [(entry["markdown"]["text"], entry.get("errorCode")) for entry in body["result"]["layoutParsingResults"]]
    assert texts == [("text", None), ("", 500), ("text", None)]
    assert [entry["width"] for entry in body["result"]["dataInfo"]["pages"]] == [100, None, 100]


def test_without_any_page_there_is_no_result() -> None:
    """Nothing parsed: the envelope of an error, and nothing that could be taken for a result."""
    body = StandIn([failed_page(1)]).post().json()
    assert (body["errorCode"], body["errorMsg"]) == (500, f"Internal server error: {FAILED.message}")
    assert "result" not in body


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Corrupt("the file is damaged"), 422, "Invalid input file: the file is damaged"),
        (Encrypted("the PDF needs a password"), 422, "Invalid input file: the PDF needs a password"),
        (SourceTimedOut("the download took too long"), 422, "Invalid input file: the download took too long"),
        (DeadlineExceeded("the job's time limit passed"), 503, "the job's time limit passed"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_in_paddlex_words(
    error: OcrWorkerError, status: int, message: str
) -> None:
    """PaddleX's status and words with our reason, which clients show, and beside them our own error."""
    document = DocumentResult(id="document-1", status="failed", error=error_info(error))
    answer = StandIn(document=document).post(logId="a")
    assert answer.status_code == status
    assert answer.json() == {
        "logId": "a",
        "errorCode": status,
        "errorMsg": message,
        "error": error_info(error).model_dump(),
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EngineUnavailable("the engine is still loading"), 503),
        (QueueFull("too many jobs"), 429),
        (InvalidRequest("the options do not go together"), 422),
    ],
)
def test_what_keeps_the_service_from_parsing_is_reported(error: OcrWorkerError, status: int) -> None:
    """The status that fits, in PaddleX's envelope; where it is worth it, when to come again."""
    answer = StandIn(error=error).post()
    assert (answer.status_code, answer.json()["errorCode"]) == (status, status)
    assert answer.json()["errorMsg"] == str(error)
    assert ("Retry-After" in answer.headers) == (status != 422)


def test_an_unforeseen_error_says_nothing() -> None:
    """Its text, which may hold anything, stays here."""
    answer = StandIn(error=RuntimeError("/secret/path")).post()
    assert (answer.status_code, answer.json()["errorMsg"]) == (500, "Internal server error")
    assert "secret" not in answer.text


def test_who_brings_no_key_is_reported_in_the_same_envelope() -> None:
    """401, as everything else, in PaddleX's form."""

    def refuse() -> None:
        raise Unauthorized("the API key is missing or wrong")

    answer = client_of(StandIn(), Depends(refuse)).post("/layout-parsing", json={"file": FILE})
    assert (answer.status_code, answer.json()["errorCode"], answer.json()["errorMsg"]) == (
        401,
        401,
        "the API key is missing or wrong",
    )
    assert answer.headers["WWW-Authenticate"] == "Bearer"
