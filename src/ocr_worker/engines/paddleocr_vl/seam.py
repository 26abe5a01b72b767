"""The seam: the place in the pipeline between the layout of a call's pages and the model that reads their crops.

The pipeline (paddlex 3.7.2, `inference/pipelines/paddleocr_vl/pipeline.py`) collects the crops of all pages of a call
by pixel limits, gives them to the model, and puts the answers into the pages' blocks. `Seam` replaces three of its
methods, one for each step, and calls the originals:

1. `_paddleocr_vl_aggregate_vlm_batches`: the seam remembers the blocks of each page.
2. `_paddleocr_vl_run_vl_recognition_batches`: blocks whose text is in the file are not read. The original gets the
   other crops, and a placeholder takes the place of each answer that is left out: the next step counts the entries.
3. `_paddleocr_vl_assemble_parsing_results`: the original is called page by page. In one call for all pages, a figure
   inside a table of one page would vanish from the other pages as well. Then the texts replace their placeholders. So
   they pass none of the repairs that the pipeline makes to the text of the model.

The seam also counts repetition by page. It imports no Paddle, and belongs to the thread of its engine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ocr_worker.engines.paddleocr_vl.repetition import Recognizer

log = logging.getLogger(__name__)

BlockId = tuple[int, int]  # page in the call, block on the page
Batches = dict[Any, dict[str, Any]]  # crops and their answers, by pixel limits

_PLACEHOLDER = "\ufdd8{}.{}\ufdd8"  # noncharacters, which occur in no text
_LISTS = ("images", "queries", "figure_token_maps", "vlm_block_ids")  # of a batch, an item for each crop


class PageText(Protocol):
    """The text of a page in its file, as far as it can take the place of what the model reads."""

    def texts(self, blocks: Sequence[Mapping[str, Any]], quarters: int) -> dict[int, str]:
        """Return the text of each block that need not be read, by its index.

        blocks: the pipeline's blocks of the page, in its order, with `label`, `box`, `polygon_points`, `group_id` and
        `img`. The text of a merged group is that of its first block. quarters: of 90 degrees by which the page was
        turned counter-clockwise.
        """

    def fix_table(self, block: int, html: str) -> str:
        """Return a table that the model read, with the digits of the file. block: its index in the last `texts`."""


@dataclass(slots=True)
class PageCount:
    """Counts of one page: crops, those that the model read, those with repetition, and tables with fixed digits."""

    crops: int = 0
    crops_read: int = 0
    repetitions: int = 0
    tables_fixed: int = 0


class Call:
    """One call of the pipeline. texts: of its pages; None: the model reads the page. pages: their counts."""

    def __init__(self, texts: Sequence[PageText | None]) -> None:
        self.texts = texts
        self.pages = [PageCount() for _ in texts]


class Seam:
    """The seam of one pipeline. inner: the `_PaddleOCRVLPipeline`, whose model is `recognizer`."""

    def __init__(self, inner: Any, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._call = Call(())
        self._first_page = self._page_count = 0  # of the batch in the call, and of all its batches so far
        self._blocks: list[list[Mapping[str, Any]]] = []
        self._dropped_figures: list[set[str]] = []
        self._turns: list[int | None] = []  # of each page of the call so far, in quarters; None: it was flattened
        self._with_text: dict[int, PageText] = {}  # pages of the batch, by index
        self._composed: dict[BlockId, str] = {}
        self._originals = (
            inner._paddleocr_vl_aggregate_vlm_batches,
            inner._paddleocr_vl_run_vl_recognition_batches,
            inner._paddleocr_vl_assemble_parsing_results,
        )
        inner._paddleocr_vl_aggregate_vlm_batches = self._aggregate
        inner._paddleocr_vl_run_vl_recognition_batches = self._run
        inner._paddleocr_vl_assemble_parsing_results = self._assemble
        if preprocess := getattr(inner, "doc_preprocessor_pipeline", None):
            inner.doc_preprocessor_pipeline = lambda *pages, **options: self._note_turns(preprocess(*pages, **options))

    def begin(self, texts: Sequence[PageText | None]) -> Call:
        """Begin a call for as many pages as `texts`. Return its counts, which are complete when the call ends."""
        self._call = Call(texts)
        self._page_count = 0
        self._turns = []
        return self._call

    def _note_turns(self, results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Remember how the pages were turned."""
        results = list(results)
        for result in results:
            is_flattened = result["model_settings"]["use_doc_unwarping"]
            self._turns.append(None if is_flattened else max(0, result["angle"]) // 90)
        return results

    def _aggregate(self, page_results: Sequence[tuple[Any, ...]]) -> Any:
        """Remember the pages' blocks, and the figures that are part of a table."""
        self._first_page = self._page_count
        self._page_count += len(page_results)
        self._blocks = [blocks for _, blocks, *_ in page_results]
        self._dropped_figures = [set(figures) for *_, figures in page_results]
        for count, (_, _, entries, *_) in zip(self._counts(), page_results, strict=True):
            count.crops = len(entries)
        return self._originals[0](page_results)

    def _counts(self) -> Sequence[PageCount]:
        """Return the counts of the batch's pages."""
        return self._call.pages[self._first_page : self._page_count]

    def _run(self, batches: Batches, has_spotting: bool, arguments: Any) -> None:
        """Give the model the crops that must be read, and put its answers and the placeholders in the old order."""
        ids = {block_id for batch in batches.values() for block_id in batch["vlm_block_ids"]}
        self._composed = {block_id: text for block_id, text in self._compose().items() if block_id in ids}
        remaining = {key: reduced for key, batch in batches.items() if (reduced := self._without_composed(batch))}
        self._recognizer.runaways.clear()
        self._originals[1](remaining, has_spotting, arguments)
        self._count(remaining)
        for key, batch in batches.items():
            answers = iter(remaining[key]["vlm_results"] if key in remaining else ())
            batch["vlm_results"] = [
                {"result": _PLACEHOLDER.format(*block_id)} if block_id in self._composed else next(answers)
                for block_id in batch["vlm_block_ids"]
            ]

    def _compose(self) -> dict[BlockId, str]:
        batch = slice(self._first_page, self._page_count)
        turns = self._turns[batch] or [0] * len(self._blocks)
        pairs = enumerate(zip(self._call.texts[batch], turns, strict=True))
        self._with_text = {page: text for page, (text, quarters) in pairs if text and quarters is not None}
        return {
            (page, block): text
            for page in self._with_text
            for block, text in self._texts_of(page, turns[page] or 0).items()
        }

    def _texts_of(self, page: int, quarters: int) -> Mapping[int, str]:
        """Return the texts of a page; none if its text cannot be used: the model reads the page then."""
        try:
            return self._with_text[page].texts(self._blocks[page], quarters)
        except Exception as error:  # a damaged text layer must not cost the page
            log.warning("the text layer of a page cannot be used (%s)", type(error).__name__)
            return {}

    def _without_composed(self, batch: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the batch with the crops that must be read; None if there are none."""
        kept = [i for i, block_id in enumerate(batch["vlm_block_ids"]) if block_id not in self._composed]
        return {**batch, **{name: [batch[name][i] for i in kept] for name in _LISTS}} if kept else None

    def _count(self, batches: Batches) -> None:
        ids = [block_id for batch in batches.values() for block_id in batch["vlm_block_ids"]]
        for (page, _), is_runaway in zip(ids, self._recognizer.runaways, strict=True):
            count = self._counts()[page]
            count.crops_read += 1
            count.repetitions += is_runaway

    def _assemble(
        self, blocks: Sequence[Any], batches: Batches, keys: Any, dropped_figures: set[str], image_labels: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the pages' parts, each page assembled by itself, with the texts in place of the placeholders."""
        parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        for page, page_blocks in enumerate(blocks):
            before: list[list[Any]] = [[] for _ in range(page)]
            lists = self._originals[2]([*before, page_blocks], batches, keys, self._dropped_figures[page], image_labels)
            for part, page_parts in zip(parts, lists, strict=True):
                part.append(page_parts[page])
        texts = {_PLACEHOLDER.format(*block_id): text for block_id, text in self._composed.items()}
        for region in (region for page_regions in parts[0] for region in page_regions):
            region.text_source = "text_layer" if region.content in texts else "picture"
            region.content = texts.get(region.content, region.content)
        for page, page_blocks in enumerate(blocks):
            self._fix_tables(page, page_blocks, parts[0][page])
        return parts

    def _fix_tables(self, page: int, blocks: Sequence[Mapping[str, Any]], regions: Sequence[Any]) -> None:
        """Give the page's tables the digits of the file."""
        if page not in self._with_text:
            return
        page_text, count = self._with_text[page], self._counts()[page]
        indices = [i for i, block in enumerate(blocks) if block["label"] == "table"]
        for index, region in zip(indices, (region for region in regions if region.label == "table"), strict=True):
            html = _fixed(page_text, index, region.content)
            if html != region.content:
                region.content, region.text_source = html, "both"
                count.tables_fixed += 1


def _fixed(page_text: PageText, block: int, html: str) -> str:
    """Return the table with the digits of the file; unchanged if these cannot be used."""
    try:
        return page_text.fix_table(block, html)
    except Exception as error:  # as above
        log.warning("the text layer of a table cannot be used (%s)", type(error).__name__)
        return html
