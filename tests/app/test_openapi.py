"""The app's OpenAPI document, and responses that match it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_worker.app import create_app
from ocr_worker.app.body import QUERY_FIELDS
from ocr_worker.app.problems import MEDIA_TYPE, status_of
from ocr_worker.errors import ClientError, error_types
from ocr_worker.settings import Settings
from ocr_worker.wire.names import BESIDE_ONE_DOCUMENT, SHORT_FORMS
from ocr_worker.wire.schema import ParseOptions, ParseRequest
from support.app_process import App, serving
from support.drawing import WHITE, document, pdf, png
from support.waiting import PATIENCE_S

# Of these no caller of the app hears: the batch client's own, and the start's.
ELSEWHERE = {error.code for error in error_types(ClientError)} | {"SETTINGS_INVALID"}


@pytest.fixture(scope="module", params=["embedded", "paddleocr-vl", "support.doubles:reading"])
def openapi(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The OpenAPI document of an app that runs this engine."""
    app = create_app(Settings(engine=request.param))
    document: dict[str, Any] = json.loads(json.dumps(app.openapi(), allow_nan=False))
    return document


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def test_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    """No `$ref` dangles, and none leads out of the document."""
    for node in nodes(openapi):
        if "$ref" in node:
            target: Any = openapi
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            assert isinstance(target, dict)
        assert "$defs" not in node


