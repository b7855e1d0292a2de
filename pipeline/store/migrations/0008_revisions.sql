-- Who saved a revision of a connector, and why; null: saved before this was asked, or by nobody who said.
ALTER TABLE connector_revision ADD COLUMN saved_by text, ADD COLUMN note text;
