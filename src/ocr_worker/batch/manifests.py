"""Manifests: text files that list documents, one per line, as a JSON object, a URL, a path, or a glob.

`decode` returns the text of a manifest in any usual encoding. `is_manifest` recognizes a manifest by its first line,
for files without one of `MANIFEST_SUFFIXES`. `read_line` validates a JSON line. `inputs` turns lines into documents.
"""

from __future__ import annotations

import codecs
import io
import json
import os
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError, model_validator

from ocr_worker.batch.walking import read_head
from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.request import collect_problems
from ocr_worker.wire.schema import NonEmpty, PageRanges, WireModel

MANIFEST_SUFFIXES = (".jsonl", ".ndjson")
BUCKET_SCHEME = "s3://"
NO_MANIFEST = "text, but no manifest, which has a JSON object, URL or path per line"
_MARKS = (  # the longer first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES = 65_536  # of a file, in which its first line is searched


def _name(value: Any) -> str | None:
    """Return a name, which may hold bytes that are not UTF-8, as the surrogates of `os.fsdecode`. Raises ValueError."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("should be a string that is not empty")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise ValueError("has characters that are not Unicode") from None
    return value


Name = Annotated[str | None, PlainValidator(_name)]


class ManifestLine(WireModel):
    """A line of a manifest: what a request can say of a document. A relative `path` starts at the manifest's folder."""

    id: Name = None
    url: NonEmpty | None = None
    path: Name = None
    pages: PageRanges | None = None
    password: str | None = Field(None, repr=False)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> ManifestLine:
        if (self.url is None) == (self.path is None):
            raise ValueError("needs exactly one of `url` and `path`")
        if self.url is not None and not is_url(self.url):
            raise ValueError("`url` should begin with http://, https:// or s3://BUCKET/; a file has a `path`")
        return self


def is_url(text: str) -> bool:
    """Return whether the text is an http(s) URL, or that of an object in a bucket."""
    if text.startswith(BUCKET_SCHEME):
        bucket, key = split_bucket_url(text)
        return bool(bucket and key) and not key.endswith("/")
    return text.startswith(("http://", "https://"))


def split_bucket_url(url: str) -> tuple[str, str]:
    """Return the bucket and the key, or prefix, of an `s3://` URL. It may have any character, such as `?`."""
    bucket, _, key = url.removeprefix(BUCKET_SCHEME).partition("/")
    return bucket, key


def decode(data: bytes) -> str:
    """Return the text of a manifest: UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    Bytes that are not UTF-8 become surrogates, as in the paths of `os`. Raises InvalidRequest: it is not text.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding, errors="surrogateescape" if "8" in encoding else "strict")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidRequest("it is not text; save it as UTF-8")
    return text


def split_lines(text: str) -> list[str]:
    """Return the lines of a manifest. JSON strings may contain the other line breaks of Unicode."""
    return list(io.StringIO(text, newline=None))


def is_manifest(path: str) -> bool:
    """Return whether the first line of a text file is a JSON object, a URL, or a path that exists."""
    line = first_line(path)
    return line.startswith("{") or is_url(line) or bool(line and os.path.exists(_join(path, line)))


def _join(manifest: str, line: str) -> str:
    return os.path.join(os.path.dirname(manifest), line)


def is_text(path: str) -> bool:
    """Return whether the file is text that is not empty."""
    return bool(first_line(path))


def first_line(path: str) -> str:
    """Return the first line of a text file that is not blank; an empty text if there is none, or it is not text."""
    head = read_head(path, _HEAD_BYTES)
    try:
        text = decode(head)
    except InvalidRequest:
        return ""
    return next((line.strip() for line in split_lines(text) if line.strip()), "")


def read_line(text: str) -> ManifestLine:
    """Return the line that a JSON object describes. Raises InvalidRequest, which lists every problem, but no value."""
    try:
        line = ManifestLine.model_validate(json.loads(text))
        json.dumps([line.options, line.password], ensure_ascii=False).encode()
    except ValidationError as error:
        problems = collect_problems(error, (), ManifestLine)
        raise InvalidRequest(
            "; ".join(f"{'.'.join(map(str, path))} {message}".strip() for path, message in problems)
        ) from None
    except UnicodeEncodeError:
        raise InvalidRequest("`options` or `password` has characters that are not Unicode") from None
    except (ValueError, RecursionError):
        raise InvalidRequest("not valid JSON; a manifest has one JSON object per line") from None
    return line
