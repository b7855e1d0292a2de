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

-- All versions of a thing lie in one range of event ids. When a later one has reached the records, what earlier ones
-- died of is settled: superseded. Few letters wait for that, so each range is looked for in a small index.
ALTER TABLE dead_letter
    DROP CONSTRAINT dead_letter_status_check,
    ADD CONSTRAINT dead_letter_status_check CHECK (status IN ('dead', 'replayed', 'discarded', 'superseded'));
CREATE INDEX dead_letter_of_thing ON dead_letter (event_id)
    WHERE status = 'dead' AND decision IS NULL AND event IS NOT NULL;
