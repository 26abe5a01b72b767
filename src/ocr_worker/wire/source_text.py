"""Tell what the text of a source is, and decode the bytes in it: one reader for every field that can hold a file.

People send base64 as their tools write it: behind a `data:` prefix, wrapped in lines, percent-encoded, in the URL-safe
alphabet, without padding, or as Python's `b'...'`. All of these are the same bytes. `is_url` and `is_data_uri` tell
what a text is, `decode` reads base64 and data URIs, and `find_problem` says what is wrong with a text that is none of
these. Downloads are not made here (`sources.fetch`). Messages are predicates without a subject, and never repeat the
text: it may be secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote, unquote_to_bytes, urlsplit

_BLANKS = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\u00a0\u200b\ufeff"  # the last two: zero-width space, byte order mark
_BLANK_CHARACTERS = re.compile(r"[\s\u200b\ufeff]+")
_BLANK_BYTES = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_OPENING_QUOTE = re.compile(r"b?(['\"])")
_ESCAPED_BLANKS = re.compile(r"\\[nrt]")  # line ends in the text of a Python `bytes`, or in JSON that was encoded twice
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

_MAX_PATH_CHARACTERS = 1024
_PATH_START = re.compile(r"file:|~?[/\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\]", re.IGNORECASE)
_FILE_NAME = re.compile(r"[^\n]*\.[A-Za-z0-9]{2,5}")
_JPEG_START = "/9j/"  # of every JPEG in base64, which otherwise looks like a path

_PATH_MESSAGE = (
    "looks like a path on the caller's disk, which the worker cannot see; send the file's bytes as `base64`, or a URL,"
    " which begins with https://"
)


def clean(text: str) -> str:
    """Return the text without white space and quotes around it, and without percent-encoding of the whole."""
    text = text.strip(_BLANKS)
    if opening := _OPENING_QUOTE.match(text):
        text = text[opening.end() :].removesuffix(opening[1]).strip(_BLANKS)
    return unquote(text) if re.match(r"(data|https?)%3a", text[:8], re.IGNORECASE) else text


def is_url(text: str) -> bool:
    """Return whether a cleaned text is a URL with any scheme but `data:`."""
    return bool(_URL.match(text))


def is_data_uri(text: str) -> bool:
    """Return whether a cleaned text is a `data:` URI."""
    return text[:5].lower() == "data:"


def decode(text: str) -> bytes:
    """Return the bytes in a cleaned text: base64, or a `data:` URI. Raises ValueError, with the problem as message."""
    if is_data_uri(text):
        head, comma, body = text.partition(",")
        if not comma:
            raise ValueError('has no comma in its data: URI; write it like "data:application/pdf;base64,JVBERi0..."')
        if not _is_base64(head):
            return _unquote_bytes(body)
        text = body
    elif _is_path(text):
        raise ValueError(_PATH_MESSAGE)
    try:  # on bytes, which is five times as fast as on text; holding the interpreter lock blocks all threads
        packed = _pack(text)
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not valid base64, a data: URI or an http(s) URL") from None


def decode_start(text: str, count: int) -> bytes:
    """Return up to `count` first bytes in a text, or none if it cannot be decoded. Reads only the start of the text."""
    head = clean(text[: 8 * count])
    if is_data_uri(head):
        head, _, body = head.partition(",")
        if not _is_base64(head):
            return _unquote_bytes(body)[:count]
        head = body
    try:
        packed = _pack(head)[: count // 3 * 4]
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except (binascii.Error, ValueError):
        return b""


def find_problem(*, url: str | None, base64: str | None) -> str | None:
    """Return what is wrong with the text of a source, or None. Makes no request.

    url, base64: the fields of a document, of which one is given. base64 is decoded to find out.
    """
    text = clean(url or base64 or "")
    if is_data_uri(text) or (url is None and not is_url(text)):
        try:
            decode(text)
        except ValueError as error:
            return str(error)
        return None
    return find_url_problem(text)


def find_url_problem(text: str) -> str | None:
    """Return why a cleaned text cannot be downloaded, as far as the text shows it, or None."""
    if _is_path(text):
        return _PATH_MESSAGE
    if not is_url(text):
        return "is not a URL; write it like https://example.com/a.pdf, or send base64 as `base64`"
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a valid URL; check its host and port"
    if parts.scheme.lower() not in ("http", "https"):
        return f"is a URL of the scheme {parts.scheme.lower()}; use http or https"
    return None if hostname else "is a URL without a host; write it like https://example.com/a.pdf"


def _unquote_bytes(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "replace"))  # JSON can contain half of a surrogate pair


def _is_base64(head: str) -> bool:
    return head.replace(" ", "").lower().endswith(";base64")


def _is_path(text: str) -> bool:
    if len(text) > _MAX_PATH_CHARACTERS or text.startswith(_JPEG_START):
        return False
    return bool(_PATH_START.match(text) or (not is_url(text) and _FILE_NAME.fullmatch(text)))


def _pack(text: str) -> bytes:
    """Return base64 in the standard alphabet, without white space and padding. Raises ValueError if it is not ASCII."""
    if "%" in text:
        text = unquote(text)
    if "\\" in text:
        text = _ESCAPED_BLANKS.sub("", text).replace("\\/", "/")
    if not text.isascii():
        text = _BLANK_CHARACTERS.sub("", text)
    return text.encode("ascii").translate(_URL_SAFE_TO_STANDARD, _BLANK_BYTES).rstrip(b"=")
