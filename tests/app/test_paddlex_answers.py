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


# --------------------------------------------------------------------------- failures


def test_a_failed_page_is_no_success_and_costs_no_other_page() -> None:
    """The request fails, as with PaddleX; yet `result` has every page in its place, and the failed one says so."""
    answer = StandIn([page(1), failed_page(2), page(3)]).post()
    body = answer.json()
    assert (answer.status_code, body["errorCode"]) == (500, 500)
    assert body["errorMsg"].startswith("1 of 3 pages could not be parsed")
    assert body["error"] == FAILED.model_dump()
    texts = [(entry["markdown"]["text"], entry.get("errorCode")) for entry in body["result"]["layoutParsingResults"]]
    assert texts == [("text", None), ("", 500), ("text", None)]
    assert [entry["width"] for entry in body["result"]["dataInfo"]["pages"]] == [100, None, 100]


def test_without_any_page_there_is_no_result() -> None:
    """Nothing parsed: the envelope of an error, and nothing that could be taken for a result."""
    body = StandIn([failed_page(1)]).post().json()
    assert (body["errorCode"], body["errorMsg"]) == (500, "Internal server error")
    assert "result" not in body


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Corrupt("the file is damaged"), 422, "Invalid input file"),
        (Encrypted("the PDF needs a password"), 422, "Invalid input file"),
        (SourceTimedOut("the download took too long"), 422, "Invalid input file"),
        (DeadlineExceeded("the job's time limit passed"), 503, "the job's time limit passed"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_in_paddlex_words(
    error: OcrWorkerError, status: int, message: str
) -> None:
    """PaddleX's status and words, and beside them our own error."""
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
