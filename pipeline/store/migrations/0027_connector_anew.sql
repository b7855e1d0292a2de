-- A connector that is set up under the name of a removed one is a new connector, with an id of its own: what the
-- removed one did, and how it was set up, stays open to those alone to whom it was open when it was removed.
-- The names of connectors that are not removed are unique; those of removed ones are not.
CREATE UNIQUE INDEX connector_name ON connector (account_id, name) WHERE removed_at IS NULL;
ALTER TABLE connector DROP CONSTRAINT connector_account_id_name_key;
CREATE INDEX connector_removed ON connector (account_id, name) WHERE removed_at IS NOT NULL;
