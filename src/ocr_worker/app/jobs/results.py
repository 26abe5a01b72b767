"""Translate a response of the pipeline to the result of the PaddleOCR job API: JSON lines, and pictures beside them.

A result has a line for each page. Models that parse a layout have `layoutParsingResults`, as `/layout-parsing`. Models
that read text have `ocrResults`, whose `prunedResult` lists texts with their boxes. A line names its pictures, and
`with_addresses` replaces the names by addresses when a client fetches the line: only then is it clear under which
address the client reaches this server. Pure: no input or output, no state.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocr_worker.app.jobs.submission import JobRequest
from ocr_worker.app.paddlex import response as paddlex_response
from ocr_worker.app.paddlex.options import model_settings
from ocr_worker.app.paddlex.options import translate as translate_options
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ErrorInfo, PageWarning, ParseResponse

Entry = dict[str, Any]

_SCORE = 1.0  # of each text: the engines report none
_CELL_END, _ROW_END, _TAG = re.compile(r"</t[dh]>"), re.compile(r"</tr>"), re.compile(r"<[^>]+>")
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class JobResult:
    """The result of a job. lines: JSON without line breaks. pictures: bytes of JPEG files by name."""

    lines: list[str] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of bytes in memory, nearly."""
        return sum(map(len, self.lines)) + sum(map(len, self.pictures.values()))


def error_of(response: ParseResponse) -> str | None:
    """Return why a job failed, or None.

    Clients take a job that is done for the whole document, so a page that failed fails the job.
    """
    document = response.documents[0]
    errors = [(page.page, page.error) for page in document.pages if page.error]
    if errors and has_pages(response):
        number, error = errors[0]
        return (
            f"{len(errors)} of {len(document.pages)} pages could not be parsed, the first is page {number}"
            f" ({_text(error)}); the other pages are at the address of the result"
        )
    failure = document.error or next((error for _, error in errors), None)
    return _text(failure) if failure else None


def _text(error: ErrorInfo) -> str:
    return f"{error.code}: {error.message}"


def has_pages(response: ParseResponse) -> bool:
    """Return True if a page was parsed."""
    return any(page.status == "succeeded" for document in response.documents for page in document.pages)


def translate(response: ParseResponse, request: JobRequest, settings: Settings) -> JobResult:
    """Return the result of a job whose response has at least one parsed page."""
    document, body = response.documents[0], request.body
    layout = paddlex_response.layout_result(document.pages, body, request.kind, model_settings(body, settings))
    warnings = _warnings(response, translate_options(body, settings).warnings)
    result = JobResult()
    for page, entry in zip(document.pages, layout["layoutParsingResults"], strict=True):
        _detach_pictures(entry, f"page-{page.page}-", result.pictures)
        member = (
            {"layoutParsingResults": [entry]} if request.output == "layout" else {"ocrResults": [_text_entry(entry)]}
        )
        line = {"result": {**member, "dataInfo": layout["dataInfo"], **warnings}}
        result.lines.append(json.dumps(line, allow_nan=False))  # in ASCII: clients split at line breaks of any kind
    return result


def _warnings(response: ParseResponse, about_options: Sequence[PageWarning]) -> Entry:
    """Return warnings about the result: options without effect, and pictures that an endpoint's response left out."""
    warnings = [*about_options, *response.warnings, *response.documents[0].warnings]
    texts = [f"{warning.code}: {warning.message}" for warning in warnings]
    texts += [f"the response was too large for the endpoint and lacks: {part}" for part in response.degraded]
    return {"warnings": texts} if texts else {}


def _detach_pictures(entry: Entry, prefix: str, pictures: dict[str, bytes]) -> None:
    """Move the pictures of an entry to `pictures`, and leave their names."""

    def move(name: str, data: str) -> str:
        picture = prefix + _UNSAFE_CHARACTERS.sub("-", name.rpartition("/")[2].removesuffix(".jpg")) + ".jpg"
        pictures[picture] = base64.b64decode(data)
        return picture

    for images in _picture_tables(entry):
        for name, data in images.items():
            images[name] = move(name, data)
    if "inputImage" in entry:
        entry["inputImage"] = move("input", entry["inputImage"])


def with_addresses(line: str, address: Callable[[str], str]) -> str:
    """Return a line with the address of each picture in place of its name. address: of a picture by its name."""
    content = json.loads(line)
    result = content["result"]
    for entry in (*result.get("layoutParsingResults", ()), *result.get("ocrResults", ())):
        for images in _picture_tables(entry):
            for key, name in images.items():
                images[key] = address(name)
        for key in ("inputImage", "ocrImage"):
            if entry.get(key):
                entry[key] = address(entry[key])
    return json.dumps(content)


def _picture_tables(entry: Entry) -> list[dict[str, str]]:
    """Return the objects of an entry whose values are pictures."""
    tables = (entry.get("markdown", {}).get("images"), entry.get("outputImages"))
    return [table for table in tables if table]


# --------------------------------------------------------------------------- models that read text


def _text_entry(entry: Entry) -> Entry:
    """Return the entry of `ocrResults`: the text of each block with its box."""
    blocks = [block for block in entry["prunedResult"]["parsing_res_list"] if _plain_text(block)]
    boxes = [block["block_bbox"] for block in blocks]
    polygons = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in boxes]
    pruned_result = {
        "model_settings": {"use_doc_preprocessor": False, "use_textline_orientation": False},
        "dt_polys": polygons,
        "rec_texts": [_plain_text(block) for block in blocks],
        "rec_scores": [_SCORE] * len(blocks),
        "rec_polys": polygons,
        "rec_boxes": boxes,
    }
    members = {
        "ocrImage": entry.get("outputImages", {}).get("layout_det_res"),
        "inputImage": entry.get("inputImage"),
        "errorCode": entry.get("errorCode"),
        "errorMsg": entry.get("errorMsg"),
    }
    return {"prunedResult": pruned_result, **{name: value for name, value in members.items() if value is not None}}


def _plain_text(block: Mapping[str, Any]) -> str:
    """Return a block's text: the cells of a table row by row, and no references to pictures."""
    text: str = block["block_content"]
    if block["block_label"] == "table":
        text = _TAG.sub("", _CELL_END.sub("\t", _ROW_END.sub("\n", text)))
        return "\n".join(row.strip().replace("\t", " ") for row in text.splitlines() if row.strip())
    return "" if "<img" in text else text.strip()
