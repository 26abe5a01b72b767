"""From the pipeline's result to ours: Paddle's words, numpy's types and PIL's images end here. Imports no Paddle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from PIL.Image import Image

from ocr_worker.pages import ParsedPage, Pixels, figure_name
from ocr_worker.pictures import jpeg, jpeg_of_pixels
from ocr_worker.wire.schema import BBox, Block, Figure, PageWarning


def parsed_page(
    result: Any,
    number: int,
    *,
    inline_figures: bool,
    keep_raw: bool,
    warnings: Sequence[PageWarning] = (),
    picture: Pixels | None = None,
) -> ParsedPage:
    """The page `number` from a `PaddleOCRVLResult`, which is changed and should be dropped.

    keep_raw: keep what `merge_pages` needs. picture: of the page, where it is wanted; what the pipeline made of it, by
    turning or flattening it, goes out.
    """
    width, height = int(result["width"]), int(result["height"])
    result["parsing_res_list"] = regions = without_merged_away(result["parsing_res_list"])
    written = result.markdown["markdown_texts"]
    crops = _crops(result, written)
    names = {path: figure_name(number, index) for index, path in enumerate(crops, start=1)}
    blocks = [
        Block(label=one.label, content=_rename(one.content, names), bbox=_within(one.bbox, width, height))
        for one in regions
    ]
    return ParsedPage(
        width=width,
        height=height,
        markdown=_rename(written, names),
        blocks=blocks,
        figures=[
            Figure(name=names[path], bbox=_within(bbox, width, height), base64=jpeg(crop) if inline_figures else None)
            for path, (crop, bbox) in crops.items()
        ],
        warnings=list(warnings),
        raw=_raw(result, blocks, regions, names) if keep_raw else None,
        image=None if picture is None else jpeg_of_pixels(_processed(result, picture)),
    )


def _processed(result: Any, picture: Pixels) -> Pixels:
    made = result.get("doc_preprocessor_res")
    return made["output_img"] if made and result["model_settings"].get("use_doc_preprocessor") else picture


def without_merged_away(regions: Sequence[Any]) -> list[Any]:
    """The regions without those whose text was read as part of another; that one's box is united with theirs.

    The pipeline reads the text of a merged group into its first region and leaves the others, with their boxes, empty.
    """
    kept: list[Any] = []
    first: dict[int, Any] = {}
    for region in regions:
        reader = first.get(region.group_id)
        if reader is not None and not region.content:
            reader.bbox = _united(reader.bbox, region.bbox)
            continue
        if region.group_id is not None:
            first.setdefault(region.group_id, region)
        kept.append(region)
    return kept


def share_figures(results: Sequence[Any]) -> bool:
    """Whether pages of one call have a figure in the very same place, and one of them has a table there.

    The pipeline names figures by label and place, and drops those inside tables from all pages of a call.
    """
    pages = [result["layout_det_res"]["boxes"] for result in results]
    tables = [box["coordinate"] for boxes in pages for box in boxes if box["label"] == "table"]
    places = Counter(
        (box["label"], *map(int, box["coordinate"])) for boxes in pages for box in boxes if box["label"] != "table"
    )
    return any(count > 1 and any(_overlap(place, table) for table in tables) for (_, *place), count in places.items())


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _crops(result: Any, written: str) -> dict[str, tuple[Image, Sequence[float]]]:
    """The pictures the Markdown shows, by the pipeline's path, in their order there: crop (RGB) and box."""
    found = {one["path"]: (one["img"], one["coordinate"]) for one in result["imgs_in_doc"]}
    found |= {one.image["path"]: (one.image["img"], one.bbox) for one in result["parsing_res_list"] if one.image}
    shown = [(place, path) for path in found if (place := written.find(path)) >= 0]
    return {path: found[path] for _, path in sorted(shown)}


def _rename(text: str, names: Mapping[str, str]) -> str:
    if not names:
        return text
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)


def _united(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])]


def _within(bbox: Sequence[float], width: int, height: int) -> BBox:
    x0, y0, x1, y1 = (int(value) for value in bbox)
    return (min(max(x0, 0), width), min(max(y0, 0), height), min(max(x1, 0), width), min(max(y1, 0), height))


# --------------------------------------------------------------------------- a document's pages together


def _raw(result: Any, blocks: Sequence[Block], regions: Sequence[Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The JSON that the pipeline's `restructure_pages` reads, figures already under their names here."""
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


def restructured(page: ParsedPage, result: Any) -> ParsedPage:
    """`page` with the Markdown and the table contents that `restructure_pages` gave it."""
    blocks, warnings = [], list(page.warnings)
    for block, region in zip(page.blocks, result["parsing_res_list"], strict=True):
        if block.label == "table" and block.content != region.content:
            if not region.content:
                warnings.append(PageWarning(code="TABLE_CONTINUED", message="a table's rows are with its first page"))
            block = block.model_copy(update={"content": region.content})
        blocks.append(block)
    return ParsedPage(
        width=page.width,
        height=page.height,
        markdown=result.markdown["markdown_texts"],
        blocks=blocks,
        figures=page.figures,
        warnings=warnings,
        image=page.image,
    )
