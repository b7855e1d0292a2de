-- The users whom user fields can name are part of what connectors are made of: whoever keeps those in memory loads them
-- anew. Only where an account has such a field, so that users come and go elsewhere without anybody noticing.
CREATE FUNCTION people_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE connector_version SET version = version + 1 WHERE EXISTS (
        SELECT FROM account_field WHERE account_id = NEW.account_id AND definition ->> 'type' = 'user');
    RETURN NULL;
END $$;
CREATE TRIGGER named AFTER INSERT ON account_user FOR EACH ROW EXECUTE FUNCTION people_changed();
CREATE TRIGGER renamed AFTER UPDATE ON account_user FOR EACH ROW WHEN (OLD.email IS DISTINCT FROM NEW.email)
    EXECUTE FUNCTION people_changed();
