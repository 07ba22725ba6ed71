-- The evidence log, seals, exports, and what keeping and deleting rests on. What
-- triggers refuse here, they refuse to every client, this product too. A
-- superuser can switch them off: fsck finds what was changed then.

-- +goose Up

-- Leaves in the order they were staged (id); idx is the position in the log,
-- given once by the one sequencer. Transactions commit in another order than
-- they drew their id, so what waits is told by idx alone, never by a highest id.
CREATE TABLE leaves (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  idx        bigint CONSTRAINT leaves_idx UNIQUE CHECK (idx >= 0),
  kind       text COLLATE "C" NOT NULL,
  subject    text COLLATE "C" NOT NULL,
  at         timestamptz NOT NULL,
  salt       bytea NOT NULL CHECK (length(salt) = 16),
  commitment bytea NOT NULL CHECK (length(commitment) = 32),
  detail     bytea NOT NULL,
  CONSTRAINT leaves_subject UNIQUE (kind, subject)
);
CREATE INDEX leaves_staged ON leaves (id) WHERE idx IS NULL;

-- How far leaves of rows from before this table were looked for.
CREATE TABLE leaf_looks (
  kind      text PRIMARY KEY,
  looked_at timestamptz NOT NULL
);

-- The tree's stored hashes, in the order of golang.org/x/mod/sumdb/tlog.
CREATE TABLE log_hashes (
  idx  bigint PRIMARY KEY CHECK (idx >= 0),
  hash bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE checkpoints (
  size   bigint PRIMARY KEY CHECK (size > 0),
  origin text NOT NULL,
  root   bytea NOT NULL CHECK (length(root) = 32),
  at     timestamptz NOT NULL,
  note   bytea NOT NULL
);

CREATE TABLE cosignatures (
  size    bigint NOT NULL REFERENCES checkpoints,
  witness text COLLATE "C" NOT NULL,
  at      timestamptz NOT NULL,
  line    text NOT NULL,
  PRIMARY KEY (size, witness)
);
CREATE INDEX cosignatures_witness ON cosignatures (witness, size);

CREATE TABLE time_stamps (
  size      bigint NOT NULL REFERENCES checkpoints,
  authority text COLLATE "C" NOT NULL,
  at        timestamptz NOT NULL,
  token     bytea NOT NULL,
  PRIMARY KEY (size, authority)
);

CREATE TABLE seals (
  recording_id uuid PRIMARY KEY REFERENCES recordings,
  session_id   uuid NOT NULL REFERENCES sessions,
  policy_id    uuid,
  at           timestamptz NOT NULL,
  manifest     bytea NOT NULL,
  sha256       bytea NOT NULL CHECK (length(sha256) = 32)
);

CREATE TABLE exports (
  id              uuid PRIMARY KEY,
  session_id      uuid NOT NULL REFERENCES sessions,
  camera_ids      text[] NOT NULL, -- empty: all
  from_at         timestamptz,
  to_at           timestamptz,
  purpose         text NOT NULL,
  recipient_name  text NOT NULL,
  recipient       text NOT NULL,
  requested_by    text NOT NULL,
  requested_by_id text NOT NULL,
  requested_at    timestamptz NOT NULL,
  node_id         text NOT NULL,
  state           text NOT NULL,
  done_bytes      bigint NOT NULL,
  total_bytes     bigint NOT NULL,
  size            bigint NOT NULL,
  sha256          bytea NOT NULL CHECK (length(sha256) = 32),
  manifest        bytea NOT NULL CHECK (length(manifest) = 32),
  sealed_at       timestamptz,
  collected_at    timestamptz,
  error           text NOT NULL
);
CREATE INDEX exports_requested ON exports (requested_at, id);
CREATE INDEX exports_session ON exports (session_id, requested_at, id);
CREATE INDEX exports_node ON exports (node_id, state, requested_at, id);

-- Periods are months, then days.
CREATE TABLE policies (
  id                  uuid PRIMARY KEY,
  name                text COLLATE "C" NOT NULL,
  version             integer NOT NULL CHECK (version > 0),
  purpose             text NOT NULL,
  legal_basis         text NOT NULL,
  keep_months         integer NOT NULL,
  keep_days           integer NOT NULL,
  unanchored_months   integer NOT NULL,
  unanchored_days     integer NOT NULL,
  warn_before_months  integer NOT NULL,
  warn_before_days    integer NOT NULL,
  after_appeal_months integer NOT NULL,
  after_appeal_days   integer NOT NULL,
  retroactive         boolean NOT NULL,
  state               text NOT NULL,
  drafted_by          text NOT NULL,
  drafted_by_id       text NOT NULL,
  drafted_at          timestamptz NOT NULL,
  approved_by         text NOT NULL,
  approved_by_id      text NOT NULL,
  approved_at         timestamptz,
  CONSTRAINT policies_version UNIQUE (name, version)
);
CREATE UNIQUE INDEX policies_in_force ON policies (name) WHERE state = 'approved';

CREATE TABLE session_events (
  id          uuid PRIMARY KEY,
  session_id  uuid NOT NULL REFERENCES sessions,
  source      text NOT NULL,
  external_id text NOT NULL,
  kind        text NOT NULL,
  at          timestamptz NOT NULL,
  appeal      text NOT NULL,
  received_at timestamptz NOT NULL,
  CONSTRAINT session_events_event_id UNIQUE (source, external_id)
);
CREATE INDEX session_events_session ON session_events (session_id, at, id);

CREATE TABLE holds (
  id                  uuid PRIMARY KEY,
  session_id          uuid NOT NULL REFERENCES sessions,
  kind                text NOT NULL,
  reference           text NOT NULL,
  reason              text NOT NULL,
  placed_by           text NOT NULL,
  placed_by_id        text NOT NULL,
  placed_at           timestamptz NOT NULL,
  release_asked_by    text NOT NULL,
  release_asked_by_id text NOT NULL,
  release_asked_at    timestamptz,
  release_due         timestamptz,
  released_by         text NOT NULL,
  released_at         timestamptz
);
CREATE INDEX holds_session ON holds (session_id, placed_at, id);
CREATE INDEX holds_active ON holds (placed_at, id) WHERE released_at IS NULL;

CREATE TABLE deletions (
  id           uuid PRIMARY KEY,
  recording_id uuid NOT NULL CONSTRAINT deletions_recording UNIQUE REFERENCES recordings,
  session_id   uuid NOT NULL REFERENCES sessions,
  policy_id    uuid,
  reason       text NOT NULL,
  due_at       timestamptz NOT NULL,
  decided_at   timestamptz NOT NULL,
  state        text NOT NULL,
  done_at      timestamptz,
  certificate  bytea,
  CHECK ((state = 'done') = (certificate IS NOT NULL AND done_at IS NOT NULL))
);
CREATE INDEX deletions_decided ON deletions (decided_at, id);
CREATE INDEX deletions_state ON deletions (state, decided_at, id);
CREATE INDEX deletions_session ON deletions (session_id);
CREATE INDEX segments_deleting ON segments (recording_id, from_at) WHERE state = 'deleting';

-- +goose StatementBegin
CREATE FUNCTION evidence_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%: the evidence only grows', TG_TABLE_NAME; END $$;
-- +goose StatementEnd
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log_hashes EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignatures EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON time_stamps EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON seals EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON session_events EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON leaves EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON deletions EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON holds EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON policies EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE TRUNCATE ON recordings EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE TRUNCATE ON runs EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE TRUNCATE ON segments EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE TRUNCATE ON gaps EXECUTE FUNCTION evidence_only_grows();

-- A leaf gets its index once, and changes in nothing else.
-- +goose StatementBegin
CREATE FUNCTION leaf_is_indexed_once() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF OLD.idx IS NULL AND NEW.idx IS NOT NULL
    AND (NEW.id, NEW.kind, NEW.subject, NEW.at, NEW.salt, NEW.commitment, NEW.detail)
      = (OLD.id, OLD.kind, OLD.subject, OLD.at, OLD.salt, OLD.commitment, OLD.detail) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'leaves: the evidence only grows';
END $$;
-- +goose StatementEnd
CREATE TRIGGER indexed_once BEFORE UPDATE ON leaves FOR EACH ROW EXECUTE FUNCTION leaf_is_indexed_once();

CREATE TRIGGER done BEFORE UPDATE ON deletions FOR EACH ROW WHEN (OLD.state = 'done'
    OR (NEW.id, NEW.recording_id, NEW.session_id, NEW.policy_id, NEW.reason, NEW.due_at, NEW.decided_at)
      IS DISTINCT FROM (OLD.id, OLD.recording_id, OLD.session_id, OLD.policy_id, OLD.reason, OLD.due_at, OLD.decided_at))
  EXECUTE FUNCTION evidence_only_grows();

-- An approved policy never changes: a newer version supersedes it.
CREATE TRIGGER approved BEFORE UPDATE ON policies FOR EACH ROW WHEN (OLD.state = 'superseded'
    OR OLD.state = 'approved' AND (NEW.state <> 'superseded'
      OR (NEW.id, NEW.name, NEW.version, NEW.purpose, NEW.legal_basis, NEW.retroactive, NEW.approved_by, NEW.approved_by_id, NEW.approved_at,
          NEW.keep_months, NEW.keep_days, NEW.unanchored_months, NEW.unanchored_days, NEW.warn_before_months, NEW.warn_before_days,
          NEW.after_appeal_months, NEW.after_appeal_days, NEW.drafted_by, NEW.drafted_by_id, NEW.drafted_at)
        IS DISTINCT FROM
         (OLD.id, OLD.name, OLD.version, OLD.purpose, OLD.legal_basis, OLD.retroactive, OLD.approved_by, OLD.approved_by_id, OLD.approved_at,
          OLD.keep_months, OLD.keep_days, OLD.unanchored_months, OLD.unanchored_days, OLD.warn_before_months, OLD.warn_before_days,
          OLD.after_appeal_months, OLD.after_appeal_days, OLD.drafted_by, OLD.drafted_by_id, OLD.drafted_at)))
  EXECUTE FUNCTION evidence_only_grows();

-- A released hold stays released; who placed it and why never changes.
CREATE TRIGGER released BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.released_at IS NOT NULL
    OR (NEW.id, NEW.session_id, NEW.kind, NEW.reference, NEW.reason, NEW.placed_by, NEW.placed_by_id, NEW.placed_at)
      IS DISTINCT FROM (OLD.id, OLD.session_id, OLD.kind, OLD.reference, OLD.reason, OLD.placed_by, OLD.placed_by_id, OLD.placed_at))
  EXECUTE FUNCTION evidence_only_grows();

