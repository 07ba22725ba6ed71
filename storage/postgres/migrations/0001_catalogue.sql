-- The catalogue of facts. Durations are µs. A NULL end means open.

-- +goose Up
CREATE TABLE sites (
  id         uuid PRIMARY KEY,
  code       text COLLATE "C" NOT NULL CONSTRAINT sites_code UNIQUE,
  name       text NOT NULL,
  mobile     boolean NOT NULL,
  state      text NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE rooms (
  id         uuid PRIMARY KEY,
  site_id    uuid NOT NULL REFERENCES sites,
  code       text COLLATE "C" NOT NULL CONSTRAINT rooms_code UNIQUE,
  name       text NOT NULL,
  state      text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX rooms_site ON rooms (site_id, code);

CREATE TABLE cameras (
  id           uuid PRIMARY KEY,
  site_id      uuid NOT NULL REFERENCES sites,
  name         text COLLATE "C" NOT NULL,
  address      text NOT NULL,
  onvif        boolean NOT NULL,
  device_url   text NOT NULL,
  endpoint_ref text NOT NULL,
  maker        text NOT NULL,
  model        text NOT NULL,
  firmware     text NOT NULL,
  serial       text NOT NULL,
  snapshot_url text NOT NULL,
  streams      bytea NOT NULL,
  tls_pin      text NOT NULL,
  purpose      text NOT NULL,
  legal_basis  text NOT NULL,
  state        text NOT NULL,
  clock_offset bigint NOT NULL,
  created_at   timestamptz NOT NULL,
  secret       bytea -- sealed by storage/secret
);
CREATE INDEX cameras_site ON cameras (site_id, name, id);
CREATE UNIQUE INDEX cameras_endpoint_ref ON cameras (endpoint_ref) WHERE endpoint_ref <> '' AND state <> 'retired';
CREATE UNIQUE INDEX cameras_address ON cameras (address) WHERE address <> '' AND state <> 'retired';

CREATE TABLE assignments (
  camera_id uuid NOT NULL REFERENCES cameras,
  room_id   uuid NOT NULL REFERENCES rooms,
  from_at   timestamptz NOT NULL,
  to_at     timestamptz CHECK (to_at > from_at),
  PRIMARY KEY (camera_id, from_at)
);
CREATE INDEX assignments_room ON assignments (room_id, camera_id, from_at);

CREATE TABLE sessions (
  id             uuid PRIMARY KEY,
  source         text NOT NULL,
  external_id    text NOT NULL,
  source_version bigint NOT NULL,
  document_hash  bytea NOT NULL CHECK (length(document_hash) = 32),
  site_id        uuid NOT NULL REFERENCES sites,
  room_id        uuid NOT NULL REFERENCES rooms,
  starts_at      timestamptz NOT NULL,
  ends_at        timestamptz NOT NULL,
  seats          integer NOT NULL,
  parts          bytea NOT NULL,
  state          text NOT NULL,
  cancel_asked   boolean NOT NULL,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  CONSTRAINT sessions_external_id UNIQUE (source, external_id),
  -- ListSessions looks for overlaps from 24 h before its span on.
  CONSTRAINT sessions_length CHECK (ends_at > starts_at AND ends_at - starts_at <= interval '24 hours')
);
CREATE INDEX sessions_start ON sessions (starts_at, id);
CREATE INDEX sessions_site ON sessions (site_id, starts_at, id);
CREATE INDEX sessions_room ON sessions (room_id, starts_at, id);
CREATE INDEX sessions_state ON sessions (state, starts_at, id);
CREATE INDEX sessions_external ON sessions (external_id, starts_at, id);

CREATE TABLE recordings (
  id          uuid PRIMARY KEY,
  session_id  uuid NOT NULL REFERENCES sessions,
  camera_id   uuid NOT NULL REFERENCES cameras,
  room_id     uuid NOT NULL REFERENCES rooms,
  node_id     text NOT NULL,
  window_from timestamptz NOT NULL,
  window_to   timestamptz NOT NULL,
  state       text NOT NULL,
  created_at  timestamptz NOT NULL,
  UNIQUE (session_id, camera_id, room_id)
);
CREATE INDEX recordings_state ON recordings (state, window_from, id);
CREATE INDEX recordings_window ON recordings (window_from, id);

CREATE TABLE runs (
  id           uuid PRIMARY KEY,
  recording_id uuid NOT NULL REFERENCES recordings,
  camera_id    uuid NOT NULL REFERENCES cameras,
  node_id      text NOT NULL,
  started_at   timestamptz NOT NULL,
  format       bytea NOT NULL
);
CREATE INDEX runs_recording ON runs (recording_id, started_at, id);

CREATE TABLE segments (
  id            uuid PRIMARY KEY,
  recording_id  uuid NOT NULL REFERENCES recordings,
  camera_id     uuid NOT NULL REFERENCES cameras,
  run_id        uuid NOT NULL REFERENCES runs,
  from_at       timestamptz NOT NULL,
  to_at         timestamptz NOT NULL CHECK (to_at > from_at),
  size          bigint NOT NULL,
  init_size     bigint NOT NULL,
  lost_packets  bigint NOT NULL,
  clock_offset  bigint NOT NULL,
  frames        integer NOT NULL,
  node_id       text NOT NULL,
  sha256        bytea NOT NULL CHECK (length(sha256) = 32),
  video         text NOT NULL,
  audio         text NOT NULL,
  clock_quality text NOT NULL,
  state         text NOT NULL,
  media_key     text NOT NULL,
  media_version text NOT NULL,
  fragments     bytea NOT NULL -- storage.EncodeFragments
);
-- Segments of a recording never overlap, so order by start is order by end.
CREATE UNIQUE INDEX segments_from ON segments (recording_id, from_at);
CREATE UNIQUE INDEX segments_to ON segments (recording_id, to_at);
CREATE INDEX segments_unverified ON segments (node_id, from_at) WHERE state = 'hashed';

-- A gap whose end is not after its start was removed: nothing was lost. The row
-- stays, so that a repeated call finds it.
CREATE TABLE gaps (
  id           uuid PRIMARY KEY,
  recording_id uuid NOT NULL REFERENCES recordings,
  camera_id    uuid NOT NULL REFERENCES cameras,
  node_id      text NOT NULL,
  from_at      timestamptz NOT NULL,
  to_at        timestamptz CHECK (to_at >= from_at),
  cause        text NOT NULL,
  detail       text NOT NULL
);
CREATE INDEX gaps_recording ON gaps (recording_id, from_at);
CREATE INDEX gaps_open ON gaps (from_at, id) WHERE to_at IS NULL;

CREATE TABLE leases (
  camera_id  uuid PRIMARY KEY,
  node_id    text NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE beats (
  node_id text PRIMARY KEY,
  at      timestamptz NOT NULL
);

CREATE TABLE users (
  id            uuid PRIMARY KEY,
  login         text COLLATE "C" NOT NULL CONSTRAINT users_login UNIQUE,
  name          text NOT NULL,
  password_hash text NOT NULL,
  roles         text[] NOT NULL,
  site_ids      text[] NOT NULL,
  disabled      boolean NOT NULL,
  created_at    timestamptz NOT NULL
);

CREATE TABLE sign_ins (
  token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  user_id    uuid NOT NULL REFERENCES users,
  created_at timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sign_ins_user ON sign_ins (user_id);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

CREATE TABLE client_tokens (
  id         uuid PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  token_hash bytea NOT NULL CONSTRAINT client_tokens_token_hash UNIQUE CHECK (length(token_hash) = 32),
  roles      text[] NOT NULL,
  site_ids   text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE audit (
  id         uuid PRIMARY KEY,
  at         timestamptz NOT NULL,
  session_id uuid,
  camera_id  uuid,
  from_at    timestamptz,
  to_at      timestamptz,
  who        text NOT NULL,
  who_id     text NOT NULL,
  act        text NOT NULL,
  object     text NOT NULL,
  outcome    text NOT NULL,
  detail     text NOT NULL,
  address    text NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_who ON audit (who_id, at, id);
CREATE INDEX audit_act ON audit (act, at, id);
CREATE INDEX audit_session ON audit (session_id, at, id) WHERE session_id IS NOT NULL;
CREATE INDEX audit_camera ON audit (camera_id, at, id) WHERE camera_id IS NOT NULL;
-- +goose StatementBegin
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  EXECUTE FUNCTION audit_only_grows();
