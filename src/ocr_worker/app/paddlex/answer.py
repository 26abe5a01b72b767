"""From our answer to PaddleX's: `layoutParsingResults`, `dataInfo`, and the envelope around them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from ocr_worker.app.paddlex import pictures, written
from ocr_worker.app.paddlex.numbering import Blocks, numbered, ordered, tables_joined
from ocr_worker.app.paddlex.request import Kind, LayoutParsingRequest
from ocr_worker.app.paddlex.route import failed
from ocr_worker.wire.schema import BBox, PageResult, ParseResponse

Entry = dict[str, Any]

_PICTURES = ("image", "chart", "seal", "header_image", "footer_image")
_TABLE_CONTINUED = "TABLE_CONTINUED"


def answered(
    response: ParseResponse, body: LayoutParsingRequest, kind: Kind, settings: dict[str, Any], log_id: str
) -> JSONResponse:
    """The answer. settings: `model_settings` of the request.

    A client takes status 200 for the whole document, so a page that failed fails the request, as on PaddleX's server;
    but `result` is there all the same, with every page, and each that failed says so.
    """
    document = response.documents[0]
    error = document.error or next((page.error for page in document.pages if page.error), None)
    parsed, expected = sum(page.status == "succeeded" for page in document.pages), len(document.pages)
    if error and not parsed:
        return failed(log_id, error)
    result = {
        "layoutParsingResults": _entries(document.pages, body, settings),
        "dataInfo": data_info(document.pages, kind),
    }
    if error is None:
        return success(log_id, result)
    told = f"{expected - parsed} of {expected} pages could not be parsed; `result` has every page, and says which"
    return failed(log_id, error, told, result=result)


def success(log_id: str, result: dict[str, Any]) -> JSONResponse:
    """The envelope of a result."""
    return JSONResponse({"logId": log_id, "result": result, "errorCode": 0, "errorMsg": "Success"})


def data_info(pages: Sequence[PageResult], kind: Kind) -> dict[str, Any]:
    """What the file is: a PDF or TIFF of so many pages, or an image; sizes in pixels, null where a page failed."""
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
        _number_over_pages(pages, [entry["prunedResult"]["parsing_res_list"] for entry in entries])
    return entries


def _entry(
    page: PageResult, body: LayoutParsingRequest, settings: dict[str, Any], blocks: Blocks, paths: Mapping[str, str]
) -> Entry:
    text = renamed(page.markdown or "", paths)
    entry: Entry = {
        "prunedResult": pruned(page.width, page.height, settings, blocks),
        "markdown": {"text": written.as_asked(text, blocks, body.prettifyMarkdown, body.showFormulaNumber)},
    }
    if body.returnMarkdownImages:
        crops = {paths[one.name]: pictures.shrunk(one.base64) for one in page.figures if one.base64}
        entry["markdown"]["images"] = crops
    if body.wants_pictures and page.image:
        boxes = {"layout_det_res": pictures.with_boxes(page.image, blocks)} if settings["use_layout_detection"] else {}
        entry |= {"outputImages": boxes, "inputImage": pictures.shrunk(page.image)}
    if page.error:
        entry |= {"errorCode": 500, "errorMsg": f"{page.error.code}: {page.error.message}"}
    return entry


def pruned(width: int | None, height: int | None, settings: dict[str, Any], blocks: Blocks) -> dict[str, Any]:
    """`prunedResult`. Of `layout_det_res` there is what blocks tell: neither scores nor class numbers nor polygons."""
    found: dict[str, Any] = {
        "page_count": None,
        "width": width,
        "height": height,
        "model_settings": settings,
        "parsing_res_list": blocks,
    }
    if settings["use_layout_detection"]:
        orders = ordered(blocks, ())
        found["layout_det_res"] = {
            "boxes": [
                {"label": block["block_label"], "coordinate": list(block["block_bbox"]), "order": order}
                for block, order in zip(blocks, orders, strict=True)
            ]
        }
    return found


def _blocks(page: PageResult, paths: Mapping[str, str], ignored: Sequence[str]) -> Blocks:
    blocks = [
        {
            "block_label": block.label,
            "block_content": renamed(block.content, paths),
            "block_bbox": list(block.bbox),
        }
        for block in page.blocks or ()
    ]
    return numbered(blocks, ignored)


def _number_over_pages(pages: Sequence[PageResult], blocks: Sequence[Blocks]) -> None:
    continued = [any(one.code == _TABLE_CONTINUED for one in page.warnings) for page in pages]
    tables_joined(blocks, continued)


# --------------------------------------------------------------------------- figures


def figure_paths(page: PageResult) -> dict[str, str]:
    """PaddleX's path for each figure of the page, by our name: it tells label and box."""
    labels = {block.bbox: block.label for block in page.blocks or () if block.label in _PICTURES}
    return {figure.name: _path(labels.get(figure.bbox, "image"), figure.bbox) for figure in page.figures}


def _path(label: str, bbox: BBox) -> str:
    return f"imgs/img_in_{label}_box_{'_'.join(map(str, bbox))}.jpg"


def renamed(text: str, names: Mapping[str, str]) -> str:
    """`text` with the names exchanged."""
    if not names:
        return text
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)
