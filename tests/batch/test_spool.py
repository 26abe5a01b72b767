"""The spool: all entries twice, in their order, and no password in its file."""

from __future__ import annotations

from ocr_worker.batch.inputs import Item, SkippedEntry
from ocr_worker.batch.spool import Spool


def test_entries_come_again_and_passwords_stay_in_memory() -> None:
    """Two readings yield what was put in; the file has no password."""
    entries = [
        Item("/in/a.pdf", "a.pdf", "1-3", {"dpi": 100}, "secret-word", "/in/list.jsonl"),
        SkippedEntry("/in/caf\udce9", "hidden"),
        Item("https://example.com/b.pdf", "b.pdf"),
    ]
    spool = Spool(iter(entries))
    assert (spool.item_count, spool.skipped_count) == (2, 1)
    for _ in range(2):
        assert list(spool) == entries
    spool._file.seek(0)
    assert b"secret-word" not in spool._file.read()
