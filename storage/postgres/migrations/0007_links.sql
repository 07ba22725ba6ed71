-- A link that was a mistake is made void, once, and its row stays: a session and
-- a name of a source have one link in force. What a linked session told before is
-- told again under its real name (retold).

-- +goose Up
ALTER TABLE session_links
  DROP CONSTRAINT session_links_external_id,
  DROP CONSTRAINT session_links_session_id,
  ADD COLUMN void_by    text NOT NULL DEFAULT '',
  ADD COLUMN void_by_id text NOT NULL DEFAULT '',
  ADD COLUMN void_at    timestamptz;
DROP INDEX session_links_external;
CREATE UNIQUE INDEX session_links_external_id ON session_links (source, external_id) WHERE void_at IS NULL;
CREATE UNIQUE INDEX session_links_session_id ON session_links (session_id) WHERE void_at IS NULL;
CREATE INDEX session_links_external ON session_links (external_id) WHERE void_at IS NULL;
DROP TRIGGER only_grows ON session_links;
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON session_links EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER void_once BEFORE UPDATE ON session_links FOR EACH ROW WHEN (OLD.void_at IS NOT NULL OR NEW.void_at IS NULL
    OR (NEW.source, NEW.external_id, NEW.session_id, NEW.document_hash, NEW.who, NEW.who_id, NEW.at)
      IS DISTINCT FROM (OLD.source, OLD.external_id, OLD.session_id, OLD.document_hash, OLD.who, OLD.who_id, OLD.at))
  EXECUTE FUNCTION evidence_only_grows();

ALTER TABLE notices ADD COLUMN retold boolean NOT NULL DEFAULT false;
CREATE INDEX notices_session ON notices (session_id, n) WHERE NOT retold;
DROP TRIGGER numbered_once ON notices;
CREATE TRIGGER numbered_once BEFORE UPDATE ON notices FOR EACH ROW WHEN (OLD.number IS NOT NULL OR NEW.number IS NULL
    OR (NEW.n, NEW.id, NEW.kind, NEW.subject, NEW.session_id, NEW.source, NEW.at, NEW.data, NEW.retold)
      IS DISTINCT FROM (OLD.n, OLD.id, OLD.kind, OLD.subject, OLD.session_id, OLD.source, OLD.at, OLD.data, OLD.retold))
  EXECUTE FUNCTION evidence_only_grows();
