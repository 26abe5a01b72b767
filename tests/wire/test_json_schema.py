"""The published JSON Schemas of requests: they accept what documents send, and agree with the worker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ocr_worker.engines.registry import engine_spec, options_models, read_request
from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.json_schema import request_schema

ROOT = Path(__file__).parents[2]
URL = "https://example.com/a.pdf"
VALIDATORS = {name: Draft202012Validator(request_schema(model)) for name, model in options_models("embedded").items()}
MEMBERS = {
    "documents",
    "url",
    "image",
    "image_url",
    "image_urls",
    "image_base64",
    "images",
    "file",
    "document",
    "base64",
}


def inputs(text: str) -> Iterator[Any]:
    """Every input of a job in the JSON of a page: code blocks, and the arguments of `curl -d`."""
    blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL) + re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)
    for block in blocks:
        try:
            value = json.loads(block)
        except ValueError:  # several lines of events
            continue
        value = value.get("input", value)
        if MEMBERS & set(value) and not {"status", "chunk"} & set(value):
            yield value


DOCUMENTED = [
    pytest.param(job_input, id=f"{path.name}-{number}")
    for path in [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "examples").glob("**/*.md")),
    ]
    for number, job_input in enumerate(inputs(path.read_text(encoding="utf-8")))
]


def test_there_are_documented_requests() -> None:
    """The search finds requests, so that the test below tests something."""
    assert len(DOCUMENTED) >= 5


@pytest.mark.parametrize("job_input", DOCUMENTED)
@pytest.mark.parametrize("engine", VALIDATORS)
def test_documented_requests_are_valid(engine: str, job_input: Any) -> None:
    """Schema and worker accept every request in the documents."""
    VALIDATORS[engine].validate(job_input)
    read_request(job_input, engine_spec(engine))


@pytest.mark.parametrize("name", ["test_input.json", ".runpod/tests.json"])
def test_the_inputs_in_files_are_valid(name: str) -> None:
    """The schema accepts the platform's test inputs."""
    content = json.loads((ROOT / name).read_text(encoding="utf-8"))
    for job in content.get("tests", [content]):
        VALIDATORS["paddleocr-vl"].validate(job["input"])


VALID: list[Any] = [
    {"url": URL, "pages": "1-3, 8", "password": "x", "id": "a"},
    {"url": URL, "base64": None, "documents": None, "image": "", "options": None},
    {"documents": [URL, {"url": URL, "base64": None, "pages": None}]},
    {"documents": [{"base64": "aGVsbG8=", "pages": [1, "3-5"]}, {"url": URL, "pages": 2}]},
    {"documents": [URL], "pages": [1]},
    {"images": [URL, {"base64": "aGVsbG8="}], "options": {"dpi": None, "formats": ["markdown"]}},
    {"base64": "aGVsbG8="},
    {"image_url": {"url": URL}},
]
INVALID: list[Any] = [
    {},
    {"url": None},
    {"url": URL, "image": URL},
    {"documents": []},
    {"documents": [URL] * 65},
    {"documents": [{"url": URL, "base64": "aGVsbG8="}]},
    {"documents": [{"id": "a"}]},
    {"documents": [URL, None]},
    {"images": URL},
    {"images": [URL, URL], "pages": "1"},
    {"documents": [URL, URL], "password": "x"},
    {"url": URL, "dpi": 200},
    {"url": URL, "pages": "0"},
    {"url": URL, "pages": []},
    {"url": URL, "pages": [0]},
    {"url": URL, "pages": "1-3;8"},
    {"url": URL, "options": {"dpi": 10}},
    {"url": URL, "options": {"pages": "1"}},
    {"url": URL, "options": {"formats": []}},
    {"documents": [{"url": URL, "pags": "1"}]},
    {"url": URL, "idempotency_key": "x" * 513},
]


@pytest.mark.parametrize("job_input", VALID, ids=json.dumps)
def test_schema_and_worker_accept_the_same(job_input: Any) -> None:
    """Short forms, fields beside them, null and pages in every form are valid for both."""
    VALIDATORS["embedded"].validate(job_input)
    read_request(job_input, engine_spec("embedded"))


@pytest.mark.parametrize("job_input", INVALID, ids=lambda value: json.dumps(value)[:60])
def test_schema_and_worker_reject_the_same(job_input: Any) -> None:
    """The schema rejects what the worker rejects, where a schema can say it."""
    assert not VALIDATORS["embedded"].is_valid(job_input)
    with pytest.raises(InvalidRequest):
        read_request(job_input, engine_spec("embedded"))
