-- Give the doubt "conflict" to staged pings whose device is stored at the same time in another place (a cloned device).
-- {conflict}: the bit of the doubt. Uses the primary key of ping (device_id, fixed_at, ...), one probe a row: the LIMIT keeps
-- the planner, which knows nothing of the staging table, from joining all of ping instead.
UPDATE ping_stage s
SET doubts = s.doubts | {conflict}
WHERE (
    SELECT true FROM ping p
    WHERE p.device_id = s.device_id AND p.fixed_at = s.fixed_at AND (p.lon_e7, p.lat_e7) <> (s.lon_e7, s.lat_e7)
    LIMIT 1
)
RETURNING s.batch_id, s.row_index
