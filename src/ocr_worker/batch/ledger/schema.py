"""The tables of a ledger, version by version, as SQL.

`UPGRADES` has a script for each version, which turns the version before it into its own; a new ledger gets all of them.
Sums over millions of rows take minutes, so version 3 keeps them: triggers add each change of a row to `totals`, in the
same transaction. `busy` has the seconds in which each worker ran jobs, as intervals without overlaps: a trigger merges
each execution into them, and since version 4 others keep the sums over them, too: the display of a run needs them twice
a second. The report still adds up the rows of documents and slices themselves, and compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

_VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL, pages TEXT, options TEXT NOT NULL,
  size INTEGER, mtime_ns INTEGER, sha256 TEXT, page_count INTEGER, expected INTEGER,
  status TEXT NOT NULL DEFAULT 'waiting', planned INTEGER NOT NULL DEFAULT 0,
  code TEXT, message TEXT, files TEXT NOT NULL DEFAULT '{}', seconds REAL NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX document_of_source ON documents (source, COALESCE(pages, ''), options);
CREATE INDEX documents_by_status ON documents (status, planned);
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, options TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'planned', service_id TEXT, pages INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, submissions INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0, execution_s REAL NOT NULL DEFAULT 0, delay_s REAL NOT NULL DEFAULT 0,
  code TEXT, message TEXT);
CREATE INDEX jobs_by_state ON jobs (state, not_before);
CREATE TABLE slices (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, job INTEGER NOT NULL REFERENCES jobs,
  pages TEXT, count INTEGER NOT NULL, cut INTEGER NOT NULL, attempt INTEGER NOT NULL,
  parsed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0);
CREATE INDEX slices_by_job ON slices (job);
CREATE INDEX slices_by_document ON slices (document);
CREATE TABLE faults (
  document INTEGER NOT NULL REFERENCES documents, kind TEXT NOT NULL, code TEXT NOT NULL, pages INTEGER NOT NULL);
CREATE INDEX faults_by_document ON faults (document);
"""
# In `executions`, only those with a known place. The sums stay with the jobs, and what is not there counts in full: the
# executions of an older ledger, and those that an older client adds while a newer one looks at its ledger.
_VERSION_2 = """
CREATE TABLE executions (
  id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs, worker TEXT NOT NULL, ended_at REAL NOT NULL,
  execution_s REAL NOT NULL, delay_s REAL NOT NULL);
CREATE TABLE skipped (source TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""


class _Total(NamedTuple):
    """A kept sum: over the rows of a table, as SQL with `row` for the row. name: by what the sum is split."""

    kind: str
    value: str
    name: str = "''"


_IS_UNKNOWN = "row.expected IS NULL AND row.status = 'waiting'"
_TOTALS = {
    "documents": (
        _Total("document", "1", "row.status"),
        _Total("pages_expected", "COALESCE(row.expected, 0)"),
        _Total("documents_of_unknown_length", f"({_IS_UNKNOWN})"),
    ),
    "slices": (
        _Total("pages_parsed", "row.parsed"),
        _Total("pages_failed", "row.failed"),
        _Total("pages_from_checkpoint", "row.kept"),
    ),
    "jobs": (
        _Total("job", "1", "row.state"),
        _Total("execution_s", "row.execution_s"),
        _Total("delay_s", "row.delay_s"),
        _Total("resubmitted", "MAX(row.submissions - 1, 0)"),
        _Total("executed_pages", "CASE WHEN row.execution_s > 0 THEN row.pages ELSE 0 END"),
    ),
    "faults": (_Total("fault", "MAX(row.pages, 1)", "row.kind || ' ' || row.code"),),
}
_WATCHED_COLUMNS = {  # changes of other columns change no sum
    "documents": "status, expected",
    "slices": "parsed, failed, kept",
    "jobs": "state, execution_s, delay_s, submissions, pages",
    "faults": "kind, code, pages",
}


def _triggers(table: str) -> str:
    """Return the triggers that keep the sums over a table."""

    def add(row: str, sign: str = "") -> str:
        rows = ", ".join(
            f"('{total.kind}', {total.name.replace('row.', row)}, {sign}({total.value.replace('row.', row)}))"
            for total in _TOTALS[table]
        )
        return f"INSERT INTO totals VALUES {rows} ON CONFLICT DO UPDATE SET value = value + excluded.value;"

    return f"""
CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {add("NEW.")} END;
CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {add("OLD.", "-")} END;
CREATE TRIGGER {table}_changed AFTER UPDATE OF {_WATCHED_COLUMNS[table]} ON {table}
BEGIN {add("OLD.", "-")} {add("NEW.")} END;
"""


def _first_sums(table: str) -> str:
    """Return the statements that add up the rows which a table has before its triggers exist."""
    return "".join(
        f"INSERT INTO totals SELECT '{total.kind}', {total.name}, SUM({total.value}) FROM {table} AS row GROUP BY 2;\n"
        for total in _TOTALS[table]
    )


_OVERLAPPING = "worker = NEW.worker AND ended_at >= NEW.ended_at - NEW.execution_s AND started_at <= NEW.ended_at"
# `folder` is NULL for a document whose folder has its name, as all have in an older ledger: none of them ever moves.
_VERSION_3 = f"""
ALTER TABLE documents ADD COLUMN folder TEXT;
CREATE INDEX faults_by_code ON faults (kind, code, document, pages);
CREATE TABLE totals (
  kind TEXT NOT NULL, name TEXT NOT NULL, value NUMERIC NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
{"".join(_first_sums(table) + _triggers(table) for table in _TOTALS)}
CREATE TABLE busy (
  id INTEGER PRIMARY KEY, worker TEXT NOT NULL,
  started_at REAL NOT NULL, ended_at REAL NOT NULL, delay_s REAL NOT NULL);
CREATE INDEX busy_by_worker ON busy (worker, ended_at);
CREATE TRIGGER execution_added AFTER INSERT ON executions BEGIN
  INSERT INTO totals VALUES ('placed_s', '', NEW.execution_s)
    ON CONFLICT DO UPDATE SET value = value + excluded.value;
  INSERT INTO busy (worker, started_at, ended_at, delay_s)
    VALUES (NEW.worker, NEW.ended_at - NEW.execution_s, NEW.ended_at, NEW.delay_s);
  UPDATE busy SET
    (started_at, delay_s) = (SELECT started_at, delay_s FROM busy WHERE {_OVERLAPPING} ORDER BY started_at LIMIT 1),
    ended_at = (SELECT MAX(ended_at) FROM busy WHERE {_OVERLAPPING})
    WHERE id = (SELECT MAX(id) FROM busy);
  DELETE FROM busy WHERE {_OVERLAPPING} AND id < (SELECT MAX(id) FROM busy);
END;
CREATE TABLE earlier_executions AS SELECT * FROM executions;
DELETE FROM executions;
INSERT INTO executions SELECT * FROM earlier_executions ORDER BY id;
DROP TABLE earlier_executions;
"""
# Of documents that were parsed with `verify`. An older ledger has none of them: the option is newer than that version.
_VERSION_4 = """
CREATE TABLE doubts (
  document INTEGER PRIMARY KEY REFERENCES documents, doubt REAL NOT NULL,
  verified INTEGER NOT NULL, unverified INTEGER NOT NULL);
"""


def _gap(end: str, start: str) -> str:
    """Return the seconds between two intervals of a worker, at most the idle timeout; 0 if there is only one."""
    return f"COALESCE(MIN({start} - {end}, {_IDLE_TIMEOUT}), 0)"


def _busy_sums(row: str, sign: str) -> str:
    """Return the statement that adds an interval to the sums, or subtracts it. It is in `busy`, or not any more."""
    previous = f"SELECT ended_at FROM busy WHERE worker = {row}.worker AND ended_at < {row}.started_at"
    next_one = f"SELECT started_at FROM busy WHERE worker = {row}.worker AND ended_at > {row}.ended_at"
    before, after = f"({previous} ORDER BY ended_at DESC LIMIT 1)", f"({next_one} ORDER BY ended_at LIMIT 1)"
    gaps = f"{_gap(before, f'{row}.started_at')} + {_gap(f'{row}.ended_at', after)} - {_gap(before, after)}"
    return (
        f"INSERT INTO totals VALUES ('busy_s', '', {sign}({row}.ended_at - {row}.started_at)),"
        f" ('gaps_s', '', {sign}({gaps})) ON CONFLICT DO UPDATE SET value = value + excluded.value;"
    )


_IDLE_TIMEOUT = "(SELECT CAST(value AS REAL) FROM meta WHERE name = 'idle_timeout_s')"
_START = "NEW.ended_at - NEW.execution_s"
_ALL_GAPS = f"""
SELECT 'gaps_s', '', TOTAL(MIN(gap_s, {_IDLE_TIMEOUT})) FROM (
  SELECT started_at - LAG(ended_at) OVER (PARTITION BY worker ORDER BY ended_at) AS gap_s FROM busy)"""
# `workers` has the start of each worker's first execution, with its delay. `merging` has a row only within a trigger.
# `documents.shard` is the Parquet file with a document's rows: it stays when the document is parsed again.
_VERSION_5 = f"""
CREATE TABLE shards (id INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, sha256 TEXT NOT NULL);
ALTER TABLE documents ADD COLUMN shard INTEGER REFERENCES shards;
CREATE INDEX documents_by_shard ON documents (shard) WHERE shard IS NOT NULL;
CREATE TABLE workers (
  worker TEXT PRIMARY KEY, started_at REAL NOT NULL, delay_s REAL NOT NULL) WITHOUT ROWID;
INSERT INTO workers SELECT worker, MIN(started_at), delay_s FROM busy GROUP BY worker;
DROP TRIGGER execution_added;
ALTER TABLE busy DROP COLUMN delay_s;
INSERT INTO totals SELECT 'busy_s', '', TOTAL(ended_at - started_at) FROM busy;
INSERT INTO totals {_ALL_GAPS};
CREATE TABLE merging (worker TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL NOT NULL);
CREATE TRIGGER busy_added AFTER INSERT ON busy BEGIN {_busy_sums("NEW", "")} END;
CREATE TRIGGER busy_deleted AFTER DELETE ON busy BEGIN {_busy_sums("OLD", "-")} END;
CREATE TRIGGER execution_added AFTER INSERT ON executions BEGIN
  INSERT INTO totals VALUES ('placed_s', '', NEW.execution_s)
    ON CONFLICT DO UPDATE SET value = value + excluded.value;
  INSERT INTO workers VALUES (NEW.worker, {_START}, NEW.delay_s)
    ON CONFLICT DO UPDATE SET started_at = excluded.started_at, delay_s = excluded.delay_s
    WHERE excluded.started_at < started_at;
  INSERT INTO merging
    SELECT NEW.worker, MIN({_START}, COALESCE(MIN(started_at), {_START})), MAX(NEW.ended_at, COALESCE(MAX(ended_at), 0))
    FROM busy WHERE {_OVERLAPPING};
  DELETE FROM busy WHERE {_OVERLAPPING};
  INSERT INTO busy (worker, started_at, ended_at) SELECT * FROM merging;
  DELETE FROM merging;
END;
CREATE TRIGGER idle_timeout_changed AFTER INSERT ON meta WHEN NEW.name = 'idle_timeout_s' BEGIN
  DELETE FROM totals WHERE kind = 'gaps_s';
  INSERT INTO totals {_ALL_GAPS};
END;
"""
UPGRADES = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
