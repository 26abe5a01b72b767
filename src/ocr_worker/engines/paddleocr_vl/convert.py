"""The conversion of the pipeline's results to `ParsedPage`.

Paddle's classes, numpy's types and PIL's images do not leave this module. `parsed_page` converts the result of one
page, and `revise_page` applies the result of PaddleX's `restructure_pages` to it. Imports no Paddle.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL.Image import Image

from ocr_worker.engines.paddleocr_vl.foreign_markup import neutralize
from ocr_worker.pages import ParsedPage, Pixels, figure_name
from ocr_worker.pictures import jpeg, jpeg_of_pixels
from ocr_worker.wire.schema import BBox, Block, Figure, PageWarning, TextSource

# Members of `ParsedPage.raw` that the pipeline ignores. The two options are those of a document's first parsed page.
_NEUTRALIZED = "is_neutralized"
MERGE_TABLES, RELEVEL_TITLES = "merge_tables", "relevel_titles"


def parsed_page(
    result: Any,
    number: int,
    *,
    has_inline_figures: bool,
    merge_options: Mapping[str, bool] | None,
    is_neutralized: bool = True,
    has_text_sources: bool = False,
    warnings: Sequence[PageWarning] = (),
    page_image: Pixels | None = None,
) -> ParsedPage:
    """Return the page `number` from a `PaddleOCRVLResult`, which is modified and must not be used again.

    has_inline_figures: include the figures' crops. merge_options: what `merge_pages` shall do, as members of the page's
    `raw`; None if it is not called. is_neutralized: the Markdown has no foreign HTML, links and images.
    has_text_sources: the seam has set the regions' `text_source`, and the blocks get it. page_image: the page's pixels
    if the response includes page images. If the pipeline rotated or unwarped the page, that image is included.
    """
    width, height = int(result["width"]), int(result["height"])
    result["parsing_res_list"] = regions = drop_merged_regions(result["parsing_res_list"])
    markdown = result.markdown["markdown_texts"]
    crops = _shown_crops(result, markdown)
    names = {path: figure_name(number, index) for index, path in enumerate(crops, start=1)}
    blocks = [
        Block(
            label=region.label,
            content=_rename(region.content, names),
            bbox=_clip(region.bbox, width, height),
            text_source=region.text_source if has_text_sources and region.content else None,
        )
        for region in regions
    ]
    return ParsedPage(
        width=width,
        height=height,
        markdown=_neutralize_if(is_neutralized, _rename(markdown, names), names.values()),
        blocks=blocks,
        figures=[
            Figure(name=names[path], bbox=_clip(bbox, width, height), base64=jpeg(crop) if has_inline_figures else None)
            for path, (crop, bbox) in crops.items()
        ],
        warnings=list(warnings),
        raw=None
        if merge_options is None
        else {**_raw(result, blocks, regions, names), _NEUTRALIZED: is_neutralized, **merge_options},
        text_source=_text_source(blocks),
        image=None if page_image is None else jpeg_of_pixels(_processed_image(result, page_image)),
    )


def _text_source(blocks: Sequence[Block]) -> TextSource:
    """Return the origin of the page's text from that of its blocks."""
    origins = {block.text_source or "picture" for block in blocks if block.content}
    return "both" if len(origins) > 1 else origins.pop() if origins else "picture"


def _processed_image(result: Any, page_image: Pixels) -> Pixels:
    preprocessing = result.get("doc_preprocessor_res")
    return (
        preprocessing["output_img"]
        if preprocessing and result["model_settings"].get("use_doc_preprocessor")
        else page_image
    )


def drop_merged_regions(regions: Sequence[Any]) -> list[Any]:
    """Return the regions without those whose text is part of another region, whose box is extended to cover them.

    The pipeline stores the text of a merged group in its first region, and leaves the other regions empty.
    """
    kept_regions: list[Any] = []
    readers: dict[int, Any] = {}
    for region in regions:
        reader = readers.get(region.group_id)
        if reader is not None and not region.content:
            reader.bbox = _unite(reader.bbox, region.bbox)
            continue
        if region.group_id is not None:
            readers.setdefault(region.group_id, region)
        kept_regions.append(region)
    return kept_regions


