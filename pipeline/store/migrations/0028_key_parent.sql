-- The key that a key was made with: it ends with that one, and no later. Null: it was made at the command line, or before
-- this was kept.
ALTER TABLE api_key ADD COLUMN parent bigint REFERENCES api_key ON DELETE SET NULL;
CREATE INDEX api_key_of_parent ON api_key (parent) WHERE parent IS NOT NULL;
CREATE INDEX api_key_replaced ON api_key (replaces) WHERE replaces IS NOT NULL;
