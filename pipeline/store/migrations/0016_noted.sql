-- Leads that have a value which is another lead's key: whose number is a call's, where two have it.
ALTER TABLE identity_key ADD COLUMN others uuid[];

-- How often which notes are made, by connector.
CREATE INDEX journal_noted ON journal (connector_id, received_at) WHERE notes <> '{}';
