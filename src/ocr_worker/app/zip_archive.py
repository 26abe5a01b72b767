"""Write a response as a zip: a folder for each document, and `response.json` with status, coverage and errors.

A document's folder is what the batch client writes: `document.md`, `document.json`, and its figures. A document that
failed has a folder, too. Names come from callers and engines, and are reduced to safe ones (`wire.document_files`).
"""

from __future__ import annotations

import io
import json
import zipfile

from ocr_worker.wire import response
from ocr_worker.wire.document_files import document_files, folder_names
from ocr_worker.wire.schema import ParseResponse

RESPONSE = "response.json"
_COMPRESSED_SUFFIXES = (".jpg", ".jpeg", ".png")


def zip_archive(parse_response: ParseResponse) -> bytes:
    """Return the response as the bytes of a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        summary = response.without_pages(parse_response).model_dump(mode="json", exclude_none=True)
        archive.writestr(RESPONSE, json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
        documents = parse_response.documents
        for folder, document in zip(folder_names([entry.id for entry in documents]), documents, strict=True):
            for name, content in dict(document_files(document)).items():
                is_compressed = name.lower().endswith(_COMPRESSED_SUFFIXES)
                method = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
                archive.writestr(f"{folder}/{name}", content, method)
    return buffer.getvalue()
