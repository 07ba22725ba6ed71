-- People and access: how accounts, sign-ins and clients are known, what waits for
-- another person's approval, who may see what, and appeals.

-- +goose Up
ALTER TABLE users
  ADD COLUMN must_change boolean NOT NULL DEFAULT false,
  ADD COLUMN issuer text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN subject text COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX users_subject ON users (issuer, subject) WHERE issuer <> '';

-- Sign-ins of before have no ID and no method: their people sign in again.
DROP TABLE sign_ins;
CREATE TABLE sign_ins (
  id               uuid PRIMARY KEY,
  token_hash       bytea NOT NULL CONSTRAINT sign_ins_token_hash UNIQUE CHECK (length(token_hash) = 32),
  user_id          uuid NOT NULL REFERENCES users,
  method           text NOT NULL,
  created_at       timestamptz NOT NULL,
  seen_at          timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,
  fresh_at         timestamptz,
  fresh_by         text NOT NULL,
  address          text NOT NULL,
  agent            text NOT NULL,
  provider_session text COLLATE "C" NOT NULL,
  challenge        bytea
);
CREATE INDEX sign_ins_created ON sign_ins (created_at, id);
CREATE INDEX sign_ins_user ON sign_ins (user_id, created_at, id);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);
CREATE INDEX sign_ins_provider ON sign_ins (provider_session) WHERE provider_session <> '';

-- A client has a token, a certificate, or both.
ALTER TABLE client_tokens
  ADD COLUMN certificate bytea CHECK (length(certificate) = 32), -- NULL: a token only
  ADD COLUMN scopes text[], -- NULL: all that the roles allow
  ALTER COLUMN token_hash DROP NOT NULL, -- NULL: a certificate only
  ADD CHECK (token_hash IS NOT NULL OR certificate IS NOT NULL);
CREATE UNIQUE INDEX client_tokens_certificate ON client_tokens (certificate) WHERE certificate IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX client_tokens_any_certificate ON client_tokens (certificate, created_at) WHERE certificate IS NOT NULL;

