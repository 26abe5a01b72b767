"""TrueType fonts in PDFs that tests write: complete, with or without tables of characters, honest or not."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import ImageFont

_FULL = 1000  # thousandths of an em, in which PDFs count widths


class Face:
    """A font of this machine, such as "DejaVuSans.ttf", for characters of the basic plane."""

    def __init__(self, name: str) -> None:
        font = ImageFont.truetype(name, _FULL, layout_engine=ImageFont.Layout.BASIC)
        self._font = font
        self.data = Path(str(font.path)).read_bytes()
        self.glyphs = _glyphs(self.data)

    @functools.cache  # noqa: B019 (the few faces are kept anyway)
    def width(self, character: str) -> float:
        """Return the width of a character in ems."""
        return self._font.getlength(character) / _FULL

    def length(self, text: str) -> float:
        """Return the width of a text in ems."""
        return sum(map(self.width, text))

    def codes(self, text: str) -> str:
        """Return the string operand that sets the text."""
        return "<" + "".join(f"{self.glyphs[character]:04x}" for character in text) + ">"

    def file(self, has_table: bool) -> bytes:
        """Return the font's file; has_table: with its tables of characters and names, which many programs leave out."""
        return self.data if has_table else self.data.replace(b"cmap", b"xmap", 1).replace(b"post", b"xost", 1)


@functools.cache
def face(name: str) -> Face:
    """Return a font by the name of its file."""
    return Face(name)


def _glyphs(data: bytes) -> dict[str, int]:
    """Return the numbers of the glyphs, from the subtable of format 4 of the font's `cmap`."""
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)}
    start = tables[b"cmap"]
    subtables = [
        struct.unpack_from(">HHI", data, start + 4 + 8 * i) for i in range(struct.unpack_from(">H", data, start + 2)[0])
    ]
    base = next(start + offset for platform, encoding, offset in subtables if (platform, encoding) == (3, 1))
    segments = struct.unpack_from(">H", data, base + 6)[0] // 2
    ends, starts, deltas, offsets = (base + 14 + 2 * segments * i + (2 if i else 0) for i in range(4))
    glyphs: dict[str, int] = {}
    for i in range(segments):
        last, first, delta, offset = (
            struct.unpack_from(">H", data, at + 2 * i)[0] for at in (ends, starts, deltas, offsets)
        )
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                glyph = struct.unpack_from(">H", data, offsets + 2 * i + offset + 2 * (code - first))[0]
            if glyph or not offset:
                glyphs[chr(code)] = (glyph + delta) & 0xFFFF
    return glyphs


def font_objects(
    name: str,
    number: int,
    characters: Iterable[str],
    *,
    has_table: bool = True,
    claims: Mapping[str, str] | None = None,
) -> list[str | bytes]:
    """Return the five objects of a font, the first of which has this number.

    characters: those that the page sets. claims: by character drawn, the one that the text layer says.
    """
    font = face(name)
    used = sorted(set(characters), key=font.glyphs.__getitem__)
    widths = " ".join(f"{font.glyphs[c]} [{round(_FULL * font.width(c))}]" for c in used)
    texts = "".join(f"<{font.glyphs[c]:04x}> <{(claims or {}).get(c, c).encode('utf-16-be').hex()}>\n" for c in used)
    base = name.removesuffix(".ttf")
    file = zlib.compress(font.file(has_table), 1)
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def "
        f"1 begincodespacerange <0000> <ffff> endcodespacerange {len(used)} beginbfchar\n{texts}endbfchar "
        "endcmap end end"
    ).encode()
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{base} /Encoding /Identity-H "
        f"/DescendantFonts [{number + 1} 0 R] /ToUnicode {number + 4} 0 R >>",
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{base} /CIDToGIDMap /Identity "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/FontDescriptor {number + 2} 0 R /W [{widths}] >>",
        f"<< /Type /FontDescriptor /FontName /{base} /Flags 4 /FontBBox [-200 -300 1200 1000] /ItalicAngle 0 "
        f"/Ascent 928 /Descent -236 /CapHeight 729 /StemV 80 /FontFile2 {number + 3} 0 R >>",
        f"<< /Length {len(file)} /Filter /FlateDecode >>\nstream\n".encode() + file + b"\nendstream",
        f"<< /Length {len(to_unicode)} >>\nstream\n".encode() + to_unicode + b"\nendstream",
    ]
