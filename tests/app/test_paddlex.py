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


PASSED_ON = {
    "useOcrForImageBlock": (True, "use_ocr_for_image_block", True),
    "layoutThreshold": ({"22": 0.2}, "layout_threshold", {"22": 0.2}),
    "layoutNms": (False, "layout_nms", False),
    "layoutUnclipRatio": ([1.5, 1], "layout_unclip_ratio", [1.5, 1.0]),
    "layoutMergeBboxesMode": ({"2": "large"}, "layout_merge_bboxes_mode", {"2": "large"}),
    "layoutShapeMode": ("rect", "layout_shape_mode", "rect"),
    "vlmExtraArgs": ({"ocr_min_pixels": 5000}, "vlm_extra_args", {"ocr_min_pixels": 5000}),
    "mergeLayoutBlocks": (False, "merge_layout_blocks", False),
}


@pytest.mark.parametrize("field", PASSED_ON)
def test_arguments_of_the_library_are_passed_on(field: str) -> None:
    """Each argument of the library's `predict` reaches PaddleOCR-VL, without a warning."""
    value, option, expected = PASSED_ON[field]
    service = StandIn()
    answer = service.post(**{field: value})
    assert answer.status_code == 200
    assert "warnings" not in answer.json()
    assert service.last_request is not None
    assert getattr(service.last_request.options, option) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0.5),
        ("topP", 0.5),
        ("repetitionPenalty", 1.2),
        ("layoutThreshold", {"text": 0.2}),
        ("vlmExtraArgs", {"max_new_tokens": 5}),
        ("markdownIgnoreLabels", [""]),
    ],
)
def test_what_has_no_effect_is_accepted_with_a_warning(field: str, value: Any) -> None:
    """A field that the model ignores, as PaddleX's server does, costs no request, and the response names it."""
    answer = StandIn().post(**{field: value})
    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert warning["code"] == "OPTION_IGNORED"
    assert f"`{field}`" in warning["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("outputFormats", ["docx"]), ("useDocUnwarping", True), ("maxPixels", 1), ("minPixels", 2_000_000)],
)
def test_what_would_make_the_result_wrong_is_rejected_by_name(field: str, value: Any) -> None:
    """A value without which the result would be wrong is 422 with the field's name, before anything is parsed."""
    service = StandIn()
    answer = service.post(**{field: value}, logId="mine")
    assert answer.status_code == 422
    body = answer.json()
    assert (body["logId"], body["errorCode"]) == ("mine", 422)
    assert field in body["errorMsg"]
    assert service.last_request is None


def test_an_export_is_rejected_with_what_to_do_instead() -> None:
    """`outputFormats: ["docx"]` is refused, by both routes, with the reason and a way to the same end."""
    for path, more in (("/layout-parsing", {}), ("/restructure-pages", {"pages": []})):
        message = StandIn().post(path, outputFormats=["docx"], **more).json()["errorMsg"]
        assert "exports no files" in message
        assert "markdown.text" in message


def test_spotting_is_read_without_layout_detection_only() -> None:
    """With layout detection the pipeline does not look at the prompt; without it the lines' boxes are left out."""
    assert "warnings" not in StandIn().post(promptLabel="spotting").json()
    service = StandIn()
    answer = service.post(promptLabel="spotting", useLayoutDetection=False)
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["SPOTTING_BOXES_LEFT_OUT"]
    assert service.last_request is not None
    assert service.last_request.options.model_dump()["prompt_label"] == "spotting"


