"""The Parquet files of a batch in its ledger: which of them has the rows of which document."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ocr_worker.batch.ledger.columns import placeholders
from ocr_worker.batch.ledger.documents import Documents
from ocr_worker.batch.model import Shard


class ShardRows(Documents):
    """The shards of a batch. Every method can raise BatchUnusable, as `transaction` does."""

    def shards(self) -> Iterator[Shard]:
        """Yield all shards."""
        for row in self._rows("SELECT id, row_count, sha256 FROM shards ORDER BY id"):
            yield Shard(*row)

    def next_shard(self) -> int:
        """Return the number of the next new shard."""
        return int(self._query("SELECT COALESCE(MAX(id), 0) + 1 FROM shards")[0][0])

    def record_shard(self, shard: Shard, documents: Collection[int]) -> None:
        """Record that a shard was written. documents: ids of those whose rows were added to it."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", shard)
            rows = [(shard.number, document) for document in documents]
            self._db.executemany("UPDATE documents SET shard = ? WHERE id = ?", rows)

    def documents_of_shard(self, shard: int) -> dict[str, int]:
        """Return name -> id of the documents whose rows are in a shard."""
        statuses = ("succeeded", "partial")
        sql = f"SELECT name, id FROM documents WHERE shard = ? AND status IN ({placeholders(statuses)})"
        return dict(self._query(sql, shard, *statuses))
