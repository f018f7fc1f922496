-- The pings of an asset in a window, with their doubts (those found later among them), in the order of time.
-- :asset_id; :device_ids int[], the devices that were ever on it; :from, :to timestamptz (to is excluded);
-- after_...: the last row of the page before, or a moment before :from; :limit. Uses the key of ping (device, variant, time):
-- contradicting positions (variant above 0) are few and read apart.
SELECT p.fixed_at, p.device_id, p.lon_e7, p.lat_e7, p.sent_at, b.received_at, (p.doubts | coalesce(l.doubts, 0)) AS doubts,
       (p.origin % 10)::smallint AS source, p.accuracy_m, (p.speed_tenth_kmh / 10.0)::real AS speed_kmh, p.course_deg,
       t.county_adcode, p.territory_id, p.batch_id, p.row_index
FROM (
    (SELECT * FROM ping
     WHERE device_id = ANY(:device_ids) AND variant = 0 AND asset_id = :asset_id AND fixed_at >= :from AND fixed_at < :to
       AND (fixed_at, device_id, lon_e7, lat_e7)
           > (CAST(:after_fixed_at AS timestamptz), :after_device_id, :after_lon_e7, :after_lat_e7)
     ORDER BY fixed_at, device_id, lon_e7, lat_e7
     LIMIT :limit)
    UNION ALL
    (SELECT * FROM ping
     WHERE device_id = ANY(:device_ids) AND variant > 0 AND asset_id = :asset_id AND fixed_at >= :from AND fixed_at < :to
       AND (fixed_at, device_id, lon_e7, lat_e7)
           > (CAST(:after_fixed_at AS timestamptz), :after_device_id, :after_lon_e7, :after_lat_e7)
     ORDER BY fixed_at, device_id, lon_e7, lat_e7
     LIMIT :limit)
) p
JOIN ping_batch b USING (batch_id)
LEFT JOIN territory t USING (territory_id)
LEFT JOIN later_doubt l ON l.device_id = p.device_id AND l.variant = p.variant AND l.fixed_at = p.fixed_at
ORDER BY p.fixed_at, p.device_id, p.lon_e7, p.lat_e7
LIMIT :limit
