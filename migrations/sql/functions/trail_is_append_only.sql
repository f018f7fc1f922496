-- Trigger function: refuses UPDATE, DELETE and TRUNCATE on the audit trail, for its owner too.
CREATE OR REPLACE FUNCTION trail_is_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
