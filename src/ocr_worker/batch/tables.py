"""The ledger's tables."""

from __future__ import annotations

VERSION = 1

TABLES = """
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