-- A sealed recording moves on to expired and deleted, and changes in nothing else.
CREATE TRIGGER sealed BEFORE UPDATE ON recordings FOR EACH ROW WHEN (OLD.state IN ('sealed', 'expired', 'deleted')
    AND ((NEW.id, NEW.session_id, NEW.camera_id, NEW.room_id, NEW.node_id, NEW.window_from, NEW.window_to, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.session_id, OLD.camera_id, OLD.room_id, OLD.node_id, OLD.window_from, OLD.window_to, OLD.created_at)
      OR coalesce(array_position(ARRAY['sealed', 'expired', 'deleted'], NEW.state), 0)
        < array_position(ARRAY['sealed', 'expired', 'deleted'], OLD.state)))
  EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER sealed_stays BEFORE DELETE ON recordings FOR EACH ROW WHEN (OLD.state IN ('sealed', 'expired', 'deleted'))
  EXECUTE FUNCTION evidence_only_grows();

-- The rows of a sealed recording. Its segments may go on through deleting to
-- deleted, with what is known of their object, and change in nothing else.
-- +goose StatementBegin
CREATE FUNCTION sealed_recording(rec uuid) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT EXISTS (SELECT FROM recordings WHERE id = rec AND state IN ('sealed', 'expired', 'deleted')) $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION sealed_rows_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF TG_OP <> 'INSERT' AND sealed_recording(OLD.recording_id) OR TG_OP <> 'DELETE' AND sealed_recording(NEW.recording_id) THEN
    RAISE EXCEPTION '%: the recording is sealed', TG_TABLE_NAME;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER sealed BEFORE INSERT OR UPDATE OR DELETE ON gaps FOR EACH ROW EXECUTE FUNCTION sealed_rows_stay();
