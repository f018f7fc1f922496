-- Purpose: all devices of one lessor with their bindings, as columns, for the ping path (app.assets.bindings).
-- Parameter: lessor_id (psycopg's pyformat, so that any psycopg connection can run it too).
-- Answer: one row, none when there is no such lessor. Times are microseconds since 1970-01-01T00:00Z; an open end is
--   the largest bigint. One statement, hence one snapshot: the version is that of exactly these rows.
-- Indexes: lessor_pkey, device_lessor_id_identifier_key, device_binding_lessor_id_device_id_idx.
SELECT lessor.fleet_version, devices.identifiers, devices.device_ids, devices.suspects,
       bindings.device_ids, bindings.from_us, bindings.until_us, bindings.asset_ids
FROM lessor
CROSS JOIN LATERAL (
    SELECT array_agg(identifier) AS identifiers, array_agg(device_id) AS device_ids,
           array_agg(device_id) FILTER (WHERE datum_suspect) AS suspects
    FROM device WHERE device.lessor_id = lessor.lessor_id
) AS devices
CROSS JOIN LATERAL (
    SELECT array_agg(device_id) AS device_ids,
           array_agg((extract(epoch FROM bound_from) * 1000000)::bigint) AS from_us,
           array_agg(coalesce((extract(epoch FROM bound_until) * 1000000)::bigint, 9223372036854775807)) AS until_us,
           array_agg(asset_id) AS asset_ids
    FROM device_binding WHERE device_binding.lessor_id = lessor.lessor_id
) AS bindings
WHERE lessor.lessor_id = %(lessor_id)s
