"""From a job's input to a request: every form people send, every fault with its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.names import SHORT_FORMS
from ocr_worker.wire.request import parse_request
from ocr_worker.wire.schema import ParseOptions

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
        ({"documents": [{"url": URL, "pages": 3}]}, "input.documents[0].pages: should be a valid string"),
        (
            {"documents": [{"url": URL, "id": "a"}, {"url": URL, "id": "a"}]},
            "input.documents[1].id: is also the id of input.documents[0]",
        ),
        ({"documents": [URL] * 65}, "input.documents: should have 1 to 64 documents, not 65"),
        ({"documents": []}, "input.documents: should have 1 to 64 documents, not 0"),
        ({"documents": [URL], "optons": {}}, "input.optons: is unknown; did you mean 'options'?"),
        ({"documents": [URL], "options": 1}, "input.options: should be an object, not a number"),
        (
            {"documents": [URL], "options": {"dpi": "200"}},
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
