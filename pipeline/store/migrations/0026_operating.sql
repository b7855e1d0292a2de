-- What operating asks for: what a refused request was answered, and the rows of the journal that wait for a person.

-- The status that its sender was sent; null: from before this migration.
ALTER TABLE refused ADD COLUMN answered int;

-- Rows that failed or were dropped, the newest first: few beside the others, and looked for most.
CREATE INDEX journal_unsettled ON journal (account_id, received_at, event_id) WHERE outcome IN ('failed', 'dropped');

-- Rows that were written or changed since a time, of whatever day: `journal list --follow`. A few pages a day.
CREATE INDEX journal_finished ON journal USING brin (finished_at);
