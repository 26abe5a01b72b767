"""`POST /restructure-pages`: pages that were parsed before, looked over as one document by PaddleX's own code.

That code is reached through the engine's `merge_pages`. It joins tables only over neighbouring pages, so that an absent
page between each two keeps them apart where tables are not to be joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocr_worker.app.paddlex import written
from ocr_worker.app.paddlex.numbering import Blocks, numbered, tables_joined
from ocr_worker.app.paddlex.request import OutputFormats
from ocr_worker.app.paddlex.route import Fault, Refusal
from ocr_worker.pages import ParsedPage
from ocr_worker.wire.schema import Block

Merge = Callable[[Sequence[ParsedPage | None]], Sequence[ParsedPage | None]]
Entry = dict[str, Any]

_HASHES = re.compile(r"^#+\s")
_CARRIED_ON = ("spotting_res", "doc_preprocessor_res", "layout_det_res")
_LISTED = ("doc_preprocessor_res", "layout_det_res")


class Page(BaseModel):
    """A page as `/layout-parsing` gave it."""

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


class _Pruned(BaseModel):
    """What has to be there of a `prunedResult`."""

    page_count: int | None
    width: int = Field(gt=0)
    height: int
    model_settings: dict[str, Any]
    parsing_res_list: list[_Block]


def check(body: RestructurePagesRequest, max_pages: int) -> None:
    """Raises Refusal, which names what is no page and what this worker cannot do."""
    faults = [Fault("relevelTitles", "this server always levels titles")] if not body.relevelTitles else []
    if body.outputFormats:
        faults.append(Fault("outputFormats", "this server exports nothing"))
    if len(body.pages) > max_pages:
        faults.append(Fault("pages", f"the limit is {max_pages} pages"))
    for number, page in enumerate(body.pages):
        faults += _faults_of(page, f"pages[{number}].prunedResult")
    if faults:
        raise Refusal.of(faults)


def _faults_of(page: Page, at: str) -> Iterator[Fault]:
    try:
        read = _Pruned.model_validate(page.prunedResult)
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in found["loc"])
            yield Fault(at + "".join(steps), found["msg"])
        return
    if read.model_settings.get("format_block_content"):
        yield Fault(f"{at}.model_settings.format_block_content", "this server reads plain blocks only")


# --------------------------------------------------------------------------- over all pages


def restructured(body: RestructurePagesRequest, merge: Merge) -> list[Entry]:
    """The entries of `layoutParsingResults`: one a page, or one in all. `body` has passed `check`."""
    given = [page.prunedResult for page in body.pages]
    if not given:
        return []
    parsed = _looked_over(body, given, merge)
    contents = [_contents(page, after) for page, after in zip(given, parsed, strict=True)]
    pages = _numbered_over_pages(given, contents)
    texts = [_text(body, blocks, after) for blocks, after in zip(pages, parsed, strict=True)]
    if body.concatenatePages:
        images = {path: data for page in body.pages for path, data in (page.markdownImages or {}).items()}
        text = "\n\n".join(text for text in texts if text)
        return [_entry(body, _as_one(given, pages), text, images)]
    return [
        _entry(body, _pruned(page, blocks, page["page_count"]), text, asked.markdownImages)
        for page, blocks, text, asked in zip(given, pages, texts, body.pages, strict=True)
    ]


def _looked_over(body: RestructurePagesRequest, given: Sequence[Entry], merge: Merge) -> list[ParsedPage]:
    # Widths decide only how large figures are shown; one document has one.
    widths = [given[0]["width"] if body.concatenatePages else page["width"] for page in given]
    parsed = [_as_parsed(page, width, number) for number, (page, width) in enumerate(zip(given, widths, strict=True))]
    asked: list[ParsedPage | None] = []
    for page in parsed:
        asked += [page] if body.mergeTables else [page, None]
    return [page for page in merge(asked) if page]


def _as_parsed(page: Entry, width: int, number: int) -> ParsedPage:
    return ParsedPage(
        width=width,
        height=page["height"],
        markdown="",
        blocks=[
            Block(label=one["block_label"], content=one["block_content"], bbox=_box(one["block_bbox"]))
            for one in page["parsing_res_list"]
        ],
        raw={**page, "width": width, "input_path": "", "page_index": number},
    )


def _box(values: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = map(int, values)
    return left, top, right, bottom


def _contents(page: Entry, after: ParsedPage) -> list[str]:
    """What the blocks say now: tables as they were joined, everything else without a title's hashes."""
    return [
        one.content if one.label == "table" else _HASHES.sub("", block["block_content"])
        for block, one in zip(page["parsing_res_list"], after.blocks, strict=True)
    ]


def _numbered_over_pages(given: Sequence[Entry], contents: Sequence[Sequence[str]]) -> list[Blocks]:
    pages, continued = [], []
    for page, texts in zip(given, contents, strict=True):
        before = page["parsing_res_list"]
        first = next((at for at, block in enumerate(before) if block["block_label"] == "table"), None)
        continued.append(first is not None and bool(before[first]["block_content"]) and not texts[first])
        blocks = [{**block, "block_content": text} for block, text in zip(before, texts, strict=True)]
        pages.append(numbered(blocks, page["model_settings"].get("markdown_ignore_labels", [])))
    tables_joined(pages, continued)
    return pages


def _text(body: RestructurePagesRequest, blocks: Blocks, after: ParsedPage) -> str:
    return written.as_asked(after.markdown, blocks, body.prettifyMarkdown, body.showFormulaNumber)


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
        **{name: page[name] for name in _CARRIED_ON if page.get(name)},
    }


def _as_one(given: Sequence[Entry], pages: Sequence[Blocks]) -> Entry:
    first = given[0]
    blocks = numbered(
        [block for page in pages for block in page], first["model_settings"].get("markdown_ignore_labels", [])
    )
    found = _pruned(first, blocks, len(given))
    for name in _LISTED:
        if name in found:
            found[name] = [page.get(name) for page in given]
    return found
