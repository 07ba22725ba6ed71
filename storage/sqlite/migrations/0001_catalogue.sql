-- The catalogue of facts. Times are µs since the Unix epoch, durations µs, IDs
-- canonical UUIDs, lists JSON. A NULL end means open.

-- +goose Up
CREATE TABLE sites (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  code       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  mobile     INTEGER NOT NULL,
  state      TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  site_id    TEXT NOT NULL REFERENCES sites (id),
  code       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  state      TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_site ON rooms (site_id, code);

CREATE TABLE cameras (
  id           TEXT PRIMARY KEY CHECK (length(id) = 36),
  site_id      TEXT NOT NULL REFERENCES sites (id),
  name         TEXT NOT NULL,
  address      TEXT NOT NULL,
  onvif        INTEGER NOT NULL,
  device_url   TEXT NOT NULL,
  endpoint_ref TEXT NOT NULL,
  maker        TEXT NOT NULL,
  model        TEXT NOT NULL,
  firmware     TEXT NOT NULL,
  serial       TEXT NOT NULL,
  snapshot_url TEXT NOT NULL,
  streams      BLOB NOT NULL,
  tls_pin      TEXT NOT NULL,
  purpose      TEXT NOT NULL,
  legal_basis  TEXT NOT NULL,
  state        TEXT NOT NULL,
  clock_offset INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  secret       BLOB -- sealed by storage/secret
) STRICT, WITHOUT ROWID;
CREATE INDEX cameras_site ON cameras (site_id, name, id);
CREATE UNIQUE INDEX cameras_endpoint_ref ON cameras (endpoint_ref) WHERE endpoint_ref <> '' AND state <> 'retired';
CREATE UNIQUE INDEX cameras_address ON cameras (address) WHERE address <> '' AND state <> 'retired';

CREATE TABLE assignments (
  camera_id TEXT NOT NULL REFERENCES cameras (id),
  room_id   TEXT NOT NULL REFERENCES rooms (id),
  from_at   INTEGER NOT NULL,
  to_at     INTEGER CHECK (to_at > from_at),
  PRIMARY KEY (camera_id, from_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_room ON assignments (room_id, camera_id, from_at);

CREATE TABLE sessions (
  id             TEXT PRIMARY KEY CHECK (length(id) = 36),
  source         TEXT NOT NULL,
  external_id    TEXT NOT NULL,
  source_version INTEGER NOT NULL,
  document_hash  BLOB NOT NULL CHECK (length(document_hash) = 32),
  site_id        TEXT NOT NULL REFERENCES sites (id),
  room_id        TEXT NOT NULL REFERENCES rooms (id),
  starts_at      INTEGER NOT NULL,
  ends_at        INTEGER NOT NULL,
  seats          INTEGER NOT NULL,
  parts          BLOB NOT NULL,
  state          TEXT NOT NULL,
  cancel_asked   INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  UNIQUE (source, external_id),
  -- ListSessions looks for overlaps from 24 h before its span on.
  CHECK (ends_at > starts_at AND ends_at - starts_at <= 86400000000)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_start ON sessions (starts_at, id);
CREATE INDEX sessions_site ON sessions (site_id, starts_at, id);
CREATE INDEX sessions_room ON sessions (room_id, starts_at, id);
CREATE INDEX sessions_state ON sessions (state, starts_at, id);
CREATE INDEX sessions_external ON sessions (external_id, starts_at, id);

CREATE TABLE recordings (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id  TEXT NOT NULL REFERENCES sessions (id),
  camera_id   TEXT NOT NULL REFERENCES cameras (id),
  room_id     TEXT NOT NULL REFERENCES rooms (id),
  node_id     TEXT NOT NULL,
  window_from INTEGER NOT NULL,
  window_to   INTEGER NOT NULL,
  state       TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  UNIQUE (session_id, camera_id, room_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX recordings_state ON recordings (state, window_from, id);
CREATE INDEX recordings_window ON recordings (window_from, id);

CREATE TABLE runs (
  id           TEXT PRIMARY KEY CHECK (length(id) = 36),
  recording_id TEXT NOT NULL REFERENCES recordings (id),
  camera_id    TEXT NOT NULL REFERENCES cameras (id),
  node_id      TEXT NOT NULL,
  started_at   INTEGER NOT NULL,
  format       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_recording ON runs (recording_id, started_at, id);

-- A rowid table: rows are long, and the indices stay small.
CREATE TABLE segments (
  id            TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
  recording_id  TEXT NOT NULL REFERENCES recordings (id),
  camera_id     TEXT NOT NULL REFERENCES cameras (id),
  run_id        TEXT NOT NULL REFERENCES runs (id),
  node_id       TEXT NOT NULL,
  from_at       INTEGER NOT NULL,
  to_at         INTEGER NOT NULL CHECK (to_at > from_at),
  size          INTEGER NOT NULL,
  sha256        BLOB NOT NULL CHECK (length(sha256) = 32),
  init_size     INTEGER NOT NULL,
  video         TEXT NOT NULL,
  audio         TEXT NOT NULL,
  frames        INTEGER NOT NULL,
  lost_packets  INTEGER NOT NULL,
  clock_offset  INTEGER NOT NULL,
  clock_quality TEXT NOT NULL,
  state         TEXT NOT NULL,
  media_key     TEXT NOT NULL,
  media_version TEXT NOT NULL,
  fragments     BLOB NOT NULL -- storage.EncodeFragments; last, so that lists never touch it
) STRICT;
-- Segments of a recording never overlap, so order by start is order by end.
CREATE UNIQUE INDEX segments_from ON segments (recording_id, from_at);
CREATE UNIQUE INDEX segments_to ON segments (recording_id, to_at);
CREATE INDEX segments_unverified ON segments (node_id, from_at) WHERE state = 'hashed';

-- A gap whose end is not after its start was removed: nothing was lost. The row
-- stays, so that a repeated call finds it.
CREATE TABLE gaps (
  id           TEXT PRIMARY KEY CHECK (length(id) = 36),
  recording_id TEXT NOT NULL REFERENCES recordings (id),
  camera_id    TEXT NOT NULL REFERENCES cameras (id),
  node_id      TEXT NOT NULL,
  from_at      INTEGER NOT NULL,
  to_at        INTEGER CHECK (to_at >= from_at),
  cause        TEXT NOT NULL,
  detail       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gaps_recording ON gaps (recording_id, from_at);
CREATE INDEX gaps_open ON gaps (from_at, id) WHERE to_at IS NULL;

CREATE TABLE leases (
  camera_id  TEXT PRIMARY KEY,
  node_id    TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE beats (
  node_id TEXT PRIMARY KEY,
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id            TEXT PRIMARY KEY CHECK (length(id) = 36),
  login         TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  roles         TEXT NOT NULL,
  site_ids      TEXT NOT NULL,
  disabled      INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_ins (
  token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
  user_id    TEXT NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_user ON sign_ins (user_id);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

CREATE TABLE client_tokens (
  id         TEXT PRIMARY KEY CHECK (length(id) = 36),
  name       TEXT NOT NULL,
  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  roles      TEXT NOT NULL,
  site_ids   TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id         TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
  at         INTEGER NOT NULL,
  who        TEXT NOT NULL,
  who_id     TEXT NOT NULL,
  act        TEXT NOT NULL,
  object     TEXT NOT NULL,
  session_id TEXT NOT NULL,
  camera_id  TEXT NOT NULL,
  from_at    INTEGER,
  to_at      INTEGER,
  outcome    TEXT NOT NULL,
  detail     TEXT NOT NULL,
  address    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_who ON audit (who_id, at, id);
CREATE INDEX audit_act ON audit (act, at, id);
CREATE INDEX audit_session ON audit (session_id, at, id) WHERE session_id <> '';
CREATE INDEX audit_camera ON audit (camera_id, at, id) WHERE camera_id <> '';
-- +goose StatementBegin
CREATE TRIGGER audit_only_grows BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_keeps_all BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
-- +goose StatementEnd
