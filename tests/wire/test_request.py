"""From a job's input to a request: every form people send, every fault with its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.names import SHORT_FORMS
from ocr_worker.wire.request import parse_request
from ocr_worker.wire.schema import DocumentRequest, ParseOptions

URL = "https://example.com/a.pdf"


class OneOption(ParseOptions):
    """Options of an engine."""

    sharpen: bool = False


def faults(job_input: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(job_input, OneOption, {"blur": "is an option of another engine"})
    return str(caught.value)


@pytest.mark.parametrize(
    ("job_input", "url", "base64"),
    [
        ({"documents": [URL]}, URL, None),
        ({"documents": [{"url": URL}]}, URL, None),
        ({"documents": ["aGVsbG8="]}, None, "aGVsbG8="),
        ({"documents": ["data:image/png;base64,aGVsbG8="]}, "data:image/png;base64,aGVsbG8=", None),
        ({"documents": ["ftp://example.com/a"]}, "ftp://example.com/a", None),
        ({"image": "aGVsbG8="}, None, "aGVsbG8="),
        ({"image": {"url": URL}}, URL, None),
        ({"images": [URL]}, URL, None),
        ({"image_url": URL}, URL, None),
        ({"image_urls": [URL]}, URL, None),
        ({"image_base64": "aGVsbG8="}, None, "aGVsbG8="),
        ({"url": URL}, URL, None),
        ({"base64": "aGVsbG8="}, None, "aGVsbG8="),
        ({"document": URL}, URL, None),
        ({"file": "aGVsbG8="}, None, "aGVsbG8="),
    ],
)
def test_every_form_becomes_documents(job_input: dict[str, Any], url: str | None, base64: str | None) -> None:
    """Long and short forms, strings and objects, all become one list of documents."""
    document = parse_request(job_input, OneOption).documents[0]
    assert (document.url, document.base64) == (url, base64)


def test_every_short_form_is_tried_above() -> None:
    """The table of short forms and the examples of this module are the same."""
    mark = next(mark for mark in test_every_form_becomes_documents.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    tried = {name for case in mark.args[1] for name in case[0]}
    assert tried == {"documents", *SHORT_FORMS}


@pytest.mark.parametrize(
    ("job_input", "message"),
    [
        (None, "input: should be an object with documents, not null"),
        ({}, "input: has no document; for example"),
        ({"url": URL, "image": URL}, "input: has image, url; send exactly one"),
        ({"documents": URL}, "input.documents: should be a list, not a string"),
        ({"documents": [5]}, "input.documents[0]: should be a string or an object, not a number"),
        ({"documents": [{}]}, "input.documents[0]: a document needs exactly one of `url` and `base64`"),
        ({"documents": [{"url": URL, "base64": "aa"}]}, "input.documents[0]: a document needs exactly one of"),
        ({"documents": [{"url": URL, "pags": "1"}]}, "input.documents[0].pags: is unknown; did you mean 'pages'?"),
        (
            {"images": [{"url": URL, "pages": "0"}]},
            'input.images[0].pages: page numbers start at 1; write them like "1-3,8"',
        ),
        ({"documents": [{"url": URL, "pages": 1.5}]}, "input.documents[0].pages: should be a valid string"),
        ({"documents": [{"url": URL, "pages": [1, True]}]}, "input.documents[0].pages: should be a valid string"),
        ({"documents": [{"url": URL, "pages": [3, "2-1"]}]}, "input.documents[0].pages: the page range runs backwards"),
        ({"documents": [{"url": URL, "pages": []}]}, "input.documents[0].pages: the page range is invalid"),
        (
            {"documents": [{"url": URL, "id": "a"}, {"url": URL, "id": "a"}]},
            "input.documents[1].id: is also the id of input.documents[0]",
        ),
        ({"documents": [URL] * 65}, "input.documents: should have 1 to 64 documents, not 65"),
        ({"documents": []}, "input.documents: should have 1 to 64 documents, not 0"),
        ({"documents": [URL], "optons": {}}, "input.optons: is unknown; did you mean 'options'?"),
        ({"documents": [URL], "options": 1}, "input.options: should be an object, not a number"),
        (
            {"documents": [URL], "options": {"dpi": "high"}},
            "input.options.dpi: should be a valid integer; for example 200",
        ),
        ({"documents": [URL], "options": {"dpi": True}}, "input.options.dpi: should be a valid integer"),
        ({"documents": [URL], "options": {"formats": ["html"]}}, "input.options.formats[0]: should be 'markdown' or"),
        ({"documents": [URL], "options": {"sharpen": 1}}, "input.options.sharpen: should be a valid boolean"),
        (
            {"documents": [URL], "options": {"sharpn": True}},
            "input.options.sharpn: is unknown; did you mean 'sharpen'?",
        ),
        ({"documents": [URL], "options": {"blur": 9}}, "input.options.blur: is an option of another engine"),
    ],
)
def test_a_fault_is_reported_with_its_path(job_input: Any, message: str) -> None:
    """Each fault names the place as the caller wrote it, and what is right there."""
    assert message in faults(job_input)


# --------------------------------------------------------------------------- as other tools send them


@pytest.mark.parametrize(
    ("job_input", "message"),
    [
        ({"url": URL, "dpi": 200}, "input.dpi: belongs in input.options"),
        ({"url": URL, "formats": ["markdown"]}, "input.formats: belongs in input.options"),
        ({"documents": [{"url": URL, "dpi": 200}]}, "input.documents[0].dpi: belongs in input.options"),
        ({"image": {"url": URL, "sharpen": True}}, "input.image.sharpen: belongs in input.options"),
        (
            {"url": URL, "options": {"pages": "1"}},
            "input.options.pages: belongs in the document, as input.documents[0]",
        ),
        ({"url": URL, "options": {"password": "x"}}, "input.options.password: belongs in the document"),
        (
            {"url": URL, "options": {"idempotency_key": "a"}},
            "input.options.idempotency_key: belongs at the top of input",
        ),
        ({"documents": [{"url": URL, "options": {}}]}, "input.documents[0].options: belongs at the top of input"),
        (
            {"documents": [{"image_url": URL}]},
            "input.documents[0].image_url: is a short form at the top of input; in a",
        ),
        ({"url": URL, "blur": 9}, "input.blur: is an option of another engine"),
        ({"url": URL, "webhook": URL}, "input.webhook: belongs in the job, beside input"),
        ({"url": URL, "s3Config": {}}, "input.s3Config: belongs in the job, beside input"),
        ({"url": URL, "input": {"url": URL}}, "input.input: is one level too many; move its fields up"),
        (
            {"images": [URL, URL], "pages": "1"},
            "input.pages: belongs in one of the 2 documents, as input.documents[0].pages",
        ),
        ({"documents": [URL, URL], "password": "x"}, "input.password: belongs in one of the 2 documents"),
        (
            {"image": {"url": URL, "pages": "1"}, "pages": "2"},
            "input.pages: is also at input.image.pages; send it once",
        ),
        ({"url": URL, "pages": "x"}, "input.pages: the page range is invalid"),
    ],
)
def test_the_message_for_a_misplaced_field_names_its_place(job_input: Any, message: str) -> None:
    """A name of another level is not unknown: one message says where it belongs, without a guess."""
    assert message in faults(job_input)
    assert "did you mean" not in faults(job_input)


@pytest.mark.parametrize(
    ("job_input", "message"),
    [
        ({"url": URL, "dpii": 200}, "input.dpii: is unknown; did you mean 'dpi'? It belongs in input.options"),
        ({"imageUrl": URL}, "input.imageUrl: is unknown; did you mean 'image_url'?"),
        ({"documents": [{"URL": URL}]}, "input.documents[0].URL: is unknown; did you mean 'url'?"),
        ({"url": URL, "temperament": 1}, "input.temperament: is unknown; allowed: documents, options"),
    ],
)
def test_a_guess_is_made_where_nothing_matches(job_input: Any, message: str) -> None:
    """A misspelled name is compared with all names, whatever their level, case and hyphens."""
    assert message in faults(job_input)


@pytest.mark.parametrize("form", [form for form in SHORT_FORMS if form not in ("images", "image_urls")])
def test_fields_beside_a_short_form_belong_to_its_document(form: str) -> None:
    """`pages`, `password` and `id` beside a single document are that document's."""
    job_input = {form: "aGVsbG8=", "pages": "1-3", "password": "x", "id": "a"}
    document = parse_request(job_input, OneOption).documents[0]
    assert (document.pages, document.password, document.id) == ("1-3", "x", "a")
    assert parse_request({"documents": [URL], "pages": 3}, OneOption).documents[0].pages == "3"


