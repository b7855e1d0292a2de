-- The keys of text fields are compared without regard to case. What was kept as it was sent is brought into that form
-- by the program, since PostgreSQL has no full case folding: `fold_all` in pipeline/store/field_keys.py, in the same
-- transaction. It concerns the unique fields of type text (and the standard field external_id); the keys of phone,
-- e-mail and number fields have one form each. Of two leads whose keys become one, the one that was made first keeps
-- it, and the other stands beside it in `others`.
COMMENT ON COLUMN identity_key.value IS 'as keys are compared: see schemas/key_text.py';
