"""The passwords of a batch's documents. They live in memory only: a ledger, a report and a log never have one.

A password belongs to a source, whichever pages of it are parsed. A run that continues a batch gets it again from the
manifest or the command line.
"""

from __future__ import annotations

from collections.abc import Iterable

from ocr_worker.batch.inputs import Item


class Passwords:
    """Passwords by source. default: password of all other sources; None: they are not encrypted."""

    def __init__(self, default: str | None = None) -> None:
        self._default = default
        self._by_source: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Passwords of {len(self._by_source)} sources>"

    def add(self, items: Iterable[Item]) -> None:
        """Add the passwords of these items."""
        self._by_source |= {item.source: item.password for item in items if item.password is not None}

    def of(self, source: str) -> str | None:
        """Return the password of a source."""
        return self._by_source.get(source, self._default)
