-- Where assets were at a moment, from all that is known today: the last good fix up to then, of the best device.
-- :asset_ids int[]; :at timestamptz; :day its date (UTC); :blocking the bits of blocking doubts. WGS-84, 1e-7 degrees.
-- The day itself comes from ping (its key: device, time), earlier days from daily_position (its key) or, where the current
-- position has not left its day yet, from current_position. Where retention has deleted the day's pings, its last one is left.
SELECT DISTINCT ON (seen.asset_id)
       seen.asset_id, seen.device_id, p.fixed_at, p.received_at, p.batch_id, p.lon_e7, p.lat_e7, p.territory_id,
       p.county_adcode, p.source, p.doubts, p.accuracy_m, p.speed_kmh, p.course_deg
FROM (
    SELECT asset_id, device_id FROM daily_position WHERE asset_id = ANY(:asset_ids) AND day <= :day
    UNION
    SELECT asset_id, device_id FROM current_position WHERE asset_id = ANY(:asset_ids)
    UNION  -- a lessor does not see the current position of what it has transferred, but the past
    SELECT asset_id, device_id FROM transferred_device WHERE asset_id = ANY(:asset_ids)
) seen
CROSS JOIN LATERAL (
    SELECT * FROM (
        (SELECT g.fixed_at, b.received_at, g.batch_id, g.lon_e7, g.lat_e7, g.territory_id, t.county_adcode,
                (g.origin % 10)::smallint AS source, g.doubts::integer AS doubts, g.accuracy_m,
                (g.speed_tenth_kmh / 10.0)::real AS speed_kmh, g.course_deg
         FROM ping g JOIN ping_batch b USING (batch_id) LEFT JOIN territory t USING (territory_id)
         WHERE g.device_id = seen.device_id AND g.variant = 0 AND g.asset_id = seen.asset_id
           AND g.fixed_at >= CAST(:day AS date)::timestamp AT TIME ZONE 'UTC' AND g.fixed_at <= :at
           AND g.doubts & :blocking = 0
           AND NOT EXISTS (
               SELECT FROM later_doubt l
               WHERE l.device_id = g.device_id AND l.variant = 0 AND l.fixed_at = g.fixed_at
                 AND l.doubts & :blocking <> 0
           )
         ORDER BY g.fixed_at DESC LIMIT 1)
        UNION ALL
        (SELECT d.fixed_at, d.received_at, d.batch_id, d.lon_e7, d.lat_e7, d.territory_id, d.county_adcode, d.source, d.doubts,
                d.accuracy_m, d.speed_kmh, d.course_deg
         FROM daily_position d
         WHERE d.asset_id = seen.asset_id AND d.device_id = seen.device_id AND d.day <= :day AND d.fixed_at <= :at
         ORDER BY d.day DESC LIMIT 1)
        UNION ALL
        (SELECT c.fixed_at, c.received_at, c.batch_id, c.lon_e7, c.lat_e7, c.territory_id, c.county_adcode, c.source, c.doubts,
                c.accuracy_m, c.speed_kmh, c.course_deg
         FROM current_position c
         WHERE c.asset_id = seen.asset_id AND c.device_id = seen.device_id
           AND c.fixed_at < CAST(:day AS date)::timestamp AT TIME ZONE 'UTC')
    ) all_days
    ORDER BY fixed_at DESC LIMIT 1
) p
ORDER BY seen.asset_id, p.fixed_at - source_handicap(p.source) DESC, seen.device_id
