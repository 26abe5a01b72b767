"""Decode the bodies of HTTP responses that are compressed with gzip or deflate, in pieces of bounded size.

The decoders of httpx decompress everything that one read brings, and follow a list of encodings: a few kilobytes could
become gigabytes before anybody counts them. These pieces are counted one by one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

ACCEPTED = "gzip, deflate"  # for the header Accept-Encoding

_PIECE_BYTES = 1 << 20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS  # deflate without zlib's header, which some servers send


class EncodingUnknown(Exception):
    """A content encoding other than gzip and deflate, or several of them."""


class BodyCorrupt(Exception):
    """A compressed body that is damaged or incomplete."""


def decoded(parts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the body in pieces of at most 1 MB. encoding: the value of the header Content-Encoding.

    Raises EncodingUnknown, BodyCorrupt.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        yield from parts
        return
    if names not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise EncodingUnknown(encoding)
    try:
        yield from _inflated(parts)
    except zlib.error as error:
        raise BodyCorrupt from error


def _inflated(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what the members of a compressed body hold. What follows the last member is ignored, as browsers do."""
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    is_first = True  # the first bytes, which say whether there is a header
    has_member = False
    for part in parts:
        while part:
            if decoder.eof:
                decoder, has_member = zlib.decompressobj(_GZIP_OR_ZLIB), True
            try:
                piece = decoder.decompress(part, _PIECE_BYTES)
            except zlib.error:
                if has_member:
                    return
                if not is_first:
                    raise
                decoder = zlib.decompressobj(_RAW)
                piece = decoder.decompress(part, _PIECE_BYTES)
            is_first = False
            yield piece
            part = decoder.unconsumed_tail or decoder.unused_data
    while piece := decoder.decompress(b"", _PIECE_BYTES):
        yield piece
    if not decoder.eof and not has_member:
        raise zlib.error("the end is missing")