def _shown_crops(result: Any, markdown: str) -> dict[str, tuple[Image, Sequence[float]]]:
    """Return crop (RGB) and box of each figure in the Markdown, by the pipeline's path, in the Markdown's order."""
    regions = [region for region in result["parsing_res_list"] if region.image]
    figures = {region.image["path"]: (region.image["img"], region.bbox) for region in regions}
    # As in the pipeline's own Markdown: crops of whole boxes take the place of those that are cut out along a polygon.
    for figure in result["imgs_in_doc"]:
        _, box = figures.get(figure["path"], (None, figure["coordinate"]))
        figures[figure["path"]] = (figure["img"], box)
    positions = [(position, path) for path in figures if (position := markdown.find(path)) >= 0]
    return {path: figures[path] for _, path in sorted(positions)}


def _rename(text: str, names: Mapping[str, str]) -> str:
    if not names:
        return text
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)


def _neutralize_if(condition: bool, markdown: str, figures: Collection[str]) -> str:
    return neutralize(markdown, figures) if condition else markdown


def _unite(box: Sequence[int], other_box: Sequence[int]) -> list[int]:
    return [min(box[0], other_box[0]), min(box[1], other_box[1]), max(box[2], other_box[2]), max(box[3], other_box[3])]


def _clip(bbox: Sequence[float], width: int, height: int) -> BBox:
    x0, y0, x1, y1 = (int(value) for value in bbox)
    return (min(max(x0, 0), width), min(max(y0, 0), height), min(max(x1, 0), width), min(max(y1, 0), height))


# --------------------------------------------------------------------------- a document's pages together


def _raw(result: Any, blocks: Sequence[Block], regions: Sequence[Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON that the pipeline's `restructure_pages` reads, with our names of the figures."""
    return {
        "input_path": None,
        "page_index": None,
        "page_count": None,
        "width": int(result["width"]),
        "height": int(result["height"]),
        "model_settings": dict(result["model_settings"]),
        "parsing_res_list": [
            {"block_label": block.label, "block_content": block.content, "block_bbox": list(block.bbox)}
            | ({"image": {"path": names.get(region.image["path"], ""), "img": None}} if region.image else {})
            for block, region in zip(blocks, regions, strict=True)
        ],
    }


def with_blocks(page: ParsedPage, blocks: Sequence[Block]) -> ParsedPage:
    """Return `page` with these blocks, also in what `restructure_pages` reads; its Markdown is unchanged.

    Figures keep their crops: the entry of a block is that of the old block with its label and box.
    """
    assert page.raw is not None  # as for every page that is parsed with `verify: repair`
    entries = {(entry["block_label"], *entry["block_bbox"]): entry for entry in reversed(page.raw["parsing_res_list"])}
    regions = [
        {
            **entries.get((block.label, *block.bbox), {"block_label": block.label, "block_bbox": list(block.bbox)}),
            "block_content": block.content,
        }
        for block in blocks
    ]
    return replace(
        page,
        blocks=list(blocks),
        raw={**page.raw, "parsing_res_list": regions},
        text_source=_text_source(blocks) if any(block.text_source for block in blocks) else page.text_source,
    )


def revise_page(page: ParsedPage, result: Any) -> ParsedPage:
    """Return `page` with the Markdown and the contents of tables from the result of `restructure_pages`."""
    blocks, warnings = [], list(page.warnings)
    for block, region in zip(page.blocks, result["parsing_res_list"], strict=True):
        if block.label == "table" and block.content != region.content:
            if not region.content:
                warnings.append(
                    PageWarning(
                        code="TABLE_CONTINUED",
                        message="a table continues from an earlier page; all its rows are on its first page",
                    )
                )
            block = block.model_copy(update={"content": region.content})
        blocks.append(block)
    return replace(
        page,
        markdown=_neutralize_if(
            (page.raw or {}).get(_NEUTRALIZED, False),
            result.markdown["markdown_texts"],
            {figure.name for figure in page.figures},
        ),
        blocks=blocks,
        warnings=warnings,
        raw=None,
    )
