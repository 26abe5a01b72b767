"""The requests that PaddleX's server and ours both get: pages for the test weights, options, errors."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from support import tinyvl

LIMIT = {"maxNewTokens": tinyvl.LIMIT}
PARSE, RESTRUCTURE = "/layout-parsing", "/restructure-pages"


@dataclass(frozen=True)
class Sent:
    """A request to both servers.

    statuses: of their response and ours. reads: whether every page has text. names: text that our response must
    contain. raw: body in place of JSON. headers: beside the media type.
    """

    name: str
    body: Any = None
    path: str = PARSE
    statuses: tuple[int, int] = (200, 200)
    reads: bool = False
    names: str = ""
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def data(self) -> bytes:
        """Return the body to send; the request's name is its log id."""
        if self.raw is not None:
            return self.raw
        return json.dumps({"logId": self.name} | self.body if isinstance(self.body, dict) else self.body).encode()


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return base64.b64encode(buffer.getvalue()).decode()


def together(pages: Sequence[Image.Image], kind: str, **how: Any) -> str:
    """Return a PDF (1000 pixels wide at 144 dpi) or TIFF of the pages."""
    first, *others = [page.copy() for page in pages]  # Pillow remembers how it saved them
    return encoded(first, kind, save_all=True, append_images=others, **how)


def image(**options: Any) -> dict[str, Any]:
    return {"file": PNG, "fileType": 1, **LIMIT, **options}


def pdf(**options: Any) -> dict[str, Any]:
    return {"file": PDF, "fileType": 0, **LIMIT, **options}


PAGES = [tinyvl.draw(tinyvl.LINES[at : at + 3], bar=at == 3) for at in (0, 3, 6)]
PNG = encoded(PAGES[1])
PDF = together(PAGES, "PDF", resolution=144, quality=95)
JUNK = base64.b64encode(b"neither a PDF nor an image, but quite a few bytes of it").decode()


# --------------------------------------------------------------------------- pages for /restructure-pages


def block(label: str, content: str, top: int, number: int, **more: Any) -> dict[str, Any]:
    box = [100, top, 900, top + 50]
    return {
        "block_label": label,
        "block_content": content,
        "block_bbox": box,
        "block_id": number,
        "block_order": None,
        "group_id": number,
        **more,
    }


def page(*blocks: dict[str, Any], width: int = 1000) -> dict[str, Any]:
    settings = {
        "use_doc_preprocessor": False,
        "use_layout_detection": True,
        "use_chart_recognition": False,
        "use_seal_recognition": False,
        "use_ocr_for_image_block": False,
        "format_block_content": False,
        "merge_layout_blocks": True,
        "markdown_ignore_labels": ["number", "header", "footer"],
        "return_layout_polygon_points": True,
    }
    return {
        "page_count": None,
        "width": width,
        "height": 1400,
        "model_settings": settings,
        "parsing_res_list": list(blocks),
        "layout_det_res": {
            "boxes": [{"label": block["block_label"], "coordinate": block["block_bbox"]} for block in blocks]
        },
    }


