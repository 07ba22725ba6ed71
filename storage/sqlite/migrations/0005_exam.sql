-- What an exam was like, what other systems are told of it, and what security
-- staff should look at. An empty session or camera is NULL; `who` is who did it.

-- +goose Up
CREATE TABLE webhooks (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  name       TEXT NOT NULL UNIQUE,
  url        TEXT NOT NULL,
  source     TEXT NOT NULL,
  kinds      TEXT, -- JSON; NULL: all but alarms
  secret     BLOB, -- sealed by storage/secret, like new_secret
  new_secret BLOB,
  disabled   INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Notices in the order they were staged (n); the running number is given once by
-- the one publisher. Its index holds those that wait first, by n.
CREATE TABLE notices (
  n          INTEGER PRIMARY KEY AUTOINCREMENT,
  number     INTEGER UNIQUE CHECK (number > 0), -- NULL while it waits
  id         TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL, -- what it is about
  session_id TEXT REFERENCES sessions (id),
  source     TEXT NOT NULL,
  at         INTEGER NOT NULL,
  data       BLOB NOT NULL,
  UNIQUE (kind, subject)
) STRICT;
CREATE INDEX notices_source ON notices (source, number) WHERE number IS NOT NULL;

-- node_id holds the delivery until held_until; with held_until NULL it is the one
-- that gave it up last. A session's notices form one line of a webhook.
CREATE TABLE deliveries (
  webhook_id TEXT NOT NULL REFERENCES webhooks (id),
  number     INTEGER NOT NULL REFERENCES notices (number),
  line       TEXT NOT NULL, -- session of the notice; empty: of none
  state      TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  next_at    INTEGER,
  last_error TEXT NOT NULL,
  done_at    INTEGER,
  node_id    TEXT NOT NULL,
  held_until INTEGER,
  PRIMARY KEY (webhook_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_number ON deliveries (number, webhook_id);
CREATE INDEX deliveries_line ON deliveries (webhook_id, line, number) WHERE state = 'waiting';
CREATE INDEX deliveries_due ON deliveries (next_at, number) WHERE state = 'waiting';

CREATE TABLE incidents (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id  TEXT NOT NULL REFERENCES sessions (id),
  camera_id   TEXT REFERENCES cameras (id),
  at          INTEGER NOT NULL,
  seat        INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  note        TEXT NOT NULL,
  follows     TEXT REFERENCES incidents (id),
  step        TEXT NOT NULL,
  who         TEXT NOT NULL,
  who_id      TEXT NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_session ON incidents (session_id, recorded_at, id);

CREATE TABLE part_events (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id  TEXT NOT NULL REFERENCES sessions (id),
  part_id     TEXT NOT NULL,
  step        TEXT NOT NULL,
  at          INTEGER NOT NULL,
  corrects    TEXT REFERENCES part_events (id),
  void        INTEGER NOT NULL,
  note        TEXT NOT NULL,
  who         TEXT NOT NULL,
  who_id      TEXT NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX part_events_session ON part_events (session_id, recorded_at, id);

-- document_hash is the session's when it was linked: while it is the same, the
-- source of the key has pushed nothing.
CREATE TABLE session_links (
  source        TEXT NOT NULL,
  external_id   TEXT NOT NULL,
  session_id    TEXT NOT NULL UNIQUE REFERENCES sessions (id),
  document_hash BLOB NOT NULL CHECK (length(document_hash) = 32),
  who           TEXT NOT NULL,
  who_id        TEXT NOT NULL,
  at            INTEGER NOT NULL,
  PRIMARY KEY (source, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_links_external ON session_links (external_id);

CREATE TABLE readiness (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id TEXT NOT NULL REFERENCES sessions (id),
  camera_id  TEXT REFERENCES cameras (id),
  node_id    TEXT NOT NULL,
  occasion   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  state      TEXT NOT NULL,
  items      BLOB NOT NULL,
  follows    TEXT REFERENCES readiness (id),
  reason     TEXT NOT NULL,
  who        TEXT NOT NULL,
  who_id     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX readiness_session ON readiness (session_id, at, id);

CREATE TABLE alarms (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  kind       TEXT NOT NULL,
  key        TEXT NOT NULL,
  who        TEXT NOT NULL,
  who_id     TEXT NOT NULL,
  session_id TEXT REFERENCES sessions (id),
  at         INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  detail     TEXT NOT NULL,
  seen_by    TEXT NOT NULL,
  seen_at    INTEGER,
  seen_note  TEXT NOT NULL,
  UNIQUE (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX alarms_at ON alarms (at, id);
CREATE INDEX alarms_unseen ON alarms (at, id) WHERE seen_at IS NULL;

-- A notice gets its number once, and changes in nothing else.
-- +goose StatementBegin
CREATE TRIGGER notices_numbered_once BEFORE UPDATE ON notices
WHEN OLD.number IS NOT NULL OR NEW.number IS NULL
  OR (NEW.n, NEW.id, NEW.kind, NEW.subject, NEW.session_id, NEW.source, NEW.at, NEW.data)
    IS NOT (OLD.n, OLD.id, OLD.kind, OLD.subject, OLD.session_id, OLD.source, OLD.at, OLD.data)
BEGIN SELECT RAISE(ABORT, 'notices: the list only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER notices_stay BEFORE DELETE ON notices
BEGIN SELECT RAISE(ABORT, 'notices: the list only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER incidents_grow BEFORE UPDATE ON incidents
BEGIN SELECT RAISE(ABORT, 'incidents: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
BEGIN SELECT RAISE(ABORT, 'incidents: the evidence only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER part_events_grow BEFORE UPDATE ON part_events
BEGIN SELECT RAISE(ABORT, 'part_events: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER part_events_stay BEFORE DELETE ON part_events
BEGIN SELECT RAISE(ABORT, 'part_events: the evidence only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_links_grow BEFORE UPDATE ON session_links
BEGIN SELECT RAISE(ABORT, 'session_links: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_links_stay BEFORE DELETE ON session_links
BEGIN SELECT RAISE(ABORT, 'session_links: the evidence only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER readiness_grow BEFORE UPDATE ON readiness
BEGIN SELECT RAISE(ABORT, 'readiness: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER readiness_stay BEFORE DELETE ON readiness
BEGIN SELECT RAISE(ABORT, 'readiness: the evidence only grows'); END;
-- +goose StatementEnd
