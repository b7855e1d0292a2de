-- A trail is written once and only ever read whole: as text it costs half of what it did as jsonb, and no row is
-- rewritten. `stages` keeps the trails from before, and those that an earlier version still writes while it runs.
ALTER TABLE journal
    ADD COLUMN trail text, -- steps as JSON: [stage, attempt, waited_ms, spent_ms], joined by commas
    ALTER COLUMN stages SET DEFAULT '[]';
