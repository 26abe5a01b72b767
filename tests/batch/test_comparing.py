"""The comparison of two batches: pages that changed, came and went, and documents without a result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.comparing import DocumentChange, compare_batches, compare_pages
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.model import Stamp
from ocr_worker.cli import main
from ocr_worker.wire.schema import DocumentResult


def pages(text: str) -> list[tuple[int, str]]:
    """Return a page for each letter."""
    return list(enumerate(text, start=1))


@pytest.mark.parametrize(
    ("old", "new", "changed", "added", "removed"),
    [
        ("abc", "aXc", [2], [], []),
        ("abc", "Xabc", [], [1], []),
        ("abc", "ac", [], [], [2]),
        ("abcd", "aXYZd", [2, 3], [4], []),
        ("abcd", "Xd", [1], [], [2, 3]),
        ("aaab", "aab", [], [], [1]),
    ],
)
def test_pages_are_aligned(
    old: str, new: str, changed: Sequence[int], added: Sequence[int], removed: Sequence[int]
) -> None:
    """A page that was inserted or removed changes no other page."""
    change = compare_pages("a", pages(old), pages(new))
    assert change == DocumentChange("a", "changed", list(changed), list(added), list(removed))


def batch_of(out: Path, **texts: str | None) -> Batch:
    """Return a batch with a document for each text, a page per letter; None: it failed."""
    batch = Batch(out)
    batch.open_read_only()
    batch.add(Item(f"/in/{name}", name) for name in texts)
    for number, (name, text) in enumerate(texts.items(), start=1):
        entries = [{"page": page, "status": "succeeded", "markdown": letter} for page, letter in pages(text or "")]
        if text:
            batch.ledger.record_length(number, Stamp(1, 1, f"sha of {text}"), len(text), len(text))
            batch.folder.put_document(name, DocumentResult.read({"id": name, "status": "succeeded", "pages": entries}))
        status = "succeeded" if text else "failed"
        batch.ledger.record_result(number, status, error=None, codes={}, files={}, seconds=0)
    return batch


def test_batches_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Documents are matched by name; what neither batch changed is not mentioned; the command prints all changes."""
    old = batch_of(tmp_path / "old", same="abc", edited="abc", gone="a", broken="a")
    new = batch_of(tmp_path / "new", edited="abXYZ", same="abc", fresh="a", broken=None)
    expected = [
        DocumentChange("edited", "changed", [3], [4, 5]),
        DocumentChange("fresh", "new"),
        DocumentChange("broken", "not parsed"),
        DocumentChange("gone", "missing"),
    ]
    assert list(compare_batches(old, new)) == expected
    assert str(expected[0]) == "edited: changed: page 3 changed, pages 4-5 added"
    assert main(["batch", "diff", str(tmp_path / "old"), str(tmp_path / "new"), "--json"]) == 1
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == [
        "edited",
        "fresh",
        "broken",
        "gone",
    ]
    assert main(["batch", "diff", str(tmp_path / "old"), str(tmp_path / "old")]) == 0
    assert capsys.readouterr().out == "no page changed\n"
