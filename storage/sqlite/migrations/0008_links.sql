-- A link that was a mistake is made void, once, and its rows stay: a session and
-- a name of a source have one link in force. What a linked session told before is
-- told again under its real name (retold).

-- +goose Up
CREATE TABLE session_links_now (
  source        TEXT NOT NULL,
  external_id   TEXT NOT NULL,
  session_id    TEXT NOT NULL REFERENCES sessions (id),
  document_hash BLOB NOT NULL CHECK (length(document_hash) = 32),
  who           TEXT NOT NULL,
  who_id        TEXT NOT NULL,
  at            INTEGER NOT NULL,
  void_by       TEXT NOT NULL,
  void_by_id    TEXT NOT NULL,
  void_at       INTEGER
) STRICT;
INSERT INTO session_links_now SELECT source, external_id, session_id, document_hash, who, who_id, at, '', '', NULL FROM session_links;
DROP TABLE session_links;
ALTER TABLE session_links_now RENAME TO session_links;
CREATE UNIQUE INDEX session_links_key ON session_links (source, external_id) WHERE void_at IS NULL;
CREATE UNIQUE INDEX session_links_session ON session_links (session_id) WHERE void_at IS NULL;
CREATE INDEX session_links_external ON session_links (external_id) WHERE void_at IS NULL;

-- +goose StatementBegin
CREATE TRIGGER session_links_void_once BEFORE UPDATE ON session_links
WHEN OLD.void_at IS NOT NULL OR NEW.void_at IS NULL
  OR (NEW.source, NEW.external_id, NEW.session_id, NEW.document_hash, NEW.who, NEW.who_id, NEW.at)
    IS NOT (OLD.source, OLD.external_id, OLD.session_id, OLD.document_hash, OLD.who, OLD.who_id, OLD.at)
BEGIN SELECT RAISE(ABORT, 'session_links: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_links_stay BEFORE DELETE ON session_links
BEGIN SELECT RAISE(ABORT, 'session_links: the evidence only grows'); END;
-- +goose StatementEnd

ALTER TABLE notices ADD COLUMN retold INTEGER NOT NULL DEFAULT 0 CHECK (retold IN (0, 1));
CREATE INDEX notices_session ON notices (session_id, n) WHERE NOT retold;
DROP TRIGGER notices_numbered_once;
-- +goose StatementBegin
CREATE TRIGGER notices_numbered_once BEFORE UPDATE ON notices
WHEN OLD.number IS NOT NULL OR NEW.number IS NULL
  OR (NEW.n, NEW.id, NEW.kind, NEW.subject, NEW.session_id, NEW.source, NEW.at, NEW.data, NEW.retold)
    IS NOT (OLD.n, OLD.id, OLD.kind, OLD.subject, OLD.session_id, OLD.source, OLD.at, OLD.data, OLD.retold)
BEGIN SELECT RAISE(ABORT, 'notices: the list only grows'); END;
-- +goose StatementEnd
