"""Texts of sources: base64 and data URIs as tools write them, URLs, paths, and what is none of these."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.wire import source_text

DATA = bytes(range(256)) * 3 + b"x"

WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "unpadded": lambda text: text.rstrip("="),
    "wrapped": lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    "URL-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "data URI": lambda text: f"data:image/png;base64,{text}",
    "data URI in capitals": lambda text: f"DATA:IMAGE/PNG;BASE64,{text}",
    "data URI with a parameter": lambda text: f"data:application/pdf;name=a.pdf; base64,{text}",
    "data URI in quotes": lambda text: f'"data:image/png;base64,{text}"',
    "data URI, percent-encoded": lambda text: quote(f"data:image/png;base64,{text}", safe=""),
    "percent-encoded": lambda text: quote(text, safe=""),
    "data URI whose base64 is percent-encoded": lambda text: "data:;base64," + quote(text, safe=""),
    "bytes of Python": lambda text: repr(text.encode()),
    "wrapped bytes of Python": lambda text: repr(base64.encodebytes(DATA)),
    "quotes": lambda text: f" '{text}' ",
    "slashes escaped": lambda text: text.replace("/", "\\/"),
    "zero-width spaces": lambda text: f"\ufeff{text[:9]}\u200b{text[9:]}",
}


@pytest.mark.parametrize("name", WRITINGS)
def test_every_writing_is_the_same_bytes(name: str) -> None:
    """Prefixes, quotes, escapes, white space, padding and alphabets change nothing."""
    text = WRITINGS[name](base64.b64encode(DATA).decode())
    assert source_text.decode(source_text.clean(text)) == DATA
    assert source_text.decode_start(text, 30) == DATA[:30]
    assert source_text.decode_start(text, 3000) == DATA
    assert source_text.find_problem(url=None, base64=text) is None


def test_data_uris_without_base64_are_read() -> None:
    """A data URI can hold percent-encoded bytes."""
    assert source_text.decode("data:,a%20b%ff") == b"a b\xff"


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/a.pdf",
        "/home/me/scans",
        "~/a.pdf",
        "./a",
        "../scans/a.png",
        "C:\\scans\\a.pdf",
        "c:/scans/a.pdf",
        "\\\\server\\share\\a.pdf",
        "file:///home/me/a.pdf",
        "FILE:/home/me/a.pdf",
        "a report.pdf",
        "example.com/a.pdf",
    ],
)
def test_the_message_for_a_path_says_so(text: str) -> None:
    """The message for a path, in either field, says that the worker cannot see the caller's disk."""
    for problem in (source_text.find_problem(url=text, base64=None), source_text.find_problem(url=None, base64=text)):
        assert problem is not None
        assert problem.startswith("looks like a path on the caller's disk, which the worker cannot see; send")


def test_a_jpeg_is_no_path() -> None:
    """The base64 of every JPEG begins with a slash."""
    data = b"\xff\xd8\xff\xe0" + b"\xff" * 50
    assert source_text.decode(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://user:s3cr3t@example.com/a", "is a URL of the scheme ftp; use http or https"),
        ("S3://bucket/key", "is a URL of the scheme s3; use http or https"),
        ("aGVsbG8=", "is not a URL; write it like https://example.com/a.pdf, or send base64 as `base64`"),
        ("https://", "is a URL without a host"),
        ("http://[::1", "is not a valid URL; check its host and port"),
        ("http://a.b:99999/", "is not a valid URL; check its host and port"),
        ("data:image/png;base64", "has no comma in its data: URI"),
        ("data:image/png;base64,?", "is not valid base64"),
    ],
)
def test_the_message_for_a_bad_url_says_why(url: str, problem: str) -> None:
    """Problems that show in the text are found without a request, and no message holds the text."""
    message = source_text.find_problem(url=url, base64=None)
    assert message is not None
    assert message.startswith(problem)
    assert "s3cr3t" not in message


@pytest.mark.parametrize(
    "url", ["https://example.com/a.pdf?b=c", "HTTP://example.com", "data:,x", "https%3A%2F%2Fa.b%2Fc"]
)
def test_good_urls_have_no_problem(url: str) -> None:
    """A URL that can be downloaded or decoded has no problem."""
    assert source_text.find_problem(url=url, base64=None) is None


@given(st.text(max_size=40) | st.text(st.sampled_from("data:;,base64%/+=-_'\"\\nAb "), max_size=40))
def test_any_text_is_bytes_or_a_problem(text: str) -> None:
    """No text makes the reader fail in another way."""
    for fields in ({"url": text, "base64": None}, {"url": None, "base64": text}):
        problem = source_text.find_problem(**fields)
        assert problem is None or problem
    source_text.decode_start(text, 8)
