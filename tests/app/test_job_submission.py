"""Submissions to the job wire, without an engine: the bodies that are accepted, and the errors of the others."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from ocr_worker.app.access import ApiKeys, KeyCheck
from ocr_worker.app.jobs import route
from ocr_worker.app.jobs.submission import JobRequest, Submission, parse_request
from ocr_worker.app.problems import HttpError
from ocr_worker.errors import EndpointUnavailable, QueueFull
from ocr_worker.settings import Settings
from support.drawing import WHITE, pdf, png

PDF, PNG = pdf([WHITE]), png(WHITE)


class Recorder:
    """A job service that keeps the last submission, or raises an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.request: JobRequest | None = None
        self.batch_id: str | None = None
        self.content: bytes | None = None
        self._error = error

    async def submit(self, submission: Submission) -> str:
        self.request, self.batch_id = submission.request, submission.batch_id
        self.content = submission.content.read() if submission.content else None
        if self._error:
            raise self._error
        return "job-1"


class Wire:
    """The routes with a recorder behind them."""

    def __init__(self, error: Exception | None = None, keys: list[str] | None = None) -> None:
        self.recorder = Recorder(error)
        settings = Settings.model_validate({"api_keys": keys or []})
        service: Any = self.recorder
        app = FastAPI()
        dependencies = [Depends(KeyCheck(ApiKeys(settings.api_keys)))] if keys else []
        app.include_router(route.router(service, settings), dependencies=dependencies)
        self.client = TestClient(app, raise_server_exceptions=False)

    def form(self, data: bytes | None = PDF, name: str = "document.pdf", key: str = "", **fields: Any) -> Any:
        files = {"file": (name, data)} if data else {"other": ("x", b"x")}
        headers = {"Authorization": f"bearer {key}"} if key else {}
        return self.client.post(route.JOBS, data={"model": "PaddleOCR-VL"} | fields, files=files, headers=headers)

    def json(self, **fields: Any) -> Any:
        body = {"model": "PaddleOCR-VL-1.6", "fileUrl": "https://example.com/a.pdf"} | fields
        return self.client.post(route.JOBS, json={name: value for name, value in body.items() if value is not None})


def test_a_form_is_accepted_with_200() -> None:
    """A form with a file and options as text is a job; the response has `code` 0 and the job's id."""
    wire = Wire()
    payload = json.dumps({"useChartRecognition": True, "formatBlockContent": True})
    response = wire.form(optionalPayload=payload, pageRanges="2,4-6", batchId="b")
    assert response.status_code == 200
    assert response.json() == {"code": 0, "msg": "Success", "data": {"jobId": "job-1"}}
    options = {"useChartRecognition": True, "formatBlockContent": True}
    assert wire.recorder.request == JobRequest(model="PaddleOCR-VL", options=options, pages="2,4-6", kind="pdf")
    assert (wire.recorder.content, wire.recorder.batch_id) == (PDF, "b")


def test_json_with_a_url_is_accepted() -> None:
    """JSON with `fileUrl` and options as an object is a job."""
    wire = Wire()
    assert wire.json(optionalPayload={"prettifyMarkdown": False}).status_code == 200
    assert wire.recorder.request
    assert wire.recorder.request.url == "https://example.com/a.pdf"
    assert wire.recorder.request.options == {"prettifyMarkdown": False}


@pytest.mark.parametrize(("data", "kind"), [(PDF, "pdf"), (PNG, "image"), (b"\n\n" + PDF, "pdf")])
def test_the_bytes_decide_about_the_type(data: bytes, kind: str) -> None:
    """Every file is called `document.pdf` by some clients; what it is, its bytes say."""
    wire = Wire()
    assert wire.form(data, "document.pdf").status_code == 200
    assert wire.recorder.request
    assert wire.recorder.request.kind == kind


