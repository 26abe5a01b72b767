-- A ledger of version 1, as the client before the executions of workers wrote it: job 1 collected, job 2 queued
-- after a failed attempt, job 3 planned.
BEGIN TRANSACTION;
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL, pages TEXT, options TEXT NOT NULL,
  size INTEGER, mtime_ns INTEGER, sha256 TEXT, page_count INTEGER, expected INTEGER,
  status TEXT NOT NULL DEFAULT 'waiting', planned INTEGER NOT NULL DEFAULT 0,
  code TEXT, message TEXT, files TEXT NOT NULL DEFAULT '{}', seconds REAL NOT NULL DEFAULT 0);
INSERT INTO "documents" VALUES(1,'a.pdf','/in/a.pdf',NULL,'{}',100,1,'abc',2,2,'succeeded',1,NULL,NULL,'{}',3.0);
INSERT INTO "documents" VALUES(2,'b.pdf','/in/b.pdf',NULL,'{}',100,1,'abc',2,2,'waiting',1,NULL,NULL,'{}',0.0);
INSERT INTO "documents" VALUES(3,'c.pdf','/in/c.pdf',NULL,'{}',100,1,'abc',2,2,'waiting',1,NULL,NULL,'{}',0.0);
CREATE TABLE faults (
  document INTEGER NOT NULL REFERENCES documents, kind TEXT NOT NULL, code TEXT NOT NULL, pages INTEGER NOT NULL);
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, options TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'planned', service_id TEXT, pages INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, submissions INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0, execution_s REAL NOT NULL DEFAULT 0, delay_s REAL NOT NULL DEFAULT 0,
  code TEXT, message TEXT);
INSERT INTO "jobs" VALUES(1,'{}','collected','service-1',2,0,1,0.0,4.0,1.0,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'{}','queued','service-2b',2,1,2,0.0,2.5,0.5,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'{}','planned',NULL,2,0,0,0.0,0.0,0.0,NULL,NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('key','batch-0123456789abcdef01234567');
INSERT INTO "meta" VALUES('service','endpoint abc at example.com');
INSERT INTO "meta" VALUES('target','abc');
INSERT INTO "meta" VALUES('price_per_second','0.5');
INSERT INTO "meta" VALUES('wall_s','60.0');
CREATE TABLE slices (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, job INTEGER NOT NULL REFERENCES jobs,
  pages TEXT, count INTEGER NOT NULL, cut INTEGER NOT NULL, attempt INTEGER NOT NULL,
  parsed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0);
INSERT INTO "slices" VALUES(1,1,1,'1-2',2,0,1,2,0,0);
INSERT INTO "slices" VALUES(2,2,2,'1-2',2,0,1,0,0,0);
INSERT INTO "slices" VALUES(3,3,3,'1-2',2,0,1,0,0,0);
CREATE UNIQUE INDEX document_of_source ON documents (source, COALESCE(pages, ''), options);
CREATE INDEX documents_by_status ON documents (status, planned);
CREATE INDEX jobs_by_state ON jobs (state, not_before);
CREATE INDEX slices_by_job ON slices (job);
CREATE INDEX slices_by_document ON slices (document);
CREATE INDEX faults_by_document ON faults (document);
COMMIT;
PRAGMA user_version = 1;
