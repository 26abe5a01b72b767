"""PaddleX's response to `/layout-parsing`, from our `ParseResponse`.

`parsing_response` writes the whole: `layoutParsingResults` with an entry for each page, `dataInfo` about the file, and
the envelope. The rest writes the parts of an entry. Pure: no input or output, no state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from ocr_worker.app.paddlex import markdown, pictures
from ocr_worker.app.paddlex.block_content import FIGURE_LABELS, formatted_content
from ocr_worker.app.paddlex.numbering import Blocks, add_global_numbers, block_orders, number_blocks
from ocr_worker.app.paddlex.page_scale import at_wire_resolution
from ocr_worker.app.paddlex.request import FileKind, LayoutParsingRequest
from ocr_worker.app.paddlex.route import error_response
from ocr_worker.wire.schema import PageResult, PageWarning, ParseResponse

Entry = dict[str, Any]

_TABLE_CONTINUED = "TABLE_CONTINUED"


def parsing_response(
    response: ParseResponse,
    body: LayoutParsingRequest,
    kind: FileKind,
    settings: dict[str, Any],
    log_id: str,
    warnings: Sequence[PageWarning] = (),
) -> JSONResponse:
    """Return the response to `/layout-parsing`. settings: `model_settings` of the request.

    A client takes status 200 for the whole document. So a failed page fails the request, as on PaddleX's server. But
    `result` still has an entry for every page, and the entry of a failed page has the page's error.

    warnings: about fields without effect; with them the response has a member `warnings`, which PaddleX's has not.
    """
    document = response.documents[0]
    error = document.error or next((page.error for page in document.pages if page.error), None)
    successes, total = sum(page.status == "succeeded" for page in document.pages), len(document.pages)
    if error and not successes:
        return error_response(log_id, error)
    result = layout_result(document.pages, body, kind, settings)
    shown = [warning.model_dump(mode="json", exclude_none=True) for warning in warnings]
    members = {"warnings": shown} if shown else {}
    if error is None:
        return success_response(log_id, result, **members)
    message = (
        f"{total - successes} of {total} pages could not be parsed; `result` has an entry for every page; the first"
        f" error: {error.message}"
    )
    return error_response(log_id, error, message, result=result, **members)


def layout_result(
    pages: Sequence[PageResult], body: LayoutParsingRequest, kind: FileKind, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return `result` of a document: an entry for each page, and `dataInfo`. settings: `model_settings`."""
    wire_pages = [at_wire_resolution(page) for page in pages] if kind == "pdf" else pages
    return {"layoutParsingResults": _entries(wire_pages, body, settings), "dataInfo": file_info(wire_pages, kind)}


def success_response(log_id: str, result: dict[str, Any], **members: Any) -> JSONResponse:
    """Return a result in its envelope. members: additional members of the body."""
    return JSONResponse({"logId": log_id, "result": result, "errorCode": 0, "errorMsg": "Success", **members})


def file_info(pages: Sequence[PageResult], kind: FileKind) -> dict[str, Any]:
    """Return `dataInfo`: the type of the file, its number of pages, and their sizes.

    Sizes are in pixels, and null for a page that failed.
    """
    sizes = [{"width": page.width, "height": page.height} for page in pages]
    if kind == "image" and len(pages) == 1:
        return {**sizes[0], "type": "image"}
    return {"numPages": len(pages), "pages": sizes, "type": "pdf" if kind == "pdf" else "tiff"}


# --------------------------------------------------------------------------- pages


def _entries(pages: Sequence[PageResult], body: LayoutParsingRequest, settings: dict[str, Any]) -> list[Entry]:
    entries = []
    for page in pages:
        paths = figure_paths(page)
        blocks = _blocks(page, paths, settings["markdown_ignore_labels"])
        entries.append(_entry(page, body, settings, blocks, paths))
    if body.restructurePages:
        _add_global_numbers(pages, [entry["prunedResult"]["parsing_res_list"] for entry in entries])
    return entries


def _entry(
    page: PageResult, body: LayoutParsingRequest, settings: dict[str, Any], blocks: Blocks, paths: Mapping[str, str]
) -> Entry:
    text = rename_figures(page.markdown or "", paths)
    form = markdown.convert_markdown(text, blocks, body.prettifyMarkdown, body.showFormulaNumber)
    if body.formatBlockContent:
        blocks = [_formatted_block(block, page.width or 1, text, settings) for block in blocks]
    entry: Entry = {
        "prunedResult": pruned_result(page.width, page.height, settings, blocks),
        "markdown": {"text": form},
    }
    if body.returnMarkdownImages:
        crops = {paths[figure.name]: pictures.shrink(figure.base64) for figure in page.figures if figure.base64}
        entry["markdown"]["images"] = crops
    if body.has_page_images and page.image:
        boxes = {"layout_det_res": pictures.draw_boxes(page.image, blocks)} if settings["use_layout_detection"] else {}
        entry |= {"outputImages": boxes, "inputImage": pictures.shrink(page.image)}
    if page.error:
        entry |= {"errorCode": 500, "errorMsg": f"{page.error.code}: {page.error.message}"}
    return entry


def _formatted_block(block: dict[str, Any], page_width: int, text: str, settings: dict[str, Any]) -> dict[str, Any]:
    label = block["block_label"]
    path = _path(label, block["block_bbox"]) if label in FIGURE_LABELS else None
    return block | {"block_content": formatted_content(block, path, page_width, text, settings)}


def pruned_result(width: int | None, height: int | None, settings: dict[str, Any], blocks: Blocks) -> dict[str, Any]:
    """Return `prunedResult` of a page.

    Its `layout_det_res` is made from the blocks, so it has no scores, class numbers or polygons.
    """
    pruned_page: dict[str, Any] = {
        "page_count": None,
        "width": width,
        "height": height,
        "model_settings": settings,
        "parsing_res_list": blocks,
    }
    if settings["use_layout_detection"]:
        orders = block_orders(blocks, ())
        pruned_page["layout_det_res"] = {
            "boxes": [
                {"label": block["block_label"], "coordinate": list(block["block_bbox"]), "order": order}
                for block, order in zip(blocks, orders, strict=True)
            ]
        }
    return pruned_page


def _blocks(page: PageResult, paths: Mapping[str, str], ignored_labels: Sequence[str]) -> Blocks:
    blocks = [
        {
            "block_label": block.label,
            "block_content": rename_figures(block.content, paths),
            "block_bbox": list(block.bbox),
        }
        for block in page.blocks or ()
    ]
    return number_blocks(blocks, ignored_labels)


def _add_global_numbers(pages: Sequence[PageResult], blocks: Sequence[Blocks]) -> None:
    continuations = [any(warning.code == _TABLE_CONTINUED for warning in page.warnings) for page in pages]
    add_global_numbers(blocks, continuations)


# --------------------------------------------------------------------------- figures


def figure_paths(page: PageResult) -> dict[str, str]:
    """Return PaddleX's path of each figure of the page, by our name. A path contains the figure's label and box."""
    labels = {block.bbox: block.label for block in page.blocks or () if block.label in FIGURE_LABELS}
    return {figure.name: _path(labels.get(figure.bbox, "image"), figure.bbox) for figure in page.figures}


def _path(label: str, bbox: Sequence[int]) -> str:
    return f"imgs/img_in_{label}_box_{'_'.join(map(str, bbox))}.jpg"


def rename_figures(text: str, names: Mapping[str, str]) -> str:
    """Return `text` with each key of `names` replaced by its value."""
    if not names:
        return text
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)
