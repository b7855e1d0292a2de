-- The fields that an account defines, or changed of the standard ones, which are in the program (schemas/standard.py).
-- `definition` is a schemas.fields.Field, without what is as it is by default.
CREATE TABLE account_field (
    account_id bigint NOT NULL REFERENCES account,
    record text NOT NULL CHECK (record IN ('lead', 'call', 'activity')),
    name text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, record, name)
);

-- What connectors are made of: whoever keeps them in memory loads them anew.
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON account_field
    FOR EACH STATEMENT EXECUTE FUNCTION connector_changed();
