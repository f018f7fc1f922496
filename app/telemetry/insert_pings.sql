-- Insert the staged pings that are new; the row count tells whether all of them were. Staged in the order of the key, so
-- that neighbours share index pages and two writers meet in one order. WGS-84, 1e-7 degrees.
INSERT INTO ping (
    fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, accuracy_m, odometer_km, hdop,
    doubts, row_index, variant, origin, speed_tenth_kmh, altitude_m, course_deg, satellites, battery_pct, ignition,
    external_power
)
SELECT fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, accuracy_m, odometer_km,
       hdop, doubts, row_index, variant, origin, speed_tenth_kmh, altitude_m, course_deg, satellites, battery_pct, ignition,
       external_power
FROM ping_stage
ON CONFLICT DO NOTHING
