-- What an exam was like, what other systems are told of it, and what security
-- staff should look at. An empty session or camera is NULL; who is who did it.

-- +goose Up
CREATE TABLE webhooks (
  id         uuid PRIMARY KEY,
  name       text COLLATE "C" NOT NULL CONSTRAINT webhooks_name UNIQUE,
  url        text NOT NULL,
  source     text NOT NULL,
  kinds      text[], -- NULL: all but alarms
  secret     bytea, -- sealed by storage/secret, like new_secret
  new_secret bytea,
  disabled   boolean NOT NULL,
  created_at timestamptz NOT NULL
);

-- Notices in the order they were staged (n); the running number is given once by
-- the one publisher. Transactions commit in another order than they drew their n,
-- so what waits is told by number alone, never by a highest n.
CREATE TABLE notices (
  n          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number     bigint CONSTRAINT notices_number UNIQUE CHECK (number > 0), -- NULL while it waits
  id         uuid NOT NULL CONSTRAINT notices_id UNIQUE,
  kind       text COLLATE "C" NOT NULL,
  subject    text COLLATE "C" NOT NULL, -- what it is about
  session_id uuid REFERENCES sessions,
  source     text COLLATE "C" NOT NULL,
  at         timestamptz NOT NULL,
  data       bytea NOT NULL,
  CONSTRAINT notices_subject UNIQUE (kind, subject)
);
CREATE INDEX notices_staged ON notices (n) WHERE number IS NULL;
CREATE INDEX notices_source ON notices (source, number) WHERE number IS NOT NULL;

-- node_id holds the delivery until held_until; with held_until NULL it is the one
-- that gave it up last. A session's notices form one line of a webhook.
CREATE TABLE deliveries (
  webhook_id uuid NOT NULL REFERENCES webhooks,
  number     bigint NOT NULL REFERENCES notices (number),
  line       text COLLATE "C" NOT NULL, -- session of the notice; empty: of none
  state      text COLLATE "C" NOT NULL,
  attempts   integer NOT NULL,
  next_at    timestamptz,
  last_error text NOT NULL,
  done_at    timestamptz,
  node_id    text NOT NULL,
  held_until timestamptz,
  PRIMARY KEY (webhook_id, number)
);
CREATE INDEX deliveries_number ON deliveries (number, webhook_id);
CREATE INDEX deliveries_state ON deliveries (webhook_id, state, number);
CREATE INDEX deliveries_line ON deliveries (webhook_id, line, number) WHERE state = 'waiting';
CREATE INDEX deliveries_due ON deliveries (next_at, number) WHERE state = 'waiting';

CREATE TABLE incidents (
  id          uuid PRIMARY KEY,
  session_id  uuid NOT NULL REFERENCES sessions,
  camera_id   uuid REFERENCES cameras,
  at          timestamptz NOT NULL,
  seat        integer NOT NULL,
  kind        text NOT NULL,
  note        text NOT NULL,
  follows     uuid REFERENCES incidents,
  step        text NOT NULL,
  who         text NOT NULL,
  who_id      text NOT NULL,
  recorded_at timestamptz NOT NULL
);
CREATE INDEX incidents_session ON incidents (session_id, recorded_at, id);

CREATE TABLE part_events (
  id          uuid PRIMARY KEY,
  session_id  uuid NOT NULL REFERENCES sessions,
  part_id     uuid NOT NULL,
  step        text NOT NULL,
  at          timestamptz NOT NULL,
  corrects    uuid REFERENCES part_events,
  void        boolean NOT NULL,
  note        text NOT NULL,
  who         text NOT NULL,
  who_id      text NOT NULL,
  recorded_at timestamptz NOT NULL
);
CREATE INDEX part_events_session ON part_events (session_id, recorded_at, id);

-- document_hash is the session's when it was linked: while it is the same, the
-- source of the key has pushed nothing.
CREATE TABLE session_links (
  source        text COLLATE "C" NOT NULL,
  external_id   text COLLATE "C" NOT NULL,
  session_id    uuid NOT NULL CONSTRAINT session_links_session_id UNIQUE REFERENCES sessions,
  document_hash bytea NOT NULL CHECK (length(document_hash) = 32),
  who           text NOT NULL,
  who_id        text NOT NULL,
  at            timestamptz NOT NULL,
  CONSTRAINT session_links_external_id PRIMARY KEY (source, external_id)
);
CREATE INDEX session_links_external ON session_links (external_id);

CREATE TABLE readiness (
  id         uuid PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions,
  camera_id  uuid REFERENCES cameras,
  node_id    text NOT NULL,
  occasion   text NOT NULL,
  at         timestamptz NOT NULL,
  state      text NOT NULL,
  items      bytea NOT NULL,
  follows    uuid REFERENCES readiness,
  reason     text NOT NULL,
  who        text NOT NULL,
  who_id     text NOT NULL
);
CREATE INDEX readiness_session ON readiness (session_id, at, id);

CREATE TABLE alarms (
  id         uuid PRIMARY KEY,
  kind       text NOT NULL,
  key        text NOT NULL,
  who        text NOT NULL,
  who_id     text NOT NULL,
  session_id uuid REFERENCES sessions,
  at         timestamptz NOT NULL,
  count      bigint NOT NULL,
  detail     text NOT NULL,
  seen_by    text NOT NULL,
  seen_at    timestamptz,
  seen_note  text NOT NULL,
  CONSTRAINT alarms_key UNIQUE (kind, key)
);
CREATE INDEX alarms_at ON alarms (at, id);
CREATE INDEX alarms_unseen ON alarms (at, id) WHERE seen_at IS NULL;

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON incidents EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON part_events EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON session_links EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON readiness EXECUTE FUNCTION evidence_only_grows();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON notices EXECUTE FUNCTION evidence_only_grows();

-- A notice gets its number once, and changes in nothing else.
CREATE TRIGGER numbered_once BEFORE UPDATE ON notices FOR EACH ROW WHEN (OLD.number IS NOT NULL OR NEW.number IS NULL
    OR (NEW.n, NEW.id, NEW.kind, NEW.subject, NEW.session_id, NEW.source, NEW.at, NEW.data)
      IS DISTINCT FROM (OLD.n, OLD.id, OLD.kind, OLD.subject, OLD.session_id, OLD.source, OLD.at, OLD.data))
  EXECUTE FUNCTION evidence_only_grows();
