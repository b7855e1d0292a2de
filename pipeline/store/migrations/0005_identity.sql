-- Identity: which behaviour was in force, what a person decided, who is whose double, and what a value replaced.

-- A decision to do nothing is remembered too: an event that was dropped has no record, and a reason.
ALTER TABLE applied_event
    ALTER COLUMN lead_id DROP NOT NULL,
    ADD COLUMN reason text,
    ADD COLUMN revision int, -- of the connector; null: from before this migration
    ADD COLUMN replay int NOT NULL DEFAULT 0,
    ADD COLUMN lead_sync text, -- the connector's behaviour for leads and for activities, as it was then
    ADD COLUMN activity_sync text,
    ADD COLUMN decision jsonb;

ALTER TABLE journal
    ADD COLUMN lead_sync text,
    ADD COLUMN activity_sync text,
    ADD COLUMN decision jsonb; -- of a person, about a conflict: conflict, how, lead, by, at

-- A conflict is a dead letter of that kind. The decision is written before the event is sent on with it, so that of
-- two people one decides.
ALTER TABLE dead_letter ADD COLUMN decision jsonb;
CREATE INDEX dead_letter_conflict ON dead_letter (account_id, id) WHERE kind = 'conflict';

-- Null: a person of its own. Else the lead that has its keys, calls and activities now; its own row stays as it was.
ALTER TABLE lead ADD COLUMN merged_into uuid;
CREATE INDEX lead_merged_into ON lead (merged_into) WHERE merged_into IS NOT NULL;

-- What moved in a merge, so that it can move back.
CREATE TABLE lead_merge (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    winner uuid NOT NULL,
    loser uuid NOT NULL,
    keys jsonb NOT NULL, -- [[space, value], …]
    calls uuid[] NOT NULL,
    activities uuid[] NOT NULL,
    fields jsonb NOT NULL, -- {field: [value before, stamp before or null]}, of the winner
    merged_at timestamptz NOT NULL DEFAULT now(),
    merged_by text NOT NULL,
    undone_at timestamptz,
    undone_by text
);
CREATE INDEX lead_merge_of_winner ON lead_merge (winner, id);
CREATE INDEX lead_merge_of_loser ON lead_merge (loser, id);

-- Every value of a lead that another one, or a blank, replaced. Rows are added and never changed.
CREATE TABLE lead_change (
    id bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint NOT NULL,
    lead_id uuid NOT NULL,
    field text NOT NULL,
    old_value jsonb NOT NULL,
    old_stamp text NOT NULL,
    new_stamp text NOT NULL
);
CREATE INDEX lead_change_of_lead ON lead_change (lead_id, id);
