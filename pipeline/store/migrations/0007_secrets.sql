-- Secrets of connectors that are kept here, sealed with a key that is not (pipeline/secrets/seal.py).

CREATE TABLE secret (
    account_id bigint NOT NULL REFERENCES account,
    name text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, name)
);

-- The ingress takes a new secret as it takes a changed connector.
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON secret
    FOR EACH STATEMENT EXECUTE FUNCTION connector_changed();
