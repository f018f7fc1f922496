-- The staged pings that were not inserted, since their key was taken: by the same position (a repeated ping) or by another
-- one (a contradiction). Uses the primary key of ping (device_id, variant, fixed_at), one probe a row: the LIMIT keeps the
-- planner, which knows nothing of the staging table, from joining all of ping instead.
SELECT s.batch_id, s.row_index, (p.lon_e7, p.lat_e7) = (s.lon_e7, s.lat_e7) AS same_position
FROM ping_stage s
CROSS JOIN LATERAL (
    SELECT g.batch_id, g.row_index, g.lon_e7, g.lat_e7
    FROM ping g
    WHERE g.device_id = s.device_id AND g.variant = s.variant AND g.fixed_at = s.fixed_at
    LIMIT 1
) p
WHERE (p.batch_id, p.row_index) <> (s.batch_id, s.row_index)