def test_null_means_not_given() -> None:
    """Null, and the empty string, count as not given at every level."""
    nothing = dict.fromkeys([*SHORT_FORMS, "documents", "options", "idempotency_key", "pages", "password"])
    document = parse_request({**nothing, "url": "", "images": [], "image": "aGVsbG8="}, OneOption).documents[0]
    assert document.base64 == "aGVsbG8="
    fields = {"url": URL, "base64": "", "id": None, "pages": "", "password": None}
    options = {"dpi": None, "formats": None, "figures": ""}
    request = parse_request({"documents": [fields], "options": options}, OneOption)
    assert request.documents[0] == DocumentRequest(url=URL)
    assert request.options == OneOption()


def test_a_document_that_is_null_is_an_error() -> None:
    """A null in a list is rejected, since it is probably a document that was lost on its way."""
    assert "input.images[0]: should be a string or an object, not null" in faults({"images": [None, URL]})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dpi": "200"}, {"dpi": 200}),
        ({"dpi": 200.0}, {"dpi": 200}),
        ({"timeout_s": "1.5"}, {"timeout_s": 1.5}),
        ({"sharpen": "True"}, {"sharpen": True}),
        ({"formats": "markdown"}, {"formats": ["markdown"]}),
    ],
)
def test_values_of_another_type_work_where_they_are_clear(options: dict[str, Any], expected: dict[str, Any]) -> None:
    """Numbers and booleans as text, and one value for a list, mean what they say."""
    assert parse_request({"url": URL, "options": options}, OneOption).options == OneOption(**expected)


