-- Trigger function: notifies every process that the tree of courts changed.
-- The courts below a court are cached with each of its people. The payload has no key, so all of them are dropped.
CREATE OR REPLACE FUNCTION access_courts_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('leasetrace_access', 'court:');
    RETURN NULL;
END $$;