CREATE TRIGGER sealed BEFORE INSERT OR UPDATE OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION sealed_rows_stay();
CREATE TRIGGER sealed BEFORE INSERT OR DELETE ON segments FOR EACH ROW EXECUTE FUNCTION sealed_rows_stay();
CREATE TRIGGER sealed_update BEFORE UPDATE ON segments FOR EACH ROW WHEN (
    (NEW.id, NEW.recording_id, NEW.camera_id, NEW.run_id, NEW.from_at, NEW.to_at, NEW.size, NEW.init_size, NEW.lost_packets, NEW.clock_offset,
     NEW.frames, NEW.node_id, NEW.sha256, NEW.video, NEW.audio, NEW.clock_quality, NEW.fragments)
   IS DISTINCT FROM
    (OLD.id, OLD.recording_id, OLD.camera_id, OLD.run_id, OLD.from_at, OLD.to_at, OLD.size, OLD.init_size, OLD.lost_packets, OLD.clock_offset,
     OLD.frames, OLD.node_id, OLD.sha256, OLD.video, OLD.audio, OLD.clock_quality, OLD.fragments)
   OR coalesce(array_position(ARRAY['hashed', 'verified', 'deleting', 'deleted'], NEW.state), 0)
     < array_position(ARRAY['hashed', 'verified', 'deleting', 'deleted'], OLD.state)
   OR (NEW.media_key, NEW.media_version) IS DISTINCT FROM (OLD.media_key, OLD.media_version)
     AND NOT (NEW.state IN ('deleting', 'deleted') OR OLD.state = 'hashed'))
  EXECUTE FUNCTION sealed_rows_stay();