def test_every_operation_is_documented_in_full(openapi: dict[str, Any]) -> None:
    """Each operation has a name of its own, words that say what it does, and answers that say what they mean."""
    operations = [operation for path in openapi["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) >= 4
    for operation in operations:
        assert operation["description"]
        assert all(answer["description"] for answer in operation["responses"].values())


def test_every_code_that_reaches_a_caller_is_documented(openapi: dict[str, Any]) -> None:
    """Each code is listed under its status, as a problem whose members are described."""
    answers = openapi["paths"]["/v1/parse"]["post"]["responses"]
    for code in {error.code for error in error_types()} - ELSEWHERE:
        answer = answers[str(int(status_of(code)))]
        assert code in answer["description"].split(", ")
        assert answer["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
    told_of = {code for answer in answers.values() for code in answer["description"].split(", ")}
    assert not told_of & ELSEWHERE
    for status in ("400", "408", "413", "429"):
        assert status in answers


def test_a_problem_is_one_component(openapi: dict[str, Any]) -> None:
    """All responses refer to one component, which has the members of RFC 9457 and ours."""
    members = set(openapi["components"]["schemas"]["Problem"]["properties"])
    assert members == {"type", "title", "status", "detail", "code", "retryable", "documents", "coverage"}
    assert sum(node.get("properties", {}).keys() == members for node in nodes(openapi)) == 1


def test_operations_have_names_that_can_be_read(openapi: dict[str, Any]) -> None:
    """An operation's id is one name without its path and method, as a function of a generated client."""
    ids = {path: operation["operationId"] for path, item in openapi["paths"].items() for operation in item.values()}
    assert {"/v1/parse": "parse", "/layout-parsing": "layout_parsing", "/readyz": "readyz"}.items() <= ids.items()
    assert all(name.isidentifier() and "_post" not in name and "_get" not in name for name in ids.values())


def test_every_success_has_a_schema(openapi: dict[str, Any]) -> None:
    """Each 200 response with a body has a schema for each of its media types; the probes have no body."""
    for path, item in openapi["paths"].items():
        for operation in item.values():
            content = operation["responses"]["200"].get("content", {})
            assert content or path in ("/ping", "/readyz", "/livez")
            assert all(media["schema"] for media in content.values())


def test_keys_are_declared() -> None:
    """With keys, each route that needs one declares both ways to send it, either of which is enough."""
    document = create_app(Settings(engine="embedded", api_keys=["secret"])).openapi()  # type: ignore[list-item]
    schemes = document["components"]["securitySchemes"]
    assert schemes["ApiKey"]["scheme"] == "bearer"
    assert (schemes["ApiKeyHeader"]["in"], schemes["ApiKeyHeader"]["name"]) == ("header", "X-Api-Key")
    for path in ("/v1/parse", "/layout-parsing"):
        assert document["paths"][path]["post"]["security"] == [{"ApiKey": []}, {"ApiKeyHeader": []}]
    assert "security" not in document["paths"]["/readyz"]["get"]


def test_the_fields_of_a_request_are_documented(openapi: dict[str, Any]) -> None:
    """The body's fields are those of the wire, and the form's those that the app takes."""
    content = openapi["paths"]["/v1/parse"]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    stored_fields = {"idempotency_key"}  # the app stores nothing
    expected = {*ParseRequest.model_fields, *SHORT_FORMS, *BESIDE_ONE_DOCUMENT} - stored_fields
    assert set(schema["properties"]) == expected
    options, null = schema["properties"]["options"]["anyOf"]
    assert set(options["properties"]) >= set(ParseOptions.model_fields)
    assert null == {"type": "null"}
    assert set(content["multipart/form-data"]["schema"]["properties"]) >= {"file", "url", "pages", "options"}


def test_a_file_as_the_body_is_documented(openapi: dict[str, Any]) -> None:
    """The types of a body that is a file are listed, with the query parameters that go with it."""
    operation = openapi["paths"]["/v1/parse"]["post"]
    assert {"application/pdf", "image/*", "application/octet-stream"} <= set(operation["requestBody"]["content"])
    assert {parameter["name"] for parameter in operation["parameters"]} == set(QUERY_FIELDS)


# --------------------------------------------------------------------------- the app keeps to it


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    log = tmp_path_factory.mktemp("app") / "log"
    # No address is asked for: what URLs name is refused before.
    with serving(log, OCR_ENGINE="support.doubles:reading", OCR_ALLOWED_HOSTS='["files.invalid"]') as started:
        yield started.wait(200)
        assert "Traceback" not in started.log()


@pytest.fixture(scope="module")
def answers(app: App) -> dict[str, Any]:
    """Return the documented responses of `/v1/parse` by status, from the running app."""
    schema: dict[str, Any] = requests.get(f"{app.url}/openapi.json", timeout=PATIENCE_S).json()
    responses: dict[str, Any] = schema["paths"]["/v1/parse"]["post"]["responses"]
    return responses


def names(*usual: str) -> st.SearchStrategy[str]:
    """Mostly these, else whatever a string may be, halves of characters among it."""
    return st.sampled_from(usual) | st.text(st.characters(), max_size=5)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, max_value=1e6)
    | names("inline", "none", "blocks", "markdown", "1-3", "5-", "http://a.b/c", "data:,x", "data:;base64,JVBERi0x")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names("url", "base64", "id"), inner, max_size=3),
    max_leaves=5,
)
DOCUMENTS = st.sampled_from([document(png(WHITE)), document(pdf([WHITE, WHITE])), document(b"%PDF-1.7")]).flatmap(
    lambda good: st.dictionaries(names("url", "id", "pages", "password"), VALUES, max_size=2).map(
        lambda odd: {**good, **odd}
    )
)
OPTIONS = st.dictionaries(names(*ParseOptions.model_fields), VALUES, max_size=3)
REQUESTS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"documents": st.lists(DOCUMENTS | VALUES, max_size=3)}, optional={"options": OPTIONS}),
    st.dictionaries(names("documents", "options", "image", "file", "idempotency_key"), VALUES, max_size=3),
)
FORMS = (
    *("application/json", "text/markdown", "application/zip", "application/x-ndjson", "text/event-stream"),
    *("*/*", "image/png"),
)


@pytest.mark.process
@settings(max_examples=200, deadline=None)
@given(job_input=REQUESTS, accept=st.sampled_from(FORMS), render=st.sampled_from(["", "?render=html", "?render=%ff"]))
def test_responses_match_the_document(
    app: App, answers: dict[str, Any], job_input: Any, accept: str, render: str
) -> None:
    """Whatever is asked, the answer has a status and a form that the document names, and no fault is ours."""
    headers = {"Content-Type": "application/json", "Accept": accept}
    answer = requests.post(
        f"{app.url}/v1/parse{render}", data=json.dumps(job_input), headers=headers, timeout=PATIENCE_S
    )
    assert answer.headers["Content-Type"].partition(";")[0] in answers[str(answer.status_code)]["content"]
    assert answer.status_code != 500, answer.text
    if answer.status_code == 503:
        assert answer.json()["code"] == "DEADLINE_EXCEEDED"
    if answer.status_code != 200:
        assert answer.json()["code"] in answers[str(answer.status_code)]["description"].split(", ")