@pytest.mark.parametrize(
    "options", [{"dpi": "2e2"}, {"dpi": "200.5"}, {"dpi": [200]}, {"sharpen": "yes"}, {"dpi": "9"}]
)
def test_values_that_are_not_clear_are_errors(options: dict[str, Any]) -> None:
    """A value that could mean something else, or is out of range, is rejected."""
    assert f"input.options.{next(iter(options))}: should be" in faults({"url": URL, "options": options})


def test_numbers_work_as_text() -> None:
    """An id or a password that a tool has made a number is that text."""
    request = parse_request({"documents": [{"url": URL, "id": 17, "password": 1234}], "idempotency_key": 9}, OneOption)
    document = request.documents[0]
    assert (document.id, document.password, request.idempotency_key) == ("17", "1234", "9")


@pytest.mark.parametrize(
    ("pages", "expected"), [(3, "3"), ([1, 2, 3], "1,2,3"), (["1-3", 5], "1-3,5"), ("1-3", "1-3"), (["5-"], "5-")]
)
def test_pages_can_be_a_number_or_a_list(pages: Any, expected: str) -> None:
    """Page numbers and ranges come as text, as numbers, and in lists."""
    assert parse_request({"documents": [{"url": URL, "pages": pages}]}, OneOption).documents[0].pages == expected


