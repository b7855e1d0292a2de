-- Accounts, connectors, records, the journal, dead letters, notifications, receipts, workers.
--
-- Between the tables that every event writes (lead, identity_key, activity, call, applied_event, journal) there are
-- no foreign keys: one transaction of one program writes them together, and a check per row would cost more than
-- the row. `leadpipe audit` looks instead.

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO account (name) VALUES ('default');

-- Connectors ---------------------------------------------------------------------------------------------------------

CREATE TABLE connector (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    name text NOT NULL,
    preset text NOT NULL,
    settings jsonb NOT NULL,
    enabled boolean NOT NULL,
    revision int NOT NULL DEFAULT 1,
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, name)
);

CREATE TABLE connector_revision (
    connector_id bigint NOT NULL REFERENCES connector,
    revision int NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector_id, revision)
);

CREATE TABLE connector_token (
    token text PRIMARY KEY,
    connector_id bigint NOT NULL REFERENCES connector,
    valid_until timestamptz, -- null: until it is withdrawn
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON connector_token (connector_id);

-- One row that grows with every change of the tables above. A row and not a sequence: a sequence moves before the
-- change that moved it can be seen, and whoever looked in between would miss the change for good.
CREATE TABLE connector_version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO connector_version (version) VALUES (1);

CREATE FUNCTION connector_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE connector_version SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON connector
    FOR EACH STATEMENT EXECUTE FUNCTION connector_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON connector_token
    FOR EACH STATEMENT EXECUTE FUNCTION connector_changed();

-- Records ------------------------------------------------------------------------------------------------------------

-- `fields` holds values only; `stamps` says which event set which field and when, see pipeline/store/merge.py.
-- No index on what changes, and room in each page: an update stays on its page (a HOT update).
CREATE TABLE lead (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL,
    fields jsonb NOT NULL,
    stamps jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version int NOT NULL DEFAULT 1
) WITH (fillfactor = 80);
CREATE INDEX lead_by_age ON lead (account_id, created_at, id);

-- Rows are added and never moved to another lead, so that a look-up without a lock stays true.
CREATE TABLE identity_key (
    account_id bigint NOT NULL,
    space text NOT NULL,
    value text NOT NULL,
    lead_id uuid NOT NULL,
    PRIMARY KEY (account_id, space, value)
);
CREATE INDEX identity_key_of_lead ON identity_key (lead_id);

-- What a lead did or was done to it, in one line of time. A call has a row here too, with the same id.
CREATE TABLE activity (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    lead_id uuid NOT NULL,
    type text NOT NULL,
    external_id text,
    occurred_at timestamptz NOT NULL,
    fields jsonb NOT NULL,
    stamps jsonb NOT NULL,
    event_id uuid NOT NULL, -- the event that made it
    version int NOT NULL DEFAULT 1
) WITH (fillfactor = 90);
CREATE INDEX activity_of_lead ON activity (lead_id, occurred_at);

-- `id` is derived from account, connector and `call_id`, so the primary key also keeps those unique.
CREATE TABLE call (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    call_id text,
    lead_id uuid NOT NULL,
    fields jsonb NOT NULL,
    stamps jsonb NOT NULL,
    started_at timestamptz,
    version int NOT NULL DEFAULT 1
) WITH (fillfactor = 80);

-- Written in the transaction that wrote the records: the event has taken effect, and with which outcome.
CREATE TABLE applied_event (
    event_id uuid PRIMARY KEY,
    day date NOT NULL, -- the day of its journal row
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    outcome text NOT NULL,
    lead_id uuid NOT NULL,
    call_id uuid,
    activity_id uuid,
    matched_by text,
    changed text[] NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX applied_event_by_age ON applied_event USING brin (applied_at);

-- The journal --------------------------------------------------------------------------------------------------------

CREATE TABLE journal (
    day date NOT NULL, -- UTC, of the event's first arrival
    event_id uuid NOT NULL,
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    kind text NOT NULL,
    received_at timestamptz NOT NULL,
    occurred_at timestamptz,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL, -- created, updated, unchanged, dropped, failed
    reason text,
    failed_stage text,
    failure jsonb,
    lead_id uuid,
    call_id uuid,
    activity_id uuid,
    matched_by text,
    changed text[] NOT NULL,
    attempts int NOT NULL,
    revision int NOT NULL,
    replay int NOT NULL,
    notes text[] NOT NULL,
    stages jsonb NOT NULL, -- the trail: stage, attempt, waited_ms, spent_ms
    request text NOT NULL,
    PRIMARY KEY (day, event_id)
) PARTITION BY RANGE (day);
CREATE INDEX journal_by_time ON journal (account_id, received_at, event_id);
CREATE INDEX journal_failed ON journal (account_id, received_at, event_id) WHERE outcome = 'failed';
CREATE INDEX journal_of_lead ON journal (lead_id) WHERE lead_id IS NOT NULL;
CREATE TABLE journal_default PARTITION OF journal DEFAULT;

-- The day of the journal row of an event that did not reach the records when it first came; those that did have
-- theirs in applied_event. With it the row is found again when the event comes back on another day.
CREATE TABLE journal_day (
    event_id uuid PRIMARY KEY,
    day date NOT NULL
);

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL, -- of an unreadable frame: derived from its bytes
    account_id bigint,
    connector_id bigint,
    stage text NOT NULL,
    kind text NOT NULL, -- rejected, poison, unreadable
    reason text NOT NULL,
    field text,
    value text,
    rule text,
    error text,
    trace text,
    attempts int NOT NULL,
    replay int NOT NULL,
    died_at timestamptz NOT NULL,
    event json, -- json and not jsonb: kept to the letter, also what jsonb cannot hold
    unreadable bytea,
    status text NOT NULL DEFAULT 'dead' CHECK (status IN ('dead', 'replayed', 'discarded')),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id, stage, replay),
    CHECK ((event IS NULL) <> (unreadable IS NULL))
);
CREATE INDEX dead_letter_dead ON dead_letter (stage, id) WHERE status = 'dead';

CREATE TABLE notification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    event_id uuid NOT NULL,
    replay int NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id, replay, kind)
);
CREATE INDEX notification_by_age ON notification (account_id, id);

-- Operation ----------------------------------------------------------------------------------------------------------

-- One row for each event that a producer was told is accepted; written late, in bulk, from the ingress' own files.
CREATE TABLE receipt (
    day date NOT NULL, -- UTC, of received_at
    event_id uuid NOT NULL,
    connector_id bigint NOT NULL,
    received_at timestamptz NOT NULL
) PARTITION BY RANGE (day);
CREATE TABLE receipt_default PARTITION OF receipt DEFAULT;

CREATE TABLE receipt_segment (
    name text PRIMARY KEY,
    shipped_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE worker (
    name text PRIMARY KEY,
    host text NOT NULL,
    pid int NOT NULL,
    stages jsonb NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now()
);
