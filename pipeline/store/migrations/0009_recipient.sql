-- Whom a notification is for: the user that the connector named when the event failed. Null: nobody was to be told, and
-- the row is there for those who look.
ALTER TABLE notification ADD COLUMN recipient text;
