"""The text of a page's blocks from its text layer, where it can be trusted.

`LayerText` tells the seam which blocks need not be read, and their text. A block of running text is
written from the layer if all of it comes from there: its words are complete, along the page and in reliable fonts,
there is no other ink between them, and they have no signs that the model would write in another form. If a block of a
merged group must be read by the model, the complete group is. All other blocks are read from the page image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import cv2
import numpy as np

from ocr_worker.engines.paddleocr_vl.composing import compose
from ocr_worker.engines.paddleocr_vl.layer_signs import has_special_signs, write_markers
from ocr_worker.engines.paddleocr_vl.layer_tables import cells_of, fix_digits
from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord, Outline, assign, outline_of, read_words
from ocr_worker.engines.text_layer import judge as judging
from ocr_worker.engines.text_layer.joins import words_of
from ocr_worker.engines.text_layer.scripts import plain_form
from ocr_worker.engines.text_layer.uncovered import find_marks
from ocr_worker.pages import PageImage, Pixels

Read = Callable[[Pixels, Sequence[judging.Rectangle]], Sequence[judging.Reading]]

RUNNING_TEXT = frozenset(
    [
        "abstract",
        "aside_text",
        "content",
        "doc_title",
        "figure_title",
        "footer",
        "footnote",
        "formula_number",
        "header",
        "number",
        "paragraph_title",
        "reference",
        "reference_content",
        "text",
        "vision_footnote",
    ]
)
_NOTES = frozenset(["footnote", "vision_footnote"])
_SIDE = 800  # pixels of the longer side of the image on which other ink is looked for, as for the embedded engine


class LayerText:
    """The text layer of one page. read: a small reader, for fonts whose own tables prove nothing."""

    def __init__(self, page: PageImage, read: Read) -> None:
        self._page = page
        self._read = read
        self._upright = page.pixels
        self._table_words: dict[int, list[LayerWord]] = {}

    def texts(self, blocks: Sequence[Mapping[str, Any]], quarters: int) -> dict[int, str]:
        """Return the text of each block that need not be read, by its index; see `seam.PageText`."""
        lines = self._page.text_lines or ()
        height, width = self._page.pixels.shape[:2]
        words = read_words(lines, quarters, width, height)
        outlines = [outline_of(block) for block in blocks]
        assignment = assign(words, outlines)
        upright = np.ascontiguousarray(np.rot90(self._page.pixels, quarters))
        self._table_words = {i: assignment.words[i] for i, block in enumerate(blocks) if block["label"] == "table"}
        self._upright = upright
        candidates = {
            first: members
            for first, members in _groups(blocks)
            if all(blocks[i]["label"] in RUNNING_TEXT for i in members)
            and not assignment.cut & set(members)
            and all(assignment.words.get(i) for i in members)
            and all(self._is_plain(word) for i in members for word in assignment.words[i])
        }
        if not candidates:
            return {}
        marks = _marks_beside(upright, words)
        clean = {
            first: [assignment.words[i] for i in members]
            for first, members in candidates.items()
            if not any(_holds_mark(outlines[i], marks) for i in members)
        }
        page_words = words_of(line.text for line in lines)
        texts = {
            first: write_markers(
                compose(parts, blocks[first]["label"], page_words), is_note=blocks[first]["label"] in _NOTES
            )
            for first, parts in clean.items()
        }
        plain = {first: text for first, text in texts.items() if text and not has_special_signs(text)}
        trusted = self._trusted(upright, {first: clean[first] for first in plain})
        return {first: text for first, text in plain.items() if first in trusted}

    def fix_table(self, block: int, html: str) -> str:
        """Return the model's table with the digits of the layer; see `seam.PageText`."""
        words = [word for word in self._table_words.get(block, ()) if self._is_plain(word)]
        if not words or not any(character.isdigit() for character in html):
            return html
        verdicts = self._judge(self._upright, words)
        return fix_digits(html, cells_of([word for word in words if _is_trusted(word, verdicts)]))

    def _is_plain(self, word: LayerWord) -> bool:
        """Return whether the word runs along the page, and no letter is in a font of symbols."""
        return word.is_level and not self._page.symbol_fonts.intersection(word.fonts)

    def _trusted(self, pixels: Pixels, clean: Mapping[int, Sequence[Sequence[LayerWord]]]) -> set[int]:
        """Return the blocks all of whose words are in fonts that are believed."""
        words = {first: [word for part in parts for word in part] for first, parts in clean.items()}
        verdicts = self._judge(pixels, [word for each in words.values() for word in each])
        return {first for first, each in words.items() if all(_is_trusted(word, verdicts) for word in each)}

    def _judge(self, pixels: Pixels, words: Iterable[LayerWord]) -> dict[judging.Setting, judging.Verdict]:
        """Return the verdicts on the settings of these words. pixels: the upright page."""
        lines = [
            [judging.LayerWord(word.text, word.box, word.fonts[0]) for word in line]
            for _, line in groupby(sorted(words, key=lambda word: word.line), lambda word: word.line)
        ]
        return judging.judge(lines, lambda boxes: self._read(pixels, boxes), self._page.proven_fonts)


def _is_trusted(word: LayerWord, verdicts: Mapping[judging.Setting, judging.Verdict]) -> bool:
    """Return whether all fonts of the word are believed. Signs without letters and digits cannot be compared."""
    if not plain_form(word.text):
        return verdicts.get(judging.setting_of(word.text, word.fonts[0])) != "lying"
    settings = {judging.setting_of(word.text, font) for font in word.fonts}
    return all(verdicts.get(setting) in ("proven", "unreadable") for setting in settings)


def _groups(blocks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, list[int]]]:
    """Yield the index of each block that has a picture, with those of all blocks whose text it holds."""
    members: dict[Any, list[int]] = defaultdict(list)
    for i, block in enumerate(blocks):
        group = block.get("group_id")
        members[("block", i) if group is None else ("group", group)].append(i)
    for indices in members.values():
        if blocks[indices[0]]["img"] is not None:
            yield indices[0], indices


def _marks_beside(pixels: Pixels, words: Sequence[LayerWord]) -> list[tuple[float, float]]:
    """Return the middles of the marks outside the words along the page, in its pixels.

    A word at an angle, such as a watermark, is a mark of all blocks that it crosses.
    """
    marks, scale = find_marks(pixels, (word.box for word in words if word.is_level), _SIDE)
    return [((x0 + x1) / 2 / scale, (y0 + y1) / 2 / scale) for x0, y0, x1, y1 in marks]


def _holds_mark(outline: Outline, marks: Sequence[tuple[float, float]]) -> bool:
    return any(cv2.pointPolygonTest(outline, mark, False) > 0 for mark in marks)
