-- Requests that were refused after their connector was known, without their secrets: the newest of each connector.
CREATE TABLE refused (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid uuid NOT NULL UNIQUE, -- given at the door: what is written twice is there once, and events without an id have one
    account_id bigint NOT NULL,
    connector_id bigint NOT NULL,
    refused_at timestamptz NOT NULL,
    status int NOT NULL,
    title text NOT NULL,
    detail text NOT NULL,
    place jsonb NOT NULL, -- line, element, field
    proven boolean NOT NULL, -- who sent it proved who they are, where the connector asks for that
    content_type text,
    content_encoding text,
    query text,
    key_header text,
    key text, -- as that header has it
    signed_key text, -- as the signature vouches for it
    body bytea,
    size bigint, -- bytes, as it came
    truncated boolean NOT NULL,
    redacted boolean NOT NULL,
    missing text, -- why there is no body
    sent_at timestamptz,
    sent_by text,
    events uuid[]
);
CREATE INDEX refused_of_connector ON refused (connector_id, proven, id);
CREATE INDEX refused_of_account ON refused (account_id, id);
CREATE INDEX refused_by_age ON refused (refused_at);