def table(*rows: Sequence[str]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><body><table>{body}</table></body></html>"


def document() -> list[dict[str, Any]]:
    """Return three pages: titles of several levels, a table across two page breaks, captions, a figure, a formula."""
    pages = [
        page(
            block("header", "Annual report", 20, 0),
            block("doc_title", "# Water levels", 100, 1),
            block("paragraph_title", "1. Gauges", 200, 2),
            block(
                "text", "Text of the\nfirst page.", 300, 3, block_polygon_points=[[100, 300], [900, 300], [900, 350]]
            ),
            block("figure_title", "Table 1: lowest\nand highest", 400, 4),
            block("table", table(("a", "b"), ("1", "2")), 1300, 5),
        ),
        page(block("table", table(("3", "4"), ("5", "6")), 30, 0), width=800),
        page(
            block("table", table(("7", "8")), 30, 0),
            block("paragraph_title", "1.1 Stone Bridge", 200, 1),
            block("display_formula", "$$ x = 1 $$", 300, 2),
            block("formula_number", "(3)", 310, 3),
            block("image", "", 500, 4),
            block("paragraph_title", "2. Results", 700, 5),
        ),
    ]
    return [
        {"prunedResult": pruned_result, "markdownImages": {f"imgs/{at}.jpg": "AAAA"}}
        for at, pruned_result in enumerate(pages)
    ]


def over_pages(name: str, **options: Any) -> Sent:
    return Sent(name, {"pages": document(), **options}, RESTRUCTURE, reads=True)


# --------------------------------------------------------------------------- all of them

DEFAULTS = {
    "useDocOrientationClassify": False,
    "useDocUnwarping": False,
    "useLayoutDetection": True,
    "useChartRecognition": False,
    "useSealRecognition": False,
    "useOcrForImageBlock": False,
    "layoutThreshold": 0.3,
    "layoutNms": True,
    "layoutUnclipRatio": 1.0,
    "layoutShapeMode": "auto",
    "promptLabel": "table",
    "formatBlockContent": False,
    "temperature": 0,
    "topP": 1,
    "repetitionPenalty": 1,
    "minPixels": 112896,
    "maxPixels": 1003520,
    "mergeLayoutBlocks": True,
    "vlmExtraArgs": {},
    "outputFormats": [],
    "mergeTables": False,
    "unknown": 1,
}
WRONG_TYPES = {
    "file": 5,
    "fileType": 3,
    "useLayoutDetection": "maybe",
    "layoutThreshold": "high",
    "layoutUnclipRatio": [1, 2, 3],
    "layoutMergeBboxesMode": 4,
    "promptLabel": "poem",
    "temperature": -1,
    "topP": 2,
    "repetitionPenalty": 0,
    "maxPixels": 0,
    "markdownIgnoreLabels": "text",
    "vlmExtraArgs": 5,
    "outputFormats": ["pdf"],
}

TOKEN = (("Authorization", "token KEY"),)

# The default requests of clients, but for the file and the limit of tokens, which keeps the test weights short.
CLIENTS = [
    Sent("RAGFlow", pdf(formatBlockContent=True, mergeLayoutBlocks=False), reads=True),
    Sent(
        "Open WebUI",
        pdf(useDocOrientationClassify=False, useDocUnwarping=False, useChartRecognition=False),
        reads=True,
        headers=TOKEN,
    ),
    Sent(
        "WeKnora",
        pdf(
            useSealRecognition=True,
            minPixels=112896,
            maxPixels=1003520,
            restructurePages=True,
            markdownIgnoreLabels=["header", "footer", "number", "header_image", "footer_image"],
        ),
        reads=True,
    ),
    Sent(
        "paddleocr-mcp, paddleocr_vl",
        image(
            useDocOrientationClassify=False, useDocUnwarping=False, useChartRecognition=True, useSealRecognition=True
        ),
        reads=True,
    ),
    Sent(
        "paddleocr-mcp, pp_structurev3",
        image(useDocOrientationClassify=False, useDocUnwarping=False, useChartRecognition=True),
        reads=True,
    ),
    Sent(
        "paddleocr-cli",
        image(useDocOrientationClassify=False, useDocUnwarping=False, useChartRecognition=False),
        reads=True,
        headers=TOKEN,
    ),
    Sent("pyconverters-paddleocr", {"file": PDF, "fileType": 0, **LIMIT}, reads=True),
    Sent("label-studio-paddleocr", {"file": PNG, "fileType": 1, **LIMIT}, reads=True),
]

# Arguments of the library's `predict` and `restructure_pages`.
ARGUMENTS = [
    Sent("blocks in Markdown", pdf(formatBlockContent=True, restructurePages=True), reads=True),
    Sent("plain Markdown beside blocks in Markdown", pdf(formatBlockContent=True, prettifyMarkdown=False), reads=True),
    Sent("no NMS", image(layoutNms=False), reads=True),
    Sent("larger boxes", image(layoutUnclipRatio=1.1), reads=True),
    Sent("inner boxes", image(layoutMergeBboxesMode="small"), reads=True),
    Sent("outer boxes", image(layoutMergeBboxesMode="large"), reads=True),
    Sent("rectangles", image(layoutShapeMode="rect"), reads=True),
    Sent("four corners", image(layoutShapeMode="quad"), reads=True),
    Sent("text in figures", image(useOcrForImageBlock=True), reads=True),
    Sent("a threshold for each class: mapping", image(layoutThreshold={"text": 0.2}), reads=True),
    Sent("limits of a kind", image(vlmExtraArgs={"ocr_max_pixels": 1003520}), reads=True),
    Sent("arguments that nobody reads: mapping", image(vlmExtraArgs={"no_such_argument": 1}), reads=True),
    Sent("sampling without a sampler", image(temperature=0.5, topP=0.9, repetitionPenalty=1.1), reads=True),
    Sent("tables apart", pdf(restructurePages=True, mergeTables=False), reads=True),
    Sent("titles as they are", pdf(restructurePages=True, relevelTitles=False), reads=True),
    Sent("spotting", image(useLayoutDetection=False, promptLabel="spotting", maxNewTokens=8)),
]

REQUESTS = [
    *CLIENTS,
    *ARGUMENTS,
    Sent("an image as it comes", image(), reads=True),
    Sent("an image of the web", image(useChartRecognition="yes", visualize=False), reads=True),
    Sent("a JPEG", image(file=encoded(PAGES[0], "JPEG", quality=95)), reads=True),
    Sent("a large image", image(file=encoded(PAGES[0].resize((2600, 624))), maxNewTokens=8)),
    Sent("a PDF of three pages", pdf(), reads=True),
    Sent(
        "a TIFF of three pages",
        image(file=together(PAGES, "TIFF", compression="tiff_deflate"), visualize=False),
        reads=True,
    ),
    Sent("pages restructured", pdf(restructurePages=True), reads=True),
    Sent("plain Markdown without pictures", pdf(prettifyMarkdown=False, returnMarkdownImages=False), reads=True),
    Sent("every option at its default", image(**DEFAULTS), reads=True),
    Sent("one block", image(useLayoutDetection=False, promptLabel="table", maxNewTokens=8)),
    Sent("labels left out", image(markdownIgnoreLabels=["image"], mergeLayoutBlocks=False), reads=True),
    Sent("a threshold above all", image(layoutThreshold=0.99)),
    Sent("bad base64", image(file="!!!"), statuses=(422, 422)),
    Sent("an empty file", image(file=""), statuses=(422, 422)),
    Sent("an unreadable image", image(file=JUNK), statuses=(422, 422)),
    Sent("an unreadable PDF", pdf(file=JUNK), statuses=(422, 422)),
    Sent("a host that is not there", image(file="http://127.0.0.1:9/a.png"), statuses=(422, 422)),
    Sent("a URL of no type", {"file": "http://127.0.0.1:9/a"}, statuses=(422, 422)),
    Sent("wrong types", WRONG_TYPES, statuses=(422, 422)),
    Sent("odd values", image(layoutMergeBboxesMode="most", layoutUnclipRatio=0), statuses=(422, 422)),
    Sent("pixels the wrong way round", image(minPixels=200000, maxPixels=150000), statuses=(422, 422)),
    Sent("no file", {"fileType": 1}, statuses=(422, 422)),
    Sent("broken JSON", raw=b'{"file": ', statuses=(422, 422)),
    Sent("broken body", raw=b"[]", statuses=(422, 422)),
    Sent("untyped PDF", {"file": PDF, **LIMIT}, statuses=(422, 200), reads=True),
    Sent("mistyped PDF", {"file": PDF, "fileType": 1, **LIMIT}, statuses=(422, 200), reads=True),
    Sent("refused: docx", image(outputFormats=["docx"]), statuses=(200, 422), names="outputFormats"),
    Sent("not loaded", image(useDocUnwarping=True), statuses=(500, 422), names="useDocUnwarping"),
    over_pages("a document restructured"),
    over_pages("its tables apart", mergeTables=False),
    over_pages("its titles as they are", relevelTitles=False),
    over_pages("in one piece", concatenatePages=True),
    over_pages("plain", prettifyMarkdown=False, returnMarkdownImages=False),
    over_pages(
        "plain in one piece, formulas numbered", concatenatePages=True, prettifyMarkdown=False, showFormulaNumber=True
    ),
    over_pages("formulas numbered", showFormulaNumber=True),
    Sent("no pages", {"pages": []}, RESTRUCTURE),
    Sent("pages of a wrong type", {"pages": [{"prunedResult": 5}, {"markdownImages": 1}]}, RESTRUCTURE, (422, 422)),
    Sent(
        "no page",
        {"pages": [{"prunedResult": {"width": 5}}]},
        RESTRUCTURE,
        (500, 422),
        names="pages[0].prunedResult.height",
    ),
]
