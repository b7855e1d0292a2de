-- Users of an account, what the account wants to know of them, and the keys they call the API with.

-- Fields of users, which an account defines; a boolean one may open connectors to the users it is true for.
CREATE TABLE user_field (
    account_id bigint NOT NULL REFERENCES account,
    name text NOT NULL,
    label text NOT NULL,
    type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, name)
);

-- `email` in normal form, so that its uniqueness is that of the mailbox. A user is never deleted, but made inactive.
CREATE TABLE account_user (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'editor', 'operator', 'viewer')),
    active boolean NOT NULL DEFAULT true,
    fields jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, email)
);

-- `secret_hash` is the SHA-256 of 256 random bits, which needs no slow hash: nobody guesses those.
CREATE TABLE api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES account_user,
    name text NOT NULL,
    prefix text NOT NULL UNIQUE,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    scopes text[], -- null: all that the user's role allows
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz, -- null: until it is revoked
    last_used_at timestamptz, -- written at most every few minutes
    revoked_at timestamptz,
    replaces bigint REFERENCES api_key -- the key that this one was made of by rotation
);
CREATE INDEX api_key_of_user ON api_key (user_id);
