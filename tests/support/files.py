"""Files to render: ordinary, odd and harmful ones."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ocr_worker.sources.rasterizer import RasterRequest

RED = (220, 0, 0)


def request(
    pages: str | None = None, password: str | None = None, dpi: int = 72, max_pixels: int = 4_000_000, **more: int
) -> RasterRequest:
    from ocr_worker.wire.page_ranges import parse_page_ranges

    ranges = parse_page_ranges(pages) if pages else None
    return RasterRequest(ranges, password, dpi, max_pixels, more.get("max_pages", 20_000), bool(more.get("text_layer")))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


# --------------------------------------------------------------------------- PDF, written by hand


def pdf(objects: Sequence[str | bytes], trailer: str = "") -> bytes:
    """Return a PDF of these objects (the first is the catalog), with a correct cross-reference table."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + (body if isinstance(body, bytes) else body.encode()) + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def stream(content: str) -> bytes:
    data = content.encode()
    return f"<< /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def pages(contents: Sequence[str], box: str = "0 0 200 100", extra: str = "") -> bytes:
    """Return a PDF with one page for each content stream; the font is /F."""
    count = len(contents)
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(count))
    objects: list[str | bytes] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {5 + 2 * index} 0 R {extra} "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        )
        objects.append(stream(content))
    return pdf(objects)


def shifted_pdf(lines: Sequence[str], by: int = 1) -> bytes:
    """Return a page whose font maps each letter to another: it looks right and its copied text is wrong."""
    content = " ".join(text_page(line, 30, 150 - 20 * row) for row, line in enumerate(lines))
    return mapped_pdf(content, {code: code + by for code in range(33, 126)})


def two_fonts_pdf(rows: Sequence[tuple[str, str]], mapping: dict[str, str] | None = None) -> bytes:
    """Return a page with a text and figures in each row, in two fonts; the figures' one maps its letters like this."""
    content = ""
    for row, (text, figures) in enumerate(rows):
        y = 170 - 20 * row
        content += f"BT /G 12 Tf 30 {y} Td ({text}) Tj ET BT /F 12 Tf 300 {y} Td ({figures}) Tj ET "
    return mapped_pdf(content, {ord(drawn): ord(text) for drawn, text in (mapping or {"0": "0"}).items()})


def latin_pdf(text: str) -> bytes:
    """Return a page with one line of characters of WinAnsiEncoding, in a font that maps them to Unicode."""
    escaped = "".join(f"\\{ord(character):03o}" for character in text)
    return mapped_pdf(text_page(escaped, 30, 100), {code: code for code in range(32, 256)})


def mapped_pdf(content: str, mapping: dict[int, int]) -> bytes:
    """Return a page whose font /F maps these codes to Unicode; its font /G is an honest one."""
    characters = "".join(f"<{code:02x}> <{unicode:04x}>\n" for code, unicode in mapping.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Lie def /CMapType 2 def "
        "1 begincodespacerange <00> <ff> endcodespacerange "
        f"{len(mapping)} beginbfchar\n{characters}endbfchar endcmap end end"
    )
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 200] /Contents 5 0 R "
            "/Resources << /Font << /F 3 0 R /G 7 0 R >> >> >>",
            stream(content),
            stream(cmap),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def tall_font_pdf(lines: Sequence[str]) -> bytes:
    """Return a page in a font that declares its letters as high as several lines, as Cambria Math does."""
    widths = " ".join(["556"] * 95)
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            "<< /Type /Font /Subtype /TrueType /BaseFont /Tall /Encoding /WinAnsiEncoding /FontDescriptor 6 0 R "
            f"/FirstChar 32 /LastChar 126 /Widths [{widths}] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 200] /Contents 5 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>",
            stream(" ".join(text_page(line, 30, 150 - 20 * row) for row, line in enumerate(lines))),
            "<< /Type /FontDescriptor /FontName /Tall /Flags 32 /FontBBox [0 -3000 1000 4000] /ItalicAngle 0 "
            "/Ascent 4000 /Descent -3000 /CapHeight 700 /StemV 80 >>",
        ]
    )


def covered_pdf(picture: Image.Image, hidden: Sequence[str]) -> bytes:
    """Return a page of 500 x 200 points with a gray picture over text that differs from the picture."""
    content = " ".join(text_page(line, 30, 150 - 20 * row) for row, line in enumerate(hidden))
    data = picture.convert("L").tobytes()
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 200] /Contents 5 0 R "
            "/Resources << /Font << /F 3 0 R >> /XObject << /I 6 0 R >> >> >>",
            stream(f"{content} q 500 0 0 200 0 0 cm /I Do Q"),
            f"<< /Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /BitsPerComponent 8 "
            f"/ColorSpace /DeviceGray /Length {len(data)} >>\nstream\n".encode()
            + data
            + b"\nendstream",
        ]
    )


def filled(colour: tuple[int, int, int]) -> str:
    """Return a content stream that paints the whole page."""
    return " ".join(f"{value / 255:.3f}" for value in colour) + " rg 0 0 5000 5000 re f"


def text_page(text: str, x: int = 20, y: int = 50) -> str:
    return f"BT /F 12 Tf {x} {y} Td ({text}) Tj ET"


def form_pdf(value: str) -> bytes:
    """Return a form with one field of value `value`; the page is empty, and the field has no appearance stream."""
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /NeedAppearances true "
            "/DR << /Font << /F 5 0 R >> >> /DA (/F 24 Tf 0 g) >> >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Annots [4 0 R] >>",
            "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /F 4 /Rect [10 10 190 90] "
            f"/DA (/F 24 Tf 0 g) /V ({value}) /P 3 0 R >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def encrypted_pdf(password: str) -> bytes:
    """Return a PDF with this password: RC4, 128 bits, revision 3 of the standard handler (ISO 32000-1, 7.6.3)."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(pages([filled(RED)]))))
    writer.encrypt(password, algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


# --------------------------------------------------------------------------- images made to do harm


def huge_png(side: int) -> bytes:
    """Return a few bytes that claim `side` x `side` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def huge_fax(side: int) -> bytes:
    """Return a TIFF of fax bytes that claims `side` x `side` pixels."""
    entries = [(256, 4, side), (257, 4, side), (258, 3, 1), (259, 3, 4), (262, 3, 0), (273, 4, 122), (277, 3, 1)]
    entries += [(278, 4, side), (279, 4, 8)]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return head + body + struct.pack("<I", 0) + b"\0" * 8


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)
