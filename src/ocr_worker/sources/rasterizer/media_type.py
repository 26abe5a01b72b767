"""Detection of a file's media type from its first bytes.

File names and declared types are not used: both come from strangers and are often wrong.
"""

from __future__ import annotations

import re

from ocr_worker.errors import Corrupt, UnsupportedType

PDF = "application/pdf"
HEAD_BYTES = 4096  # the first bytes of a file, which decide its type
PDF_HEADER_WITHIN = 1024  # PDF readers accept so many bytes of junk before the header

_SIGNATURES = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
]
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
}
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL)


def detect_media_type(data: bytes) -> str:
    """Return the media type of the file, of which `data` has at least the first `HEAD_BYTES`.

    Raises Corrupt when the file is empty, UnsupportedType when it is neither a PDF nor one of the image types.
    """
    if not data:
        raise Corrupt("the document is empty (0 bytes)")
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return _BRANDS[data[8:12]]
    if b"%PDF-" in data[: PDF_HEADER_WITHIN + 5]:
        return PDF
    if _HTML.match(data[:HEAD_BYTES]):
        raise UnsupportedType(
            "the document is an HTML page, often a login or error page; send the URL of the file itself"
        )
    raise UnsupportedType(
        "the document is not a PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, HEIC or AVIF file; convert it first"
    )
