-- Who made, changed and ended users, user fields and keys of an account, and when. Rows are added, and never changed.
-- `user_id`: whom it is about, where that is one user. `details` holds no secret.
CREATE TABLE account_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    at timestamptz NOT NULL DEFAULT now(),
    by text NOT NULL,
    key_id bigint, -- the key that was used; null: the command line. It may be forgotten before this row is
    what text NOT NULL,
    subject text NOT NULL,
    user_id bigint REFERENCES account_user,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX account_change_of_account ON account_change (account_id, id);
