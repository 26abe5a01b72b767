"""Signed tokens: only who has the key can make or change them."""

from __future__ import annotations

import base64
import zlib

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ocr_worker.app.jobs.tokens import Tokens

CONTENT = {"id": "abc", "model": "PaddleOCR-VL", "options": {"visualize": True}}
TOKENS = Tokens(SecretStr("k" * 16))


def test_a_token_is_read_under_the_same_key() -> None:
    """Another process with the same key reads a token; another key or purpose does not."""
    token = TOKENS.sign("job", CONTENT)
    assert Tokens(SecretStr("k" * 16)).read("job", token) == CONTENT
    assert Tokens(SecretStr("x" * 16)).read("job", token) is None
    assert TOKENS.read("result", token) is None


@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_a_changed_token_is_nothing(place: int, character: str) -> None:
    """No character of a token can be replaced."""
    token = TOKENS.sign("job", CONTENT)
    changed = token[: place % len(token)] + character + token[place % len(token) + 1 :]
    assert TOKENS.read("job", changed) == (CONTENT if changed == token else None)


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    """Text of strangers is no token, and never an exception."""
    assert TOKENS.read("job", text) is None


def test_a_token_without_signature_is_nothing() -> None:
    """The content alone is not enough."""
    text = base64.urlsafe_b64encode(zlib.compress(b"{}")).decode().rstrip("=")
    assert TOKENS.read("job", text) is None
    assert TOKENS.read("job", f"{text}.") is None
