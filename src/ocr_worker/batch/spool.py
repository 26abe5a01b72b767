"""Entries of the inputs in a temporary file: all of them are checked before the first is added, however many there are.

Passwords stay in memory: a `Spool` writes none into its file.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ocr_worker.batch.inputs import Entry, Item, SkippedEntry

_MEMORY_BYTES = 16_000_000  # of entries that are kept without a file


class Spool:
    """The entries that `entries` yields, which can be read several times.

    item_count, skipped_count: number of documents and of skipped entries.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.item_count = self.skipped_count = 0
        self._passwords: dict[str, str] = {}
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  (lives as long as the spool)
        for entry in entries:
            self._write(entry)

    def _write(self, entry: Entry) -> None:
        if isinstance(entry, SkippedEntry):
            self.skipped_count += 1
        else:
            self.item_count += 1
            if entry.password is not None:
                self._passwords[entry.source] = entry.password
                entry = replace(entry, password=None)
        pickle.dump(entry, self._file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in their order. Only one iteration at a time is possible."""
        self._file.seek(0)
        for _ in range(self.item_count + self.skipped_count):
            entry: Entry = pickle.load(self._file)
            if isinstance(entry, Item) and entry.source in self._passwords:
                entry = replace(entry, password=self._passwords[entry.source])
            yield entry

    def items(self) -> Iterator[Item]:
        """Yield the documents."""
        return (entry for entry in self if isinstance(entry, Item))

    def skipped(self) -> Iterator[SkippedEntry]:
        """Yield the skipped entries."""
        return (entry for entry in self if isinstance(entry, SkippedEntry))