def test_an_input_that_is_wrapped_twice_is_unwrapped() -> None:
    """`input` in `input` works, and paths name both."""
    assert parse_request({"input": {"input": {"url": URL}}}, OneOption).documents[0].url == URL
    assert "input.input.dpi: belongs in" in faults({"input": {"url": URL, "dpi": 1}})


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [{"url": URL}, {"url": URL, "id": "document-1"}],
            "input.documents[1].id: is also the default id of input.documents[0]",
        ),
        (
            [{"url": URL, "id": "document-2"}, URL],
            "input.documents[0].id: is also the default id of input.documents[1]",
        ),
        (
            [{"url": URL, "id": 7}, {"url": URL, "id": "7"}],
            "input.documents[1].id: is also the id of input.documents[0]",
        ),
    ],
)
def test_default_ids_are_ids(documents: list[Any], message: str) -> None:
    """Ids are unique in a job, those that the worker gives included."""
    assert message in faults({"documents": documents})


def test_a_default_id_that_nobody_has_can_be_given() -> None:
    """A document may be called like its own default, or like one beyond the last."""
    documents = [{"url": URL, "id": "document-1"}, {"url": URL, "id": "document-3"}]
    assert len(parse_request({"documents": documents}, OneOption).documents) == 2


def test_a_url_in_any_field_is_a_url() -> None:
    """A URL in `base64` is a URL, and quotes around it are not part of it."""
    for job_input in ({"base64": URL}, {"image_base64": f'"{URL}"'}, {"documents": [{"base64": f" {URL}\n"}]}):
        document = parse_request(job_input, OneOption).documents[0]
        assert (document.url, document.base64) == (URL, None)


def test_bad_sources_are_listed_with_the_other_problems() -> None:
    """When a request is invalid, its sources that can never be read are listed, too, with their paths."""
    sources = ["ftp://a.b/c", {"base64": "hello!"}, {"url": "/home/me/a.pdf", "dpi": 3}, {"base64": "C:\\x.pdf"}, URL]
    message = faults({"documents": sources, "options": {"dpi": 1}})
    assert message.startswith("6 problems:")
    assert "input.documents[0]: is a URL of the scheme ftp; use http or https" in message
    assert "input.documents[1].base64: is not valid base64" in message
    assert "input.documents[2].url: looks like a path on the caller's disk, which the worker cannot see" in message
    assert "input.documents[3].base64: looks like a path" in message


def test_a_bad_source_alone_makes_no_request_invalid() -> None:
    """Other documents of the job may be good: the bad one fails by itself, when its turn comes."""
    assert len(parse_request({"documents": ["ftp://a.b/c", URL]}, OneOption).documents) == 2


# --------------------------------------------------------------------------- messages


def test_all_faults_are_reported_at_once() -> None:
    """Three faults in different places come in one message."""
    message = faults({"documents": [{"url": URL, "pages": "x"}, 7], "options": {"fromats": []}})
    assert message.startswith("3 problems:")
    for path in ("input.documents[0].pages", "input.documents[1]", "input.options.fromats"):
        assert path in message


def test_a_message_never_repeats_what_was_sent() -> None:
    """Values may be secret: neither URL nor password nor base64 comes back in a fault."""
    secret = {"url": 5, "password": ["hunter2"], "base64": {"x": "c2VjcmV0"}}
    assert not {"hunter2", "c2VjcmV0"} & set(faults({"documents": [secret]}).replace('"', " ").split())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["documents", "options", *SHORT_FORMS]) | st.text(max_size=5)


@given(st.dictionaries(names, json_values, max_size=4))
def test_whatever_comes_is_a_request_or_a_fault(job_input: dict[str, Any]) -> None:
    """No input makes the normaliser raise anything but InvalidRequest."""
    try:
        request = parse_request(job_input, OneOption)
    except InvalidRequest:
        return
    assert request.documents
