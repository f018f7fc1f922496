-- Makes the partition of trail for the month (UTC) of a day and returns whether it was made now.
-- NULL: the month has entries in trail_default already. They stay there, and no transaction waits for a move.
-- Errors: lock_not_available (55P03) when other transactions hold the tables for longer than 2 s. Entries then go to
-- trail_default. check_violation for a month before 2020 or more than 366 days ahead.
-- SECURITY DEFINER: only the owner creates tables; the application's role calls this.
CREATE OR REPLACE FUNCTION trail_partition_ensure(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name   text := 'trail_' || to_char(month, 'YYYYMM');
    starts timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    ends   timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    IF month < DATE '2020-01-01' OR month > (now() AT TIME ZONE 'UTC')::date + 366 THEN
        RAISE EXCEPTION 'no partition is made for %', month USING ERRCODE = 'check_violation';
    END IF;
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM public.trail_default d WHERE d.at >= starts AND d.at < ends) THEN
        RETURN NULL;
    END IF;
    SET LOCAL lock_timeout = '2s';
    PERFORM pg_advisory_xact_lock(7153005);
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE public.trail IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE public.trail_default IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM public.trail_default d WHERE d.at >= starts AND d.at < ends) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.trail INCLUDING ALL)', name);
    -- No policy on the partition: rows are visible through trail only.
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON public.%I'
                   ' EXECUTE FUNCTION public.trail_is_append_only()', name);
    EXECUTE format('ALTER TABLE public.trail ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   name, starts, ends);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION trail_partition_ensure(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trail_partition_ensure(date) TO leasetrace_service;