# Bodies as these clients send them without any configuration, but for the file.
CLIENTS: dict[str, dict[str, Any]] = {
    "RAGFlow": {"formatBlockContent": True, "mergeLayoutBlocks": False},
    "WeKnora": {
        "useSealRecognition": True,
        "minPixels": 112896,
        "maxPixels": 1003520,
        "restructurePages": True,
        "markdownIgnoreLabels": ["header", "footer", "number", "paragraph", "seal"],
    },
    "paddleocr-mcp, paddleocr_vl": {
        "useDocOrientationClassify": False,
        "useDocUnwarping": False,
        "useChartRecognition": True,
        "useSealRecognition": True,
    },
    "paddleocr-mcp, pp_structurev3": {
        "useDocOrientationClassify": False,
        "useDocUnwarping": False,
        "useChartRecognition": True,
    },
    "paddleocr-cli": {
        "useDocOrientationClassify": False,
        "useDocUnwarping": False,
        "useChartRecognition": False,
    },
    "pyconverters-paddleocr, label-studio-paddleocr": {},
    "every tuning field": {
        "layoutNms": False,
        "layoutUnclipRatio": 1.1,
        "layoutMergeBboxesMode": "small",
        "layoutShapeMode": "quad",
        "layoutThreshold": {"1": 0.3},
        "useOcrForImageBlock": True,
        "temperature": 0.1,
        "maxNewTokens": 5000,
        "vlmExtraArgs": {"table_max_pixels": 1003520},
        "useLayoutDetection": False,
    },
}


@pytest.mark.parametrize("engine", ["embedded", "paddleocr-vl"])
@pytest.mark.parametrize("client", CLIENTS)
def test_default_requests_of_real_clients_are_accepted(client: str, engine: str) -> None:
    """Each client's own request is answered 200 with either engine; what has no effect is named."""
    answer = StandIn(engine=engine).post(**CLIENTS[client])
    assert (answer.status_code, answer.json()["errorCode"]) == (200, 0), answer.text
    names = {warning["message"].split("`")[1] for warning in answer.json().get("warnings", ())}
    assert names <= set(CLIENTS[client])
    if engine == "embedded" and client == "paddleocr-mcp, paddleocr_vl":
        assert names == {"useChartRecognition", "useSealRecognition"}


def test_sampling_goes_to_a_model_server() -> None:
    """With a model server temperature 0 is passed on, too; the native backend never samples."""
    server = StandIn(backend="vllm-server", server_url="http://127.0.0.1:1/v1")
    server.post(temperature=0, topP=0.9)
    assert server.last_request is not None
    assert isinstance(server.last_request.options, PaddleOcrVlOptions)
    assert (server.last_request.options.temperature, server.last_request.options.top_p) == (0, 0.9)
    native = StandIn()
    assert native.post(temperature=0, topP=1, repetitionPenalty=1).status_code == 200


def test_restructuring_is_ours() -> None:
    """`restructurePages` is `merge_pages`, and each of its two parts can be switched off."""
    service = StandIn()
    assert service.post(restructurePages=True, mergeTables=False, relevelTitles=True).status_code == 200
    assert service.last_request is not None
    options = service.last_request.options.model_dump()
    assert (options["merge_pages"], options["merge_tables"], options["relevel_titles"]) == (True, False, None)
    assert service.post(mergeTables=False).status_code == 200


def test_another_engine_rejects_only_what_would_be_wrong() -> None:
    """The embedded engine ignores what cannot make its text wrong, and rejects the rest with a reason."""
    embedded = {"engine": "embedded"}
    assert "warnings" not in StandIn(**embedded).post(useSealRecognition=False, useDocOrientationClassify=True).json()
    for field, value in (("useSealRecognition", True), ("maxNewTokens", 5), ("restructurePages", True)):
        assert field in StandIn(**embedded).post(**{field: value}).json()["warnings"][0]["message"]
    for fields in ({"useDocUnwarping": True}, {"useLayoutDetection": False, "promptLabel": "formula"}):
        answer = StandIn(**embedded).post(**fields)
        assert answer.status_code == 422
        assert "paddleocr-vl" in answer.json()["errorMsg"]
    body = StandIn(**embedded).post("/restructure-pages", pages=[]).json()
    assert body["errorCode"] == 422
    assert "paddleocr-vl" in body["errorMsg"]


def test_labels_that_the_engine_does_not_have_leave_nothing_out() -> None:
    """`markdownIgnoreLabels` of another engine is accepted; the labels of this engine keep their effect."""
    service = StandIn(engine="embedded")
    answer = service.post(markdownIgnoreLabels=["heading", "footer"])
    assert "heading" in answer.json()["warnings"][0]["message"]
    assert service.last_request is not None
    assert service.last_request.options.model_dump()["markdown_ignore_labels"] == ["footer"]


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