CREATE TABLE passkeys (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users,
  name       text NOT NULL,
  key_id     bytea NOT NULL CONSTRAINT passkeys_key_id UNIQUE CHECK (length(key_id) > 0),
  credential bytea NOT NULL,
  created_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX passkeys_user ON passkeys (user_id, created_at, id);

-- What one person asks and another must approve. asked is the canonical JSON that
-- the digest is over, so it is no jsonb; session_id is the one in it.
CREATE TABLE requests (
  id            uuid PRIMARY KEY,
  kind          text COLLATE "C" NOT NULL,
  session_id    uuid REFERENCES sessions,
  asked         text NOT NULL,
  reason        text NOT NULL,
  digest        bytea NOT NULL CHECK (length(digest) = 32),
  asked_by      text NOT NULL,
  asked_by_id   text COLLATE "C" NOT NULL CHECK (asked_by_id <> ''),
  asked_sign_in text NOT NULL,
  asked_at      timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL CHECK (expires_at > asked_at),
  state         text COLLATE "C" NOT NULL CHECK (state IN ('requested', 'approved', 'refused', 'withdrawn', 'used')),
  decided_by    text NOT NULL,
  decided_by_id text COLLATE "C" NOT NULL,
  decided_at    timestamptz,
  decided_note  text NOT NULL,
  used_at       timestamptz,
  used_for      text NOT NULL,
  CHECK ((state = 'requested') = (decided_at IS NULL)),
  CHECK (state NOT IN ('approved', 'used') OR decided_by_id NOT IN ('', asked_by_id)),
  CHECK ((state = 'used') = (used_at IS NOT NULL AND used_for <> ''))
);
CREATE INDEX requests_asked ON requests (asked_at, id);
CREATE INDEX requests_by ON requests (asked_by_id, asked_at, id);
CREATE INDEX requests_session ON requests (session_id, asked_at, id) WHERE session_id IS NOT NULL;
CREATE INDEX requests_state ON requests (state, asked_at, id);

CREATE TABLE grants (
  id          uuid PRIMARY KEY,
  request_id  uuid NOT NULL CONSTRAINT grants_request_id UNIQUE REFERENCES requests,
  session_id  uuid NOT NULL REFERENCES sessions,
  holder_id   text COLLATE "C" NOT NULL,
  holder      text NOT NULL,
  camera_ids  text[] NOT NULL, -- empty: all
  from_at     timestamptz,
  to_at       timestamptz,
  reason      text NOT NULL,
  appeal      text COLLATE "C" NOT NULL,
  incident_id text NOT NULL,
  approved_by text NOT NULL,
  began_at    timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  revoked_at  timestamptz,
  revoked_by  text NOT NULL,
  -- ListGrants looks for those in force from 31 days before the instant on.
  CHECK (expires_at > began_at AND expires_at - began_at <= interval '744 h')
);
CREATE INDEX grants_began ON grants (began_at, id);
CREATE INDEX grants_holder ON grants (holder_id, began_at, id);
CREATE INDEX grants_session ON grants (session_id, began_at, id);

CREATE TABLE appeals (
  id           uuid PRIMARY KEY,
  session_id   uuid NOT NULL REFERENCES sessions,
  reference    text COLLATE "C" NOT NULL,
  source       text NOT NULL,
  state        text COLLATE "C" NOT NULL,
  hold_id      uuid REFERENCES holds DEFERRABLE INITIALLY DEFERRED, -- placed by the same act, before or after
  opened_by    text NOT NULL,
  opened_by_id text NOT NULL,
  opened_at    timestamptz NOT NULL,
  court_at     timestamptz,
  final_at     timestamptz,
  closed_at    timestamptz,
  closed_by    text NOT NULL,
  CONSTRAINT appeals_of_session UNIQUE (session_id, reference)
);
CREATE INDEX appeals_opened ON appeals (opened_at, id);
CREATE INDEX appeals_session ON appeals (session_id, opened_at, id);
CREATE INDEX appeals_reference ON appeals (reference, opened_at, id);
CREATE INDEX appeals_state ON appeals (state, opened_at, id);

-- A package comes of one request from now on; older ones have none.
ALTER TABLE exports
  ADD COLUMN request_id uuid REFERENCES requests,
  ADD COLUMN approved_by text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX exports_request_id ON exports (request_id) WHERE request_id IS NOT NULL;

-- Who asked, when and what for never changes; what was decided never does, but
-- that what was approved is used once or withdrawn.
CREATE TRIGGER decided BEFORE UPDATE ON requests FOR EACH ROW WHEN (
    (NEW.id, NEW.kind, NEW.asked_by, NEW.asked_by_id, NEW.asked_sign_in, NEW.asked_at)
      IS DISTINCT FROM (OLD.id, OLD.kind, OLD.asked_by, OLD.asked_by_id, OLD.asked_sign_in, OLD.asked_at)
    OR OLD.state IN ('refused', 'withdrawn', 'used')
    OR NOT (OLD.state = 'requested' AND NEW.state = 'requested')
      AND (NEW.session_id, NEW.asked, NEW.reason, NEW.digest, NEW.expires_at)
        IS DISTINCT FROM (OLD.session_id, OLD.asked, OLD.reason, OLD.digest, OLD.expires_at)
    OR OLD.state = 'requested' AND NEW.state = 'used'
    OR OLD.state = 'approved' AND (NEW.state NOT IN ('used', 'withdrawn')
      OR NEW.state = 'used' AND (NEW.decided_by, NEW.decided_by_id, NEW.decided_at, NEW.decided_note)
        IS DISTINCT FROM (OLD.decided_by, OLD.decided_by_id, OLD.decided_at, OLD.decided_note)))
  EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON requests EXECUTE FUNCTION evidence_only_grows();

-- A grant is revoked once, and changes in nothing else.
CREATE TRIGGER revoked BEFORE UPDATE ON grants FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL
    OR (NEW.id, NEW.request_id, NEW.session_id, NEW.holder_id, NEW.holder, NEW.camera_ids, NEW.from_at, NEW.to_at, NEW.reason, NEW.appeal,
        NEW.incident_id, NEW.approved_by, NEW.began_at, NEW.expires_at)
      IS DISTINCT FROM
       (OLD.id, OLD.request_id, OLD.session_id, OLD.holder_id, OLD.holder, OLD.camera_ids, OLD.from_at, OLD.to_at, OLD.reason, OLD.appeal,
        OLD.incident_id, OLD.approved_by, OLD.began_at, OLD.expires_at))
  EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON grants EXECUTE FUNCTION evidence_only_grows();

CREATE TRIGGER closed BEFORE UPDATE ON appeals FOR EACH ROW WHEN (OLD.state = 'closed'
    OR (NEW.id, NEW.session_id, NEW.reference, NEW.source, NEW.opened_by, NEW.opened_by_id)
      IS DISTINCT FROM (OLD.id, OLD.session_id, OLD.reference, OLD.source, OLD.opened_by, OLD.opened_by_id))
  EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON appeals EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER request_stays BEFORE UPDATE ON exports FOR EACH ROW
  WHEN ((NEW.request_id, NEW.approved_by) IS DISTINCT FROM (OLD.request_id, OLD.approved_by))
  EXECUTE FUNCTION evidence_only_grows();
