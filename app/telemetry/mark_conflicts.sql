-- Give the doubt "conflict" to staged pings whose device is stored at the same time in another place (a cloned device).
-- {conflict}: the bit of the doubt. Uses the primary key of ping (device_id, fixed_at, ...), one probe a row.
UPDATE ping_stage s
SET doubts = s.doubts | {conflict}
WHERE EXISTS (
    SELECT FROM ping p
    WHERE p.device_id = s.device_id AND p.fixed_at = s.fixed_at AND (p.lon_e7, p.lat_e7) <> (s.lon_e7, s.lat_e7)
)
RETURNING s.batch_id, s.row_index