def test_names_in_snake_case_and_empty_values_are_absent() -> None:
    """Langflow sends `""` for a number that is not set, and names in snake case: neither has an effect."""
    wire = Wire()
    payload = {"temperature": "", "top_p": 0.5, "use_doc_unwarping": True, "visualize": False, "minPixels": None}
    assert wire.form(optionalPayload=json.dumps(payload)).status_code == 200
    assert wire.recorder.request
    assert wire.recorder.request.options == {"visualize": False}


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("PaddleOCR-VL", "layout"),
        ("PaddleOCR-VL-1.5", "layout"),
        ("PaddleOCR-VL-1.6", "layout"),
        ("PP-StructureV3", "layout"),
        ("PP-OCRv5", "text"),
        ("PP-OCRv5-latin", "text"),
        ("PP-OCRv6", "text"),
    ],
)
def test_the_model_decides_about_the_form_of_the_result(model: str, output: str) -> None:
    """Models that parse a layout and models that read text have different results."""
    wire = Wire()
    assert wire.form(model=model).status_code == 200
    assert wire.recorder.request
    assert wire.recorder.request.output == output


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"data": None}, 422, "file or fileUrl"),
        ({"model": ""}, 422, "model"),
        ({"model": "GPT-7"}, 400, "model: 'GPT-7' is unknown"),
        ({"pageRanges": "3-1"}, 400, "pageRanges"),
        ({"pageRanges": "first"}, 400, "pageRanges"),
        ({"optionalPayload": "{"}, 400, "optionalPayload"),
        ({"optionalPayload": "[1]"}, 400, "optionalPayload"),
    ],
)
def test_what_is_wrong_with_a_form_is_in_the_text_that_clients_show(fields: Any, status: int, text: str) -> None:
    """400 for a wrong value and 422 for a missing field, with the reason in `msg` and in `errorMsg`."""
    response = Wire().form(**fields)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, status)
    assert text in body["msg"]
    assert body["msg"] == body["errorMsg"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:text/plain,x", "", 5])
def test_a_file_url_is_a_web_address(url: Any) -> None:
    """A path of the server's own, a data URI and other things are no `fileUrl`."""
    assert Wire().json(fileUrl=url).status_code in (400, 422)


def test_another_type_of_body_is_rejected() -> None:
    """A body that is neither a form nor JSON is 415."""
    assert Wire().client.post(route.JOBS, content=PDF, headers={"Content-Type": "application/pdf"}).status_code == 415


def test_a_key_is_checked_before_the_file() -> None:
    """Without a file a wrong key is 401, and a good one is 422: so RAGFlow tests its token."""
    wire = Wire(keys=["good"])
    assert wire.form(None, key="wrong").status_code == 401
    assert wire.form(None, key="good").status_code == 422
    assert wire.form(PDF, key="good").status_code == 200
    assert wire.client.get(f"{route.JOBS}/job-1").json()["code"] == 401


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (QueueFull("full"), 429),
        (EndpointUnavailable("away"), 503),
        (ValueError("bug"), 500),
        (HttpError(404, "no"), 404),
    ],  # type: ignore[arg-type]
)
def test_errors_have_the_wires_form(error: Exception, status: int) -> None:
    """Every error has `code`, `msg` and `errorMsg`; one that passes has `Retry-After`."""
    response = Wire(error).form()
    assert response.status_code == response.json()["code"] == status
    assert response.json()["msg"] == response.json()["errorMsg"]
    assert ("Retry-After" in response.headers) == (status in (429, 503))


def test_options_go_to_the_engine_under_our_names() -> None:
    """The options become those of the engine, the page ranges those of the document."""
    request = JobRequest(model="PaddleOCR-VL", options={"useLayoutDetection": False, "visualize": False}, pages="2-3")
    parsed = parse_request(request, Settings())
    assert parsed.options.model_dump()["use_layout_detection"] is False
    assert (parsed.documents[0].pages, parsed.options.page_images) == ("2-3", "none")


@pytest.mark.parametrize(
    ("options", "name"),
    [({"topP": 7}, "topP"), ({"temperature": "hot"}, "temperature"), ({"outputFormats": ["docx"]}, "outputFormats")],
)
def test_options_that_cannot_be_honored_are_named(options: Any, name: str) -> None:
    """An option with a wrong value, or that would change the result and is not supported, is 400 with its name."""
    with pytest.raises(HttpError, match=f"optionalPayload.{name}") as error:
        parse_request(JobRequest(model="PaddleOCR-VL", options=options), Settings())
    assert error.value.status == 400


def test_base64_is_no_form_of_the_wire() -> None:
    """A `file` in JSON is no upload: the error says what is missing."""
    response = Wire().json(fileUrl=None, file=base64.b64encode(PDF).decode())
    assert (response.status_code, response.json()["msg"]) == (422, "missing fields: file or fileUrl")
