-- Makes the partition of ping for a day (UTC) and returns whether it was made now.
-- The partition is created detached. Rows of its day move in from ping_default. Then it is attached.
-- Errors: lock_not_available (55P03) when other transactions hold the tables for longer than 2 s.
-- The pings of the day then go to ping_default, and the worker tries again.
-- check_violation for a day before 1990 or more than 7 days ahead.
-- SECURITY DEFINER: only the owner creates tables; the application's roles call this.
CREATE OR REPLACE FUNCTION ping_partition_ensure(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name     text := 'ping_' || to_char(day, 'YYYYMMDD');
    starts   timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends     timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF day < DATE '1990-01-01' OR day > (now() AT TIME ZONE 'UTC')::date + 7 THEN
        RAISE EXCEPTION 'no partition is made for %', day USING ERRCODE = 'check_violation';
    END IF;
    IF to_regclass('public.' || quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    SET LOCAL lock_timeout = '2s';
    PERFORM pg_advisory_xact_lock(7153002);
    IF to_regclass('public.' || quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.ping INCLUDING ALL)', name);
    -- Both locks, in the order in which an insert takes them. Inserts wait until the end of the transaction.
    LOCK TABLE public.ping IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE public.ping_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM public.ping_default WHERE fixed_at >= %L AND fixed_at < %L'
                   ' RETURNING *) INSERT INTO public.%I SELECT * FROM moved', starts, ends, name);
    -- No policy on the partition: rows are visible through ping only.
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE public.ping ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   name, starts, ends);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION ping_partition_ensure(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ping_partition_ensure(date) TO leasetrace_writer, leasetrace_service;
