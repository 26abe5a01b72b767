"""`examples/sample.pdf`, and the picture of README that shows a page of it beside its Markdown."""

from __future__ import annotations

import pypdfium2
import pytest
from PIL import Image

from support.examples import EXAMPLES, load_script
from support.worker_process import ROOT

PICTURE = ROOT / "docs" / "page-and-markdown.png"


def test_the_script_draws_the_file() -> None:
    """`make_sample.py` writes the very bytes of `sample.pdf`, whenever it runs."""
    assert load_script("make_sample.py").sample_pdf() == (EXAMPLES / "sample.pdf").read_bytes()


def test_the_pages_are_born_digital() -> None:
    """Each of the three pages has its header, its page number and its text as text."""
    document = pypdfium2.PdfDocument(EXAMPLES / "sample.pdf")
    texts = [page.get_textpage().get_text_bounded() for page in document]
    assert len(texts) == 3
    for number, (text, title) in enumerate(
        zip(texts, ("Low Water at Four Gauges", "Where the water went", "The ferry"), strict=True), start=1
    ):
        assert title in text
        assert "Upper Basin River Council" in text
        assert str(number) in text.splitlines()


def test_the_picture_is_small() -> None:
    """README loads quickly: the picture has fewer than 200 kB."""
    assert PICTURE.stat().st_size < 200_000


@pytest.mark.process
def test_the_picture_shows_the_markdown_of_today() -> None:
    """The Markdown in the picture is what the embedded engine returns for the page; else, run the script again."""
    with Image.open(PICTURE) as picture:
        shown = picture.text["Markdown"]  # type: ignore[attr-defined]
    assert load_script("../bench/page_and_markdown.py").parse_first_page() == shown
