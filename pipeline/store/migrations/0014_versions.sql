-- The same thing again: what the key of a request stands for, and dead letters that a later version settles.

-- A key in a header names one request of a connector: another content under it is refused. Both are digests.
CREATE TABLE request_key (
    connector_id bigint NOT NULL,
    key bytea NOT NULL,
    content bytea NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector_id, key)
);
CREATE INDEX request_key_by_age ON request_key USING brin (claimed_at);

-- When a later version of a thing has reached the records, what earlier ones died of is settled: superseded. Letters from
-- before this migration are not.
ALTER TABLE dead_letter
    ADD COLUMN thing uuid, -- null: of an event that is a version of nothing, or had reached the records before it died
    ADD COLUMN received_at timestamptz,
    DROP CONSTRAINT dead_letter_status_check,
    ADD CONSTRAINT dead_letter_status_check CHECK (status IN ('dead', 'replayed', 'discarded', 'superseded'));
CREATE INDEX dead_letter_of_thing ON dead_letter (thing) WHERE status = 'dead' AND decision IS NULL;
