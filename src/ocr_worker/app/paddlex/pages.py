"""`POST /restructure-pages`: revises pages that were parsed before as one document, with PaddleX's own code.

`check_pages` rejects bodies that this worker cannot serve, and `restructured_entries` makes the result. PaddleX's code
is called through the engine's `merge_pages`, which takes the options of the request from `ParsedPage.raw`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocr_worker.app.paddlex import markdown as markdown_forms
from ocr_worker.app.paddlex.numbering import Blocks, add_global_numbers, number_blocks
from ocr_worker.app.paddlex.request import NO_EXPORT, OutputFormats
from ocr_worker.app.paddlex.route import FieldError, RequestRejected
from ocr_worker.engines.paddleocr_vl.convert import MERGE_TABLES, RELEVEL_TITLES
from ocr_worker.pages import ParsedPage
from ocr_worker.wire.schema import Block

MergePages = Callable[[Sequence[ParsedPage | None]], Sequence[ParsedPage | None]]
Entry = dict[str, Any]

_TITLE_HASHES = re.compile(r"^#+\s")
_KEPT_MEMBERS = ("spotting_res", "doc_preprocessor_res", "layout_det_res")
_LISTED_MEMBERS = ("doc_preprocessor_res", "layout_det_res")


class Page(BaseModel):
    """A page from the response of `/layout-parsing`."""

    prunedResult: dict[Any, Any]
    markdownImages: dict[str, str] | None = Field(None, repr=False)


class RestructurePagesRequest(OutputFormats):
    """The body of `POST /restructure-pages`."""

    pages: list[Page]
    mergeTables: bool = True
    relevelTitles: bool = True
    concatenatePages: bool = False
    prettifyMarkdown: bool = True
    showFormulaNumber: bool = False
    returnMarkdownImages: bool = True
    logId: str | None = None


class _Block(BaseModel):
    model_config = ConfigDict(extra="allow")

    block_label: str
    block_content: str
    block_bbox: list[float] = Field(min_length=4, max_length=4)


class _PrunedResult(BaseModel):
    """The required members of a `prunedResult`."""

    page_count: int | None
    width: int = Field(gt=0)
    height: int
    model_settings: dict[str, Any]
    parsing_res_list: list[_Block]


def check_pages(body: RestructurePagesRequest, max_pages: int) -> None:
    """Check the request. Raises RequestRejected, which lists invalid pages and what this worker does not support."""
    errors = [FieldError("outputFormats", NO_EXPORT)] if body.outputFormats else []
    if len(body.pages) > max_pages:
        errors.append(FieldError("pages", f"has {len(body.pages)} pages, and the limit is {max_pages}"))
    for number, page in enumerate(body.pages):
        errors += _page_errors(page, f"pages[{number}].prunedResult")
    if errors:
        raise RequestRejected.from_errors(errors)


def _page_errors(page: Page, path: str) -> Iterator[FieldError]:
    try:
        pruned_result = _PrunedResult.model_validate(page.prunedResult)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"])
            yield FieldError(path + "".join(steps), problem["msg"])
        return
    if pruned_result.model_settings.get("format_block_content"):
        yield FieldError(
            f"{path}.model_settings.format_block_content", "this server supports only blocks without formatted content"
        )


# --------------------------------------------------------------------------- over all pages


def restructured_entries(body: RestructurePagesRequest, merge_pages: MergePages) -> list[Entry]:
    """Return the entries of `layoutParsingResults`: one for each page, or a single one for `concatenatePages`.

    body: a request that passed `check_pages`. merge_pages: `MergesPages.merge_pages` of the engine.
    """
    pruned_results = [page.prunedResult for page in body.pages]
    if not pruned_results:
        return []
    revised_pages = _restructure(body, pruned_results, merge_pages)
    contents = [
        _block_contents(page, revised_page) for page, revised_page in zip(pruned_results, revised_pages, strict=True)
    ]
    pages = _number_pages(pruned_results, contents)
    texts = [_text(body, blocks, revised_page) for blocks, revised_page in zip(pages, revised_pages, strict=True)]
    if body.concatenatePages:
        images = {path: data for page in body.pages for path, data in (page.markdownImages or {}).items()}
        text = "\n\n".join(text for text in texts if text)
        return [_entry(body, _concatenate(pruned_results, pages), text, images)]
    return [
        _entry(body, _pruned(page, blocks, page["page_count"]), text, page_request.markdownImages)
        for page, blocks, text, page_request in zip(pruned_results, pages, texts, body.pages, strict=True)
    ]


def _restructure(
    body: RestructurePagesRequest, pruned_results: Sequence[Entry], merge_pages: MergePages
) -> list[ParsedPage]:
    # Widths only decide how large figures are shown; a concatenated document has one width.
    widths = [pruned_results[0]["width"] if body.concatenatePages else page["width"] for page in pruned_results]
    parsed_pages = [
        _parsed_page(body, page, width, number)
        for number, (page, width) in enumerate(zip(pruned_results, widths, strict=True))
    ]
    return [page for page in merge_pages(parsed_pages) if page]


def _parsed_page(body: RestructurePagesRequest, page: Entry, width: int, number: int) -> ParsedPage:
    return ParsedPage(
        width=width,
        height=page["height"],
        markdown="",
        blocks=[
            Block(label=block["block_label"], content=block["block_content"], bbox=_box(block["block_bbox"]))
            for block in page["parsing_res_list"]
        ],
        raw={
            **page,
            "width": width,
            "input_path": "",
            "page_index": number,
            MERGE_TABLES: body.mergeTables,
            RELEVEL_TITLES: body.relevelTitles,
        },
    )


def _box(values: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = map(int, values)
    return left, top, right, bottom


def _block_contents(page: Entry, revised_page: ParsedPage) -> list[str]:
    """Return the new content of each block: joined tables, and all other text without the hashes of a title."""
    return [
        new_block.content if new_block.label == "table" else _TITLE_HASHES.sub("", block["block_content"])
        for block, new_block in zip(page["parsing_res_list"], revised_page.blocks, strict=True)
    ]


def _number_pages(pruned_results: Sequence[Entry], contents: Sequence[Sequence[str]]) -> list[Blocks]:
    pages, continuations = [], []
    for page, texts in zip(pruned_results, contents, strict=True):
        page_blocks = page["parsing_res_list"]
        table_index = next((index for index, block in enumerate(page_blocks) if block["block_label"] == "table"), None)
        continuations.append(
            table_index is not None and bool(page_blocks[table_index]["block_content"]) and not texts[table_index]
        )
        blocks = [{**block, "block_content": text} for block, text in zip(page_blocks, texts, strict=True)]
        pages.append(number_blocks(blocks, page["model_settings"].get("markdown_ignore_labels", [])))
    add_global_numbers(pages, continuations)
    return pages


def _text(body: RestructurePagesRequest, blocks: Blocks, revised_page: ParsedPage) -> str:
    return markdown_forms.convert_markdown(revised_page.markdown, blocks, body.prettifyMarkdown, body.showFormulaNumber)


# --------------------------------------------------------------------------- what goes out


def _entry(body: RestructurePagesRequest, pruned: Entry, text: str, images: dict[str, str] | None) -> Entry:
    markdown: Entry = {"text": text}
    if body.returnMarkdownImages and images is not None:
        markdown["images"] = images
    return {"prunedResult": pruned, "markdown": markdown}


def _pruned(page: Entry, blocks: Blocks, page_count: int | None) -> Entry:
    return {
        "page_count": page_count,
        "width": page["width"],
        "height": page["height"],
        "model_settings": page["model_settings"],
        "parsing_res_list": blocks,
        **{name: page[name] for name in _KEPT_MEMBERS if page.get(name)},
    }


def _concatenate(pruned_results: Sequence[Entry], pages: Sequence[Blocks]) -> Entry:
    first_page = pruned_results[0]
    blocks = number_blocks(
        [block for page in pages for block in page], first_page["model_settings"].get("markdown_ignore_labels", [])
    )
    entry = _pruned(first_page, blocks, len(pruned_results))
    for name in _LISTED_MEMBERS:
        if name in entry:
            entry[name] = [page.get(name) for page in pruned_results]
    return entry
