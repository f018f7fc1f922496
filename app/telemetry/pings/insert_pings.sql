-- Insert staged pings. Those with the role bit {new} are inserted plainly, with one lookup in the key instead of two. The others
-- are inserted with ON CONFLICT DO NOTHING, and the row count shows whether all were new. Rows are staged in the order of the
-- key: neighbours share index pages, and two writers lock in the same order. WGS-84, 1e-7 degrees.
-- {only_new}: which of the two; {unless}: ON CONFLICT DO NOTHING, or nothing.
INSERT INTO ping (
    fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, accuracy_m, odometer_km, hdop,
    doubts, row_index, variant, origin, speed_tenth_kmh, altitude_m, course_deg, satellites, battery_pct, ignition,
    external_power
)
SELECT fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, accuracy_m, odometer_km,
       hdop, doubts, row_index, variant, origin, speed_tenth_kmh, altitude_m, course_deg, satellites, battery_pct, ignition,
       external_power
FROM ping_stage
WHERE (role & {new} <> 0) = {only_new}
{unless}
