"""Any page with an honest text layer: its Markdown has the words that are seen, and nothing has one that is hidden."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import Phase, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.sources.rasterizer import pdf, visibility
from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.document import make_text_line
from support import files
from support.arranged_pages import CHECKS, arranged_pages
from support.text_pdf import UNSEEN_WORDS, Page, join_hyphens

pytestmark = pytest.mark.process

# `PAGE_EXAMPLES=500 pytest tests/engines/embedded/test_words_of_pages.py` looks harder than `make test` can.
EXAMPLES = int(os.environ.get("PAGE_EXAMPLES", "5"))
READER = MarkdownIt("commonmark").enable("table")


def parsed(engine: EmbeddedEngine, page: Page) -> ParsedPage:
    """Return the page, parsed at 200 dpi with all its text in the Markdown."""
    document = pdf.PdfDocument(page.pdf(), files.request(dpi=200, max_pixels=40_000_000, text_layer=True))
    rendered_page = document.render(1)
    document.close()
    lines = tuple(make_text_line(*line) for line in rendered_page.text_lines or ())
    image = PageImage(1, rendered_page.pixels, text_lines=lines, text_turn=rendered_page.text_turn)
    return engine.parse([image], EmbeddedOptions(markdown_ignore_labels=[]))[0]


def shown(markdown: str) -> str:
    """Return the text that a reader of the Markdown sees: without marks and escapes, and with the texts of figures."""
    return " ".join(_text(token) for token in READER.parse(markdown) if token.type in ("inline", "fence", "html_block"))


def _text(token: Token) -> str:
    if token.type == "softbreak":
        return " "
    if token.type == "html_block":  # a table with cells that span others
        return re.sub("<[^>]+>", " ", token.content)
    return "".join(map(_text, token.children)) if token.children else token.content


def words_in(text: str) -> Counter[str]:
    return Counter(join_hyphens(text).split())


def faults(result: ParsedPage, page: Page) -> list[object]:
    """Return the hidden words in the page, and the words that its Markdown and its blocks lack or have too often."""
    expected = Counter(page.words)
    blocks = re.sub("<[^>]+>", " ", "\n".join(block.content for block in result.blocks))
    texts = [words_in(text) for text in (shown(result.markdown), blocks)]
    hidden = [word for word in UNSEEN_WORDS if word in str(result)]
    return [*hidden, *(rest for words in texts for rest in (expected - words, words - expected) if rest)]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.generate])
@given(page=arranged_pages())
def test_any_page_has_the_words_that_are_seen_and_no_others(engine: EmbeddedEngine, page: Page) -> None:
    """Pages of any columns, tables and heads, with text hidden in any way, have exactly the visible words."""
    assert faults(parsed(engine, page), page) == []


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_is_needed(engine: EmbeddedEngine, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of one way to hide text, a page whose text is hidden in that way has words that nobody sees."""

    def find_all(page: object, objects: object, characters: Sequence[Character], *_: object) -> set[int]:
        return {character.index for character in characters}

    @settings(max_examples=1, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(page=arranged_pages(CHECKS[check]))
    def parse_one_page(page: Page) -> None:
        assert any(word in UNSEEN_WORDS for word in faults(parsed(engine, page), page))

    monkeypatch.setattr(visibility, "_find_visible", find_all)
    parse_one_page()
