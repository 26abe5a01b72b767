"""PaddleX's requests in our words, without an engine. `make compat` holds the routes against PaddleX's own server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ocr_worker.app.paddlex.options import IGNORED_IN_MARKDOWN
from ocr_worker.app.paddlex.request import LayoutParsingRequest, file_kind
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from support.paddlex_stand_in import FILE, StandIn


def test_options_go_on_under_our_names() -> None:
    """Options that both APIs have are passed on, and images are requested as PaddleX's server returns them."""
    service = StandIn()
    theirs = {
        "useChartRecognition": True,
        "useLayoutDetection": False,
        "promptLabel": "table",
        "layoutThreshold": 0.5,
        "minPixels": 120000,
        "maxNewTokens": 99,
        "markdownIgnoreLabels": ["header"],
    }
    assert service.post(**theirs).status_code == 200
    assert service.last_request is not None
    assert service.last_request.documents[0].base64 == FILE
    assert service.last_request.options == PaddleOcrVlOptions(
        figures="inline",
        page_images="inline",
        use_chart_recognition=True,
        use_layout_detection=False,
        prompt_label="table",
        layout_threshold=0.5,
        min_pixels=120000,
        max_new_tokens=99,
        markdown_ignore_labels=["header"],
        markdown_escape=False,
    )


@pytest.mark.parametrize("settings", [{}, {"engine": "embedded"}])
def test_markdown_is_not_escaped(settings: dict[str, Any]) -> None:
    """With either engine the Markdown has the text as it was read, as that of PaddleX's server."""
    service = StandIn(**settings)
    assert service.post(visualize=False).status_code == 200
    assert service.last_request is not None
    assert service.last_request.options.model_dump()["markdown_escape"] is False


def test_ignored_labels_reach_the_embedded_engine() -> None:
    """`markdownIgnoreLabels` is an option of the embedded engine; without it the engine has PaddleX's default."""
    service = StandIn(engine="embedded")
    for theirs, ours in (({"markdownIgnoreLabels": []}, []), ({}, IGNORED_IN_MARKDOWN)):
        assert service.post(**theirs).status_code == 200
        assert service.last_request is not None
        assert service.last_request.options.model_dump()["markdown_ignore_labels"] == ours


def test_a_url_is_a_url_and_pictures_can_be_left_out() -> None:
    """An http(s) URL is fetched; without `visualize` and `returnMarkdownImages` no picture is made."""
    service = StandIn()
    service.post(file="https://example.com/a.pdf?key=1", visualize=False, returnMarkdownImages=False)
    assert service.last_request is not None
    assert service.last_request.documents[0].url == "https://example.com/a.pdf?key=1"
    assert (service.last_request.options.figures, service.last_request.options.page_images) == ("none", "none")


def test_a_file_is_base64_in_any_writing() -> None:
    """`file` is read as the other fields for base64 are: a data URI of a PDF is a PDF."""
    body = LayoutParsingRequest(file="data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode())
    assert file_kind(body) == "pdf"
    assert file_kind(LayoutParsingRequest(file=repr(base64.b64encode(b"%PDF-1.7")))) == "pdf"
    assert file_kind(LayoutParsingRequest(file="data:image/png;base64,iVBORw0KGgo=")) == "image"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outputFormats", ["docx"]),
        ("useOcrForImageBlock", True),
        ("layoutThreshold", {"text": 0.2}),
        ("layoutNms", False),
        ("layoutUnclipRatio", 1.5),
        ("layoutMergeBboxesMode", "large"),
        ("layoutShapeMode", "rect"),
        ("formatBlockContent", True),
        ("vlmExtraArgs", {"ocr_min_pixels": 5}),
        ("temperature", 0.5),
        ("topP", 0.5),
        ("repetitionPenalty", 1.2),
        ("useDocUnwarping", True),
        ("maxPixels", 1),
        ("markdownIgnoreLabels", [""]),
    ],
)
def test_what_cannot_be_honoured_is_rejected_by_name(field: str, value: Any) -> None:
    """A value that would change the result is never ignored: 422 with the field's name, before anything is parsed."""
    service = StandIn()
    answer = service.post(**{field: value}, logId="mine")
    assert answer.status_code == 422
    body = answer.json()
    assert (body["logId"], body["errorCode"]) == ("mine", 422)
    assert field in body["errorMsg"]
    assert service.last_request is None


def test_spotting_is_rejected_only_where_it_would_be_done() -> None:
    """With regions looked for the pipeline does not look at the prompt, so that it may be anything."""
    assert StandIn().post(promptLabel="spotting").status_code == 200
    assert "promptLabel" in StandIn().post(promptLabel="spotting", useLayoutDetection=False).json()["errorMsg"]


def test_sampling_goes_to_a_model_server() -> None:
    """With a model server temperature 0 is passed on, too; the native backend never samples."""
    server = StandIn(backend="vllm-server", server_url="http://127.0.0.1:1/v1")
    server.post(temperature=0, topP=0.9)
    assert server.last_request is not None
    assert isinstance(server.last_request.options, PaddleOcrVlOptions)
    assert (server.last_request.options.temperature, server.last_request.options.top_p) == (0, 0.9)
    native = StandIn()
    assert native.post(temperature=0, topP=1, repetitionPenalty=1).status_code == 200


def test_restructuring_is_ours_as_far_as_it_goes() -> None:
    """`restructurePages` is `merge_pages`, which does both of its parts or none."""
    service = StandIn()
    assert service.post(restructurePages=True).status_code == 200
    assert service.last_request is not None
    assert getattr(service.last_request.options, "merge_pages", None) is True
    message = StandIn().post(restructurePages=True, mergeTables=False).json()["errorMsg"]
    assert "mergeTables" in message
    assert "relevelTitles" not in message


def test_another_engine_rejects_what_it_lacks() -> None:
    """The embedded engine takes PaddleX's defaults and refuses the rest, and restructures nothing."""
    embedded = {"engine": "embedded"}
    assert StandIn(**embedded).post(useSealRecognition=False, mergeLayoutBlocks=True).status_code == 200
    for field, value in (("useSealRecognition", True), ("maxNewTokens", 5), ("restructurePages", True)):
        assert field in StandIn(**embedded).post(**{field: value}).json()["errorMsg"]
    message = StandIn(**embedded).post(markdownIgnoreLabels=["heading"]).json()["errorMsg"]
    assert "markdownIgnoreLabels" in message
    assert "paragraph_title" in message
    body = StandIn(**embedded).post("/restructure-pages", pages=[]).json()
    assert body["errorCode"] == 422
    assert "paddleocr-vl" in body["errorMsg"]


def test_pages_that_are_none_are_rejected_with_what_they_lack() -> None:
    """An invalid `prunedResult` is rejected with its page and field."""
    body = StandIn().post("/restructure-pages", pages=[{"prunedResult": {"width": 0}}]).json()
    assert body["errorCode"] == 422
    assert "body.pages[0].prunedResult.width" in body["errorMsg"]
    assert "body.pages[0].prunedResult.parsing_res_list" in body["errorMsg"]


def test_more_pages_than_allowed_are_rejected() -> None:
    """The limit of pages holds here as well."""
    body = StandIn(max_pages=1).post("/restructure-pages", pages=[{"prunedResult": {}}] * 2).json()
    assert "body.pages" in body["errorMsg"]
    assert "the limit is 1" in body["errorMsg"]
