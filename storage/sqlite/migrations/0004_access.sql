-- People and access: how accounts, sign-ins and clients are known, what waits for
-- another person's approval, who may see what, and appeals. (Version 3 is the
-- program's own: it stages the leaves of older rows.)

-- +goose Up
ALTER TABLE users ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX users_subject ON users (issuer, subject) WHERE issuer <> '';

-- Sign-ins of before have no ID and no method: their people sign in again.
DROP TABLE sign_ins;
CREATE TABLE sign_ins (
  id               TEXT PRIMARY KEY CHECK (length(id) = 36),
  token_hash       BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  user_id          TEXT NOT NULL REFERENCES users (id),
  method           TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  seen_at          INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  fresh_at         INTEGER,
  fresh_by         TEXT NOT NULL,
  address          TEXT NOT NULL,
  agent            TEXT NOT NULL,
  provider_session TEXT NOT NULL,
  challenge        BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_created ON sign_ins (created_at, id);
CREATE INDEX sign_ins_user ON sign_ins (user_id, created_at, id);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);
CREATE INDEX sign_ins_provider ON sign_ins (provider_session) WHERE provider_session <> '';

-- A client has a token, a certificate, or both.
CREATE TABLE client_tokens_new (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  name        TEXT NOT NULL,
  token_hash  BLOB CHECK (length(token_hash) = 32),  -- NULL: a certificate only
  certificate BLOB CHECK (length(certificate) = 32), -- NULL: a token only
  roles       TEXT NOT NULL,
  scopes      TEXT, -- NULL: all that the roles allow
  site_ids    TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  revoked_at  INTEGER,
  CHECK (token_hash IS NOT NULL OR certificate IS NOT NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO client_tokens_new SELECT id, name, token_hash, NULL, roles, NULL, site_ids, created_at, expires_at, revoked_at FROM client_tokens;
DROP TABLE client_tokens;
ALTER TABLE client_tokens_new RENAME TO client_tokens;
CREATE UNIQUE INDEX client_tokens_token_hash ON client_tokens (token_hash) WHERE token_hash IS NOT NULL;
CREATE UNIQUE INDEX client_tokens_certificate ON client_tokens (certificate) WHERE certificate IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX client_tokens_any_certificate ON client_tokens (certificate, created_at) WHERE certificate IS NOT NULL;
CREATE INDEX client_tokens_name ON client_tokens (name, id);

CREATE TABLE passkeys (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  user_id    TEXT NOT NULL REFERENCES users (id),
  name       TEXT NOT NULL,
  key_id     BLOB NOT NULL UNIQUE CHECK (length(key_id) > 0),
  credential BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_user ON passkeys (user_id, created_at, id);

-- What one person asks and another must approve. asked is the canonical JSON that
-- the digest is over; session_id is the one in it.
CREATE TABLE requests (
  id             TEXT PRIMARY KEY CHECK (length(id) = 36),
  kind           TEXT NOT NULL,
  session_id     TEXT REFERENCES sessions (id),
  asked          TEXT NOT NULL,
  reason         TEXT NOT NULL,
  digest         BLOB NOT NULL CHECK (length(digest) = 32),
  asked_by       TEXT NOT NULL,
  asked_by_id    TEXT NOT NULL CHECK (asked_by_id <> ''),
  asked_sign_in  TEXT NOT NULL,
  asked_at       INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL CHECK (expires_at > asked_at),
  state          TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'refused', 'withdrawn', 'used')),
  decided_by     TEXT NOT NULL,
  decided_by_id  TEXT NOT NULL,
  decided_at     INTEGER,
  decided_note   TEXT NOT NULL,
  used_at        INTEGER,
  used_for       TEXT NOT NULL,
  CHECK ((state = 'requested') = (decided_at IS NULL)),
  CHECK (state NOT IN ('approved', 'used') OR decided_by_id NOT IN ('', asked_by_id)),
  CHECK ((state = 'used') = (used_at IS NOT NULL AND used_for <> ''))
) STRICT;
CREATE INDEX requests_asked ON requests (asked_at, id);
CREATE INDEX requests_by ON requests (asked_by_id, asked_at, id);
CREATE INDEX requests_session ON requests (session_id, asked_at, id) WHERE session_id IS NOT NULL;
CREATE INDEX requests_state ON requests (state, asked_at, id);

CREATE TABLE grants (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  request_id  TEXT NOT NULL UNIQUE REFERENCES requests (id),
  session_id  TEXT NOT NULL REFERENCES sessions (id),
  holder_id   TEXT NOT NULL,
  holder      TEXT NOT NULL,
  camera_ids  TEXT NOT NULL, -- []: all
  from_at     INTEGER,
  to_at       INTEGER,
  reason      TEXT NOT NULL,
  appeal      TEXT NOT NULL,
  incident_id TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  began_at    INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  revoked_at  INTEGER,
  revoked_by  TEXT NOT NULL,
  -- ListGrants looks for those in force from 31 days before the instant on.
  CHECK (expires_at > began_at AND expires_at - began_at <= 2678400000000)
) STRICT;
CREATE INDEX grants_began ON grants (began_at, id);
CREATE INDEX grants_holder ON grants (holder_id, began_at, id);
CREATE INDEX grants_session ON grants (session_id, began_at, id);

CREATE TABLE appeals (
  id           TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id   TEXT NOT NULL REFERENCES sessions (id),
  reference    TEXT NOT NULL,
  source       TEXT NOT NULL,
  state        TEXT NOT NULL,
  hold_id      TEXT REFERENCES holds (id) DEFERRABLE INITIALLY DEFERRED, -- placed by the same act, before or after
  opened_by    TEXT NOT NULL,
  opened_by_id TEXT NOT NULL,
  opened_at    INTEGER NOT NULL,
  court_at     INTEGER,
  final_at     INTEGER,
  closed_at    INTEGER,
  closed_by    TEXT NOT NULL,
  UNIQUE (session_id, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX appeals_opened ON appeals (opened_at, id);
CREATE INDEX appeals_session ON appeals (session_id, opened_at, id);
CREATE INDEX appeals_reference ON appeals (reference, opened_at, id);
CREATE INDEX appeals_state ON appeals (state, opened_at, id);

-- A package comes of one request from now on; older ones have none.
ALTER TABLE exports ADD COLUMN request_id TEXT REFERENCES requests (id);
ALTER TABLE exports ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX exports_request ON exports (request_id) WHERE request_id IS NOT NULL;

-- Who asked, when and what for never changes; what was decided never does, but
-- that what was approved is used once or withdrawn.
-- +goose StatementBegin
CREATE TRIGGER requests_decided BEFORE UPDATE ON requests
WHEN (NEW.id, NEW.kind, NEW.asked_by, NEW.asked_by_id, NEW.asked_sign_in, NEW.asked_at)
    IS NOT (OLD.id, OLD.kind, OLD.asked_by, OLD.asked_by_id, OLD.asked_sign_in, OLD.asked_at)
  OR OLD.state IN ('refused', 'withdrawn', 'used')
  OR NOT (OLD.state = 'requested' AND NEW.state = 'requested')
    AND (NEW.session_id, NEW.asked, NEW.reason, NEW.digest, NEW.expires_at) IS NOT (OLD.session_id, OLD.asked, OLD.reason, OLD.digest, OLD.expires_at)
  OR OLD.state = 'requested' AND NEW.state = 'used'
  OR OLD.state = 'approved' AND (NEW.state NOT IN ('used', 'withdrawn')
    OR NEW.state = 'used' AND (NEW.decided_by, NEW.decided_by_id, NEW.decided_at, NEW.decided_note)
      IS NOT (OLD.decided_by, OLD.decided_by_id, OLD.decided_at, OLD.decided_note))
BEGIN SELECT RAISE(ABORT, 'requests: what was decided never changes, the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER requests_stay BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'requests: the evidence only grows'); END;
-- +goose StatementEnd

-- A grant is revoked once, and changes in nothing else.
-- +goose StatementBegin
CREATE TRIGGER grants_revoked BEFORE UPDATE ON grants
WHEN OLD.revoked_at IS NOT NULL
  OR (NEW.id, NEW.request_id, NEW.session_id, NEW.holder_id, NEW.holder, NEW.camera_ids, NEW.from_at, NEW.to_at, NEW.reason, NEW.appeal,
      NEW.incident_id, NEW.approved_by, NEW.began_at, NEW.expires_at)
    IS NOT
     (OLD.id, OLD.request_id, OLD.session_id, OLD.holder_id, OLD.holder, OLD.camera_ids, OLD.from_at, OLD.to_at, OLD.reason, OLD.appeal,
      OLD.incident_id, OLD.approved_by, OLD.began_at, OLD.expires_at)
BEGIN SELECT RAISE(ABORT, 'grants: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER grants_stay BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'grants: the evidence only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER appeals_closed BEFORE UPDATE ON appeals
WHEN OLD.state = 'closed' OR (NEW.id, NEW.session_id, NEW.reference, NEW.source, NEW.opened_by, NEW.opened_by_id)
    IS NOT (OLD.id, OLD.session_id, OLD.reference, OLD.source, OLD.opened_by, OLD.opened_by_id)
BEGIN SELECT RAISE(ABORT, 'appeals: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appeals_stay BEFORE DELETE ON appeals
BEGIN SELECT RAISE(ABORT, 'appeals: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exports_request_stays BEFORE UPDATE OF request_id, approved_by ON exports
WHEN (NEW.request_id, NEW.approved_by) IS NOT (OLD.request_id, OLD.approved_by)
BEGIN SELECT RAISE(ABORT, 'exports: the evidence only grows'); END;
-- +goose StatementEnd
