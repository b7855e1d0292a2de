-- Retention: what else has an age, so that it need not be kept for good.

-- Of what was replaced before this migration, the age begins now.
ALTER TABLE lead_change ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX lead_change_by_age ON lead_change USING brin (changed_at);

CREATE INDEX notification_by_day ON notification USING brin (created_at);
CREATE INDEX dead_letter_settled ON dead_letter (changed_at) WHERE status <> 'dead';

-- The key that another one followed may be forgotten.
ALTER TABLE api_key
    DROP CONSTRAINT api_key_replaces_fkey,
    ADD CONSTRAINT api_key_replaces_fkey FOREIGN KEY (replaces) REFERENCES api_key ON DELETE SET NULL;
