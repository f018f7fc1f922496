-- Trigger function: queues the periods of devices whose bindings were made, changed or removed, in binding_change.
-- Where only the end of a binding moved, the period between the old and the new end is queued.
-- SECURITY DEFINER: a lessor that binds a device does not see the queue.
CREATE OR REPLACE FUNCTION binding_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO binding_change (device_id, asset_id, lessor_id, from_at, until_at)
        SELECT w.device_id, w.asset_id, w.lessor_id, w.from_at, w.until_at
        FROM was o JOIN now_so n USING (binding_id)
        CROSS JOIN LATERAL (
            SELECT n.device_id, n.asset_id, n.lessor_id,
                   least(coalesce(o.bound_until, 'infinity'), coalesce(n.bound_until, 'infinity')) AS from_at,
                   greatest(coalesce(o.bound_until, 'infinity'), coalesce(n.bound_until, 'infinity')) AS until_at
            WHERE (o.device_id, o.asset_id, o.bound_from) = (n.device_id, n.asset_id, n.bound_from)
            UNION ALL
            SELECT o.device_id, o.asset_id, o.lessor_id, o.bound_from, coalesce(o.bound_until, 'infinity')
            WHERE (o.device_id, o.asset_id, o.bound_from) <> (n.device_id, n.asset_id, n.bound_from)
            UNION ALL
            SELECT n.device_id, n.asset_id, n.lessor_id, n.bound_from, coalesce(n.bound_until, 'infinity')
            WHERE (o.device_id, o.asset_id, o.bound_from) <> (n.device_id, n.asset_id, n.bound_from)
        ) w
        WHERE w.from_at < w.until_at;
    ELSE
        INSERT INTO binding_change (device_id, asset_id, lessor_id, from_at, until_at)
        SELECT device_id, asset_id, lessor_id, bound_from, coalesce(bound_until, 'infinity') FROM changed;
    END IF;
    RETURN NULL;
END $$;
