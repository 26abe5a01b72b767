"""Names of objects from ids that strangers chose."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.delivery.keys import checkpoint_folder, page_key, page_number, response_key, safe_name

NASTY = ["../../etc/passwd", "a/b", "..", ".", "", "Ä ö/\n\x00", "x" * 300, "a b", "a-b", "日本語", "😀" * 80]


def test_nasty_ids_make_safe_steps() -> None:
    """Slashes, dots, control characters, foreign letters and length cannot leave a key's own step."""
    for name in NASTY:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,73}", safe_name(name)), name
    assert len({safe_name(name) for name in NASTY}) == len(NASTY)


@given(st.text(max_size=400), st.text(max_size=400))
def test_different_ids_stay_different(first: str, second: str) -> None:
    """Two ids never share a step, and every step is safe."""
    assert (safe_name(first) == safe_name(second)) is (first == second)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,73}", safe_name(first))


def test_keys_have_their_steps() -> None:
    """A response's key contains its job, a page's key contains idempotency key, document, identity and page number."""
    assert response_key("job-1") == "ocr-worker/answers/job-1/answer.json"
    folder = checkpoint_folder("batch", "report", "0123")
    assert folder == "ocr-worker/checkpoints/batch/report/0123/"
    assert page_number(page_key(folder, 12)) == 12
    assert page_number(folder + "page-x.json") is None
