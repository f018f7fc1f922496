-- Trigger function: notifies every process that a key, an account, a session or a principal changed or ended.
-- Channel leasetrace_access, payload 'TABLE:KEY'. The trigger's argument names the column of the key.
CREATE OR REPLACE FUNCTION access_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('leasetrace_access', TG_TABLE_NAME || ':' || (to_jsonb(OLD) ->> TG_ARGV[0]));
    RETURN NULL;
END $$;
