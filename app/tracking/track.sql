-- The pings of an asset in a window, with their doubts, in the order of time.
-- :asset_id; :device_ids int[], the devices that were ever on it; :from, :to timestamptz (to is excluded);
-- after_...: the last row of the page before, or a moment before :from; :limit. Uses the key of ping (device, time).
SELECT p.fixed_at, p.device_id, p.lon_e7, p.lat_e7, p.sent_at, b.received_at, p.doubts, p.source, p.accuracy_m, p.speed_kmh,
       p.course_deg, p.county_adcode, p.territory_id, p.batch_id, p.row_index
FROM ping p
JOIN ping_batch b USING (batch_id)
WHERE p.device_id = ANY(:device_ids) AND p.asset_id = :asset_id
  AND p.fixed_at >= :from AND p.fixed_at < :to
  AND (p.fixed_at, p.device_id, p.lon_e7, p.lat_e7)
      > (CAST(:after_fixed_at AS timestamptz), :after_device_id, :after_lon_e7, :after_lat_e7)
ORDER BY p.fixed_at, p.device_id, p.lon_e7, p.lat_e7
LIMIT :limit
