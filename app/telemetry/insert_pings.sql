-- Insert the staged pings that are new and return those that are not (stored before, or twice in the group).
-- {none}: the integer that stands for "not told" in ping_stage, where no column is null. Positions are WGS-84, 1e-7 degrees.
WITH stored AS (
    INSERT INTO ping (
        fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, county_adcode, doubts,
        accuracy_m, speed_kmh, odometer_km, hdop, row_index, altitude_m, course_deg, satellites, battery_pct, source, datum,
        ignition, external_power
    )
    SELECT s.fixed_at, s.batch_id, NULLIF(s.sent_at, '-infinity'), s.device_id, NULLIF(s.asset_id, {none}), s.lessor_id,
           s.lon_e7, s.lat_e7, NULLIF(s.territory_id, {none}), NULLIF(s.county_adcode, {none}), s.doubts,
           NULLIF(s.accuracy_m, 'NaN'), NULLIF(s.speed_kmh, 'NaN'), NULLIF(s.odometer_km, 'NaN'), NULLIF(s.hdop, 'NaN'),
           s.row_index, NULLIF(s.altitude_m, {none}), NULLIF(s.course_deg, {none}), NULLIF(s.satellites, {none}),
           NULLIF(s.battery_pct, {none}), s.source, s.datum,
           NULLIF(s.ignition, {none})::boolean, NULLIF(s.external_power, {none})::boolean
    FROM ping_stage s
    ON CONFLICT DO NOTHING
    RETURNING batch_id, row_index
)
SELECT s.batch_id, s.row_index
FROM ping_stage s
LEFT JOIN stored ON stored.batch_id = s.batch_id AND stored.row_index = s.row_index
WHERE stored.batch_id IS NULL
