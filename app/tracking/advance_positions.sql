-- Derive from the staged pings, inside the transaction that stores them, the last good fix of each day (UTC) and the
-- current position. Positions move only forward in fixed_at, and only on a fix without a blocking doubt.
-- {none}: "not told" in ping_stage; {blocking}: the bits of blocking doubts. WGS-84, 1e-7 degrees.
-- Rows are taken in the order of the keys: none is touched twice, and two writers cannot wait for each other.
WITH last_of_day AS MATERIALIZED (
    SELECT DISTINCT ON (s.asset_id, day.utc, s.device_id)
           s.asset_id, day.utc AS day, s.device_id, s.fixed_at, s.received_at, s.batch_id, s.lessor_id, s.lon_e7, s.lat_e7,
           NULLIF(s.territory_id, {none}) AS territory_id, NULLIF(s.county_adcode, {none}) AS county_adcode, s.doubts,
           NULLIF(s.accuracy_m, 'NaN') AS accuracy_m, NULLIF(s.speed_kmh, 'NaN') AS speed_kmh,
           NULLIF(s.course_deg, {none})::smallint AS course_deg, s.source::smallint AS source
    FROM ping_stage s, LATERAL (SELECT (s.fixed_at AT TIME ZONE 'UTC')::date AS utc) day
    WHERE s.doubts & {blocking} = 0 AND s.asset_id <> {none}
    ORDER BY s.asset_id, day.utc, s.device_id, s.fixed_at DESC, s.batch_id, s.row_index
), kept AS (
    INSERT INTO daily_position AS d (
        asset_id, day, device_id, fixed_at, received_at, batch_id, lessor_id, lon_e7, lat_e7, territory_id, county_adcode,
        doubts, accuracy_m, speed_kmh, course_deg, source
    )
    SELECT * FROM last_of_day
    ON CONFLICT (asset_id, day, device_id) DO UPDATE SET
        fixed_at = excluded.fixed_at, received_at = excluded.received_at, batch_id = excluded.batch_id,
        lessor_id = excluded.lessor_id, lon_e7 = excluded.lon_e7, lat_e7 = excluded.lat_e7,
        territory_id = excluded.territory_id, county_adcode = excluded.county_adcode, doubts = excluded.doubts,
        accuracy_m = excluded.accuracy_m, speed_kmh = excluded.speed_kmh, course_deg = excluded.course_deg,
        source = excluded.source
    WHERE excluded.fixed_at > d.fixed_at
)
INSERT INTO current_position AS c (
    asset_id, device_id, fixed_at, received_at, batch_id, lessor_id, lon_e7, lat_e7, territory_id, county_adcode, doubts,
    accuracy_m, speed_kmh, course_deg, source
)
SELECT DISTINCT ON (asset_id, device_id)
       asset_id, device_id, fixed_at, received_at, batch_id, lessor_id, lon_e7, lat_e7, territory_id, county_adcode, doubts,
       accuracy_m, speed_kmh, course_deg, source
FROM last_of_day
ORDER BY asset_id, device_id, fixed_at DESC
ON CONFLICT (asset_id, device_id) DO UPDATE SET
    fixed_at = excluded.fixed_at, received_at = excluded.received_at, batch_id = excluded.batch_id,
    lessor_id = excluded.lessor_id, lon_e7 = excluded.lon_e7, lat_e7 = excluded.lat_e7,
    territory_id = excluded.territory_id, county_adcode = excluded.county_adcode, doubts = excluded.doubts,
    accuracy_m = excluded.accuracy_m, speed_kmh = excluded.speed_kmh, course_deg = excluded.course_deg,
    source = excluded.source
WHERE excluded.fixed_at > c.fixed_at
