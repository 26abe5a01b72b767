"""The wire's models, as a client reads them from a worker of another version."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ocr_worker.wire.schema import ParseResponse
from support.responses import response


def answer(**page: Any) -> dict[str, Any]:
    pages = [{"page": 1, "status": "succeeded", "markdown": "text", **page}]
    return response({"id": "a", "status": "succeeded", "pages": pages})


def test_fields_of_a_newer_worker_are_ignored() -> None:
    """A field that this version does not know costs nothing of the rest."""
    read = ParseResponse.read(answer(confidence=0.9) | {"witness": {"seen": True}})
    assert read.documents[0].pages[0].markdown == "text"


def test_words_of_a_newer_worker_are_ignored_where_the_field_may_be_missing() -> None:
    """An unknown `text_source` is none; the page and its text are there, and what was read is left as it was."""
    data = answer(text_source="crystal ball")
    (page,) = ParseResponse.read(data).documents[0].pages
    assert (page.text_source, page.markdown) == (None, "text")
    assert data["documents"][0]["pages"][0]["text_source"] == "crystal ball"


@pytest.mark.parametrize("page", [{"status": "pondering"}, {"page": None}, {"page": "one", "text_source": "crystal"}])
def test_what_cannot_be_read_is_rejected(page: dict[str, Any]) -> None:
    """An unknown status, or a page without a number, is no answer."""
    with pytest.raises(ValidationError):
        ParseResponse.read(answer(**page))
