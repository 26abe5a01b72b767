"""Metadata of image files: which frames of a file are pages, its resolution, and its comments, which are dropped.

Runs only in a rasterizer process. Damaged or oversized metadata is no damage of the image, as in a browser or a viewer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT_CHUNKS = {b"tRNS", b"pHYs", b"eXIf", b"acTL"}  # transparency, resolution, orientation, number of frames
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255  # tags of TIFF
_REDUCED, _MASK = 1, 4  # bits of the first
_OLD_REDUCED = 2  # value of the second


def without_comments(png: bytes) -> bytes:
    """Return the PNG without the chunks that are not needed to show it, and without damaged ones that are not critical.

    Readers must show an image whose ancillary chunks are damaged (PNG specification, 13.2); Pillow does not.
    """
    return _PNG_SIGNATURE + b"".join(_needed_chunks(png))


def _needed_chunks(png: bytes) -> Iterator[bytes]:
    start = len(_PNG_SIGNATURE)
    while start + 8 <= len(png):
        size, name = struct.unpack_from(">I4s", png, start)
        end = start + 12 + size
        is_ancillary = bool(name[0] & 0x20)  # its first letter is lower case
        if not is_ancillary or (name in _KEPT_CHUNKS and _is_intact(png, start, size)):
            yield png[start:end]
        start = end


def _is_intact(png: bytes, start: int, size: int) -> bool:
    """Return whether the chunk's checksum, over its name and data, is right."""
    return zlib.crc32(png[start + 4 : start + 8 + size]).to_bytes(4, "big") == png[start + 8 + size : start + 12 + size]


def page_frames(image: Image.Image, frame_count: int) -> list[int]:
    """Return the frames of a TIFF that are pages: not thumbnails, reduced copies or masks of others."""
    frames = [frame for frame in range(frame_count) if _is_page(image, frame)]
    image.seek(0)
    return frames or list(range(frame_count))


def _is_page(image: Image.Image, frame: int) -> bool:
    try:
        image.seek(frame)
        tags = image.tag_v2  # type: ignore[attr-defined]
        kind, old_kind = int(tags.get(_SUBFILE_TYPE, 0)), int(tags.get(_OLD_SUBFILE_TYPE, 0))
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError):
        return True  # a damaged page is still a page
    return not kind & (_REDUCED | _MASK) and old_kind != _OLD_REDUCED


def read_dpi(image: Image.Image) -> float | None:
    """Return the resolution that the file states; None when it is outside 50 to 2400 dpi, implausible for a page."""
    try:
        dpi = float(image.info["dpi"][0])
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return round(dpi, 2) if 50 <= dpi <= 2400 else None
