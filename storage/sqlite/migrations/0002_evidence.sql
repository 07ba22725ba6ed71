-- The evidence log, seals, exports, and what keeping and deleting rests on. What
-- triggers refuse here, they refuse to every client, this product too. Who owns
-- the file can drop them: fsck finds what was changed then.

-- +goose Up

-- Leaves in the order they were staged (id); idx is the position in the log,
-- given once by the one sequencer. Its index holds those that wait first, by id.
CREATE TABLE leaves (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  idx        INTEGER UNIQUE CHECK (idx >= 0), -- NULL while it waits
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  at         INTEGER NOT NULL,
  salt       BLOB NOT NULL CHECK (length(salt) = 16),
  commitment BLOB NOT NULL CHECK (length(commitment) = 32),
  detail     BLOB NOT NULL,
  UNIQUE (kind, subject)
) STRICT;

-- The tree's stored hashes, in the order of golang.org/x/mod/sumdb/tlog.
CREATE TABLE log_hashes (
  idx  INTEGER PRIMARY KEY CHECK (idx >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE checkpoints (
  size   INTEGER PRIMARY KEY CHECK (size > 0),
  origin TEXT NOT NULL,
  root   BLOB NOT NULL CHECK (length(root) = 32),
  at     INTEGER NOT NULL,
  note   BLOB NOT NULL
) STRICT;

CREATE TABLE cosignatures (
  size    INTEGER NOT NULL REFERENCES checkpoints (size),
  witness TEXT NOT NULL,
  at      INTEGER NOT NULL,
  line    TEXT NOT NULL,
  PRIMARY KEY (size, witness)
) STRICT, WITHOUT ROWID;
CREATE INDEX cosignatures_witness ON cosignatures (witness, size);

CREATE TABLE time_stamps (
  size      INTEGER NOT NULL REFERENCES checkpoints (size),
  authority TEXT NOT NULL,
  at        INTEGER NOT NULL,
  token     BLOB NOT NULL,
  PRIMARY KEY (size, authority)
) STRICT;

CREATE TABLE seals (
  recording_id TEXT NOT NULL PRIMARY KEY REFERENCES recordings (id),
  session_id   TEXT NOT NULL REFERENCES sessions (id),
  policy_id    TEXT NOT NULL,
  at           INTEGER NOT NULL,
  sha256       BLOB NOT NULL CHECK (length(sha256) = 32),
  manifest     BLOB NOT NULL -- last: facts are read without it
) STRICT;

CREATE TABLE exports (
  id              TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id      TEXT NOT NULL REFERENCES sessions (id),
  camera_ids      TEXT NOT NULL,
  from_at         INTEGER,
  to_at           INTEGER,
  purpose         TEXT NOT NULL,
  recipient_name  TEXT NOT NULL,
  recipient       TEXT NOT NULL,
  requested_by    TEXT NOT NULL,
  requested_by_id TEXT NOT NULL,
  requested_at    INTEGER NOT NULL,
  node_id         TEXT NOT NULL,
  state           TEXT NOT NULL,
  done_bytes      INTEGER NOT NULL,
  total_bytes     INTEGER NOT NULL,
  size            INTEGER NOT NULL,
  sha256          BLOB NOT NULL CHECK (length(sha256) = 32),
  manifest        BLOB NOT NULL CHECK (length(manifest) = 32),
  sealed_at       INTEGER,
  collected_at    INTEGER,
  error           TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX exports_requested ON exports (requested_at, id);
CREATE INDEX exports_session ON exports (session_id, requested_at, id);
CREATE INDEX exports_node ON exports (node_id, requested_at, id);
CREATE INDEX exports_state ON exports (state, requested_at, id);

-- Periods are months, then days.
CREATE TABLE policies (
  id                  TEXT PRIMARY KEY CHECK (length(id) = 36),
  purpose             TEXT NOT NULL,
  legal_basis         TEXT NOT NULL,
  keep_months         INTEGER NOT NULL,
  keep_days           INTEGER NOT NULL,
  unanchored_months   INTEGER NOT NULL,
  unanchored_days     INTEGER NOT NULL,
  warn_before_months  INTEGER NOT NULL,
  warn_before_days    INTEGER NOT NULL,
  after_appeal_months INTEGER NOT NULL,
  after_appeal_days   INTEGER NOT NULL,
  retroactive         INTEGER NOT NULL,
  state               TEXT NOT NULL,
  drafted_by          TEXT NOT NULL,
  drafted_by_id       TEXT NOT NULL,
  drafted_at          INTEGER NOT NULL,
  approved_by         TEXT NOT NULL,
  approved_by_id      TEXT NOT NULL,
  approved_at         INTEGER,
  name                TEXT NOT NULL,
  version             INTEGER NOT NULL CHECK (version > 0),
  UNIQUE (name, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX policies_in_force ON policies (name) WHERE state = 'approved';

CREATE TABLE session_events (
  id          TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id  TEXT NOT NULL REFERENCES sessions (id),
  source      TEXT NOT NULL,
  external_id TEXT NOT NULL,
  kind        TEXT NOT NULL,
  at          INTEGER NOT NULL,
  appeal      TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  UNIQUE (source, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_events_session ON session_events (session_id, at, id);

CREATE TABLE holds (
  id                  TEXT PRIMARY KEY CHECK (length(id) = 36),
  session_id          TEXT NOT NULL REFERENCES sessions (id),
  kind                TEXT NOT NULL,
  reference           TEXT NOT NULL,
  reason              TEXT NOT NULL,
  placed_by           TEXT NOT NULL,
  placed_by_id        TEXT NOT NULL,
  placed_at           INTEGER NOT NULL,
  release_asked_by    TEXT NOT NULL,
  release_asked_by_id TEXT NOT NULL,
  release_asked_at    INTEGER,
  release_due         INTEGER,
  released_by         TEXT NOT NULL,
  released_at         INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_session ON holds (session_id, placed_at, id);
CREATE INDEX holds_active ON holds (placed_at, id) WHERE released_at IS NULL;

CREATE TABLE deletions (
  id           TEXT PRIMARY KEY CHECK (length(id) = 36),
  recording_id TEXT NOT NULL UNIQUE REFERENCES recordings (id),
  session_id   TEXT NOT NULL REFERENCES sessions (id),
  policy_id    TEXT NOT NULL,
  reason       TEXT NOT NULL,
  due_at       INTEGER NOT NULL,
  decided_at   INTEGER NOT NULL,
  state        TEXT NOT NULL,
  done_at      INTEGER,
  certificate  BLOB,
  CHECK ((state = 'done') = (certificate IS NOT NULL AND done_at IS NOT NULL))
) STRICT;
CREATE INDEX deletions_decided ON deletions (decided_at, id);
CREATE INDEX deletions_state ON deletions (state, decided_at, id);
CREATE INDEX deletions_session ON deletions (session_id);

CREATE INDEX segments_state ON segments (recording_id, state, from_at);

-- A leaf gets its index once, and changes in nothing else.
-- +goose StatementBegin
CREATE TRIGGER leaves_indexed_once BEFORE UPDATE ON leaves
WHEN OLD.idx IS NOT NULL OR NEW.idx IS NULL OR NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.subject <> OLD.subject
  OR NEW.at <> OLD.at OR NEW.salt <> OLD.salt OR NEW.commitment <> OLD.commitment OR NEW.detail <> OLD.detail
BEGIN SELECT RAISE(ABORT, 'leaves: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER leaves_stay BEFORE DELETE ON leaves
BEGIN SELECT RAISE(ABORT, 'leaves: the evidence only grows'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER log_hashes_grow BEFORE UPDATE ON log_hashes
BEGIN SELECT RAISE(ABORT, 'log_hashes: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hashes_stay BEFORE DELETE ON log_hashes
BEGIN SELECT RAISE(ABORT, 'log_hashes: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_grow BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER cosignatures_grow BEFORE UPDATE ON cosignatures
BEGIN SELECT RAISE(ABORT, 'cosignatures: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER cosignatures_stay BEFORE DELETE ON cosignatures
BEGIN SELECT RAISE(ABORT, 'cosignatures: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER time_stamps_grow BEFORE UPDATE ON time_stamps
BEGIN SELECT RAISE(ABORT, 'time_stamps: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER time_stamps_stay BEFORE DELETE ON time_stamps
BEGIN SELECT RAISE(ABORT, 'time_stamps: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER seals_grow BEFORE UPDATE ON seals
BEGIN SELECT RAISE(ABORT, 'seals: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER seals_stay BEFORE DELETE ON seals
BEGIN SELECT RAISE(ABORT, 'seals: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_events_grow BEFORE UPDATE ON session_events
BEGIN SELECT RAISE(ABORT, 'session_events: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER session_events_stay BEFORE DELETE ON session_events
BEGIN SELECT RAISE(ABORT, 'session_events: the evidence only grows'); END;
-- +goose StatementEnd

-- An approved policy never changes: a newer version supersedes it.
-- +goose StatementBegin
CREATE TRIGGER policies_approved BEFORE UPDATE ON policies
WHEN OLD.state = 'superseded' OR OLD.state = 'approved' AND (NEW.state <> 'superseded'
  OR (NEW.id, NEW.name, NEW.version, NEW.purpose, NEW.legal_basis, NEW.keep_months, NEW.keep_days, NEW.unanchored_months, NEW.unanchored_days,
      NEW.warn_before_months, NEW.warn_before_days, NEW.after_appeal_months, NEW.after_appeal_days, NEW.retroactive,
      NEW.drafted_by, NEW.drafted_by_id, NEW.drafted_at, NEW.approved_by, NEW.approved_by_id, NEW.approved_at)
    IS NOT
     (OLD.id, OLD.name, OLD.version, OLD.purpose, OLD.legal_basis, OLD.keep_months, OLD.keep_days, OLD.unanchored_months, OLD.unanchored_days,
      OLD.warn_before_months, OLD.warn_before_days, OLD.after_appeal_months, OLD.after_appeal_days, OLD.retroactive,
      OLD.drafted_by, OLD.drafted_by_id, OLD.drafted_at, OLD.approved_by, OLD.approved_by_id, OLD.approved_at))
BEGIN SELECT RAISE(ABORT, 'policies: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER policies_stay BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'policies: the evidence only grows'); END;
-- +goose StatementEnd

-- A released hold stays released; who placed it and why never changes.
-- +goose StatementBegin
CREATE TRIGGER holds_released BEFORE UPDATE ON holds
WHEN OLD.released_at IS NOT NULL
  OR (NEW.id, NEW.session_id, NEW.kind, NEW.reference, NEW.reason, NEW.placed_by, NEW.placed_by_id, NEW.placed_at)
    IS NOT (OLD.id, OLD.session_id, OLD.kind, OLD.reference, OLD.reason, OLD.placed_by, OLD.placed_by_id, OLD.placed_at)
BEGIN SELECT RAISE(ABORT, 'holds: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER holds_stay BEFORE DELETE ON holds
BEGIN SELECT RAISE(ABORT, 'holds: the evidence only grows'); END;
-- +goose StatementEnd

-- A deletion that is done never changes; what was decided never does.
-- +goose StatementBegin
CREATE TRIGGER deletions_done BEFORE UPDATE ON deletions
WHEN OLD.state = 'done'
  OR (NEW.id, NEW.recording_id, NEW.session_id, NEW.policy_id, NEW.reason, NEW.due_at, NEW.decided_at)
    IS NOT (OLD.id, OLD.recording_id, OLD.session_id, OLD.policy_id, OLD.reason, OLD.due_at, OLD.decided_at)
BEGIN SELECT RAISE(ABORT, 'deletions: the evidence only grows'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deletions_stay BEFORE DELETE ON deletions
BEGIN SELECT RAISE(ABORT, 'deletions: the evidence only grows'); END;
-- +goose StatementEnd

-- A sealed recording moves on to expired and deleted, and changes in nothing else.
-- +goose StatementBegin
CREATE TRIGGER recordings_sealed BEFORE UPDATE ON recordings
WHEN OLD.state IN ('sealed', 'expired', 'deleted')
  AND ((NEW.id, NEW.session_id, NEW.camera_id, NEW.room_id, NEW.node_id, NEW.window_from, NEW.window_to, NEW.created_at)
      IS NOT (OLD.id, OLD.session_id, OLD.camera_id, OLD.room_id, OLD.node_id, OLD.window_from, OLD.window_to, OLD.created_at)
    OR NEW.state NOT IN ('sealed', 'expired', 'deleted') OR instr('sealed expired deleted', NEW.state) < instr('sealed expired deleted', OLD.state))
BEGIN SELECT RAISE(ABORT, 'recordings: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recordings_stay BEFORE DELETE ON recordings
WHEN OLD.state IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'recordings: the recording is sealed'); END;
-- +goose StatementEnd

-- The rows of a sealed recording: its segments may go on through deleting to
-- deleted, and nothing else of them changes. One that arrives in the store late
-- gets its object's name then.
-- +goose StatementBegin
CREATE TRIGGER segments_sealed_insert BEFORE INSERT ON segments
WHEN (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'segments: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER segments_sealed_update BEFORE UPDATE ON segments
WHEN ((NEW.id, NEW.recording_id, NEW.camera_id, NEW.run_id, NEW.node_id, NEW.from_at, NEW.to_at, NEW.size, NEW.sha256, NEW.init_size,
      NEW.video, NEW.audio, NEW.frames, NEW.lost_packets, NEW.clock_offset, NEW.clock_quality, NEW.fragments)
    IS NOT
     (OLD.id, OLD.recording_id, OLD.camera_id, OLD.run_id, OLD.node_id, OLD.from_at, OLD.to_at, OLD.size, OLD.sha256, OLD.init_size,
      OLD.video, OLD.audio, OLD.frames, OLD.lost_packets, OLD.clock_offset, OLD.clock_quality, OLD.fragments)
    OR OLD.state <> 'hashed' AND (NEW.media_key, NEW.media_version) IS NOT (OLD.media_key, OLD.media_version)
    OR NEW.state NOT IN ('hashed', 'verified', 'deleting', 'deleted')
    OR instr('hashed verified deleting deleted', NEW.state) < instr('hashed verified deleting deleted', OLD.state))
  AND ((SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
    OR (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted'))
BEGIN SELECT RAISE(ABORT, 'segments: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER segments_sealed_delete BEFORE DELETE ON segments
WHEN (SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'segments: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER gaps_sealed_insert BEFORE INSERT ON gaps
WHEN (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'gaps: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER gaps_sealed_update BEFORE UPDATE ON gaps
WHEN (SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
  OR (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'gaps: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER gaps_sealed_delete BEFORE DELETE ON gaps
WHEN (SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'gaps: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER runs_sealed_insert BEFORE INSERT ON runs
WHEN (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'runs: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER runs_sealed_update BEFORE UPDATE ON runs
WHEN (SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
  OR (SELECT state FROM recordings WHERE id = NEW.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'runs: the recording is sealed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER runs_sealed_delete BEFORE DELETE ON runs
WHEN (SELECT state FROM recordings WHERE id = OLD.recording_id) IN ('sealed', 'expired', 'deleted')
BEGIN SELECT RAISE(ABORT, 'runs: the recording is sealed'); END;
-- +goose StatementEnd
