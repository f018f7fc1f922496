-- Drops the partition of ping for a day (UTC), with the rows of ping_extra and later_doubt of its pings.
-- It drops nothing unless all pings arrived before a time and none is of an asset under a legal hold.
-- Returns the count of pings dropped; NULL when some must be kept or the partition does not exist.
-- Errors: lock_not_available (55P03) when other transactions hold the tables for longer than 500 ms: try again later.
-- check_violation when the day is younger than the time, or than 30 days.
-- SECURITY DEFINER: only the owner drops tables. The application's role calls it, so it checks the age itself.
CREATE OR REPLACE FUNCTION ping_partition_drop(day date, before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name    text := 'ping_' || to_char(day, 'YYYYMMDD');
    ends    timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    since   timestamptz := least(before, now() - interval '30 days');
    young   bigint;
    pings   bigint;
    to_keep boolean;
BEGIN
    IF ends > since OR before IS NULL OR day IS NULL THEN
        RAISE EXCEPTION 'the pings of % are too young', day USING ERRCODE = 'check_violation';
    END IF;
    IF to_regclass('public.' || quote_ident(name)) IS NULL THEN
        RETURN NULL;
    END IF;
    SET LOCAL lock_timeout = '500ms';
    PERFORM public.lock_legal_holds();
    EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', name);
    young := public.first_batch_since(since);
    EXECUTE format('SELECT count(*), coalesce(bool_or(batch_id >= $1 OR asset_id IN (SELECT asset_id'
                   ' FROM public.held_asset)), false) FROM public.%I', name) INTO pings, to_keep USING young;
    IF to_keep THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DELETE FROM public.ping_extra e USING public.%I p WHERE (e.device_id, e.batch_id, e.row_index)'
                   ' = (p.device_id, p.batch_id, p.row_index)', name);
    EXECUTE format('DELETE FROM public.later_doubt l USING public.%I p'
                   ' WHERE (l.device_id, l.variant, l.fixed_at) = (p.device_id, p.variant, p.fixed_at)', name);
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN pings;
END $$;

REVOKE ALL ON FUNCTION ping_partition_drop(date, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ping_partition_drop(date, timestamptz) TO leasetrace_service;
