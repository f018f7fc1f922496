-- The confirmed assets of a case, each with its best current position (NULL when it was never located).
-- A contract between rooms: distribution reads this view instead of tables of enforcement, assets and tracking.
-- The lateral join makes a case of 671 assets 671 key look-ups, however many assets the table holds.
CREATE OR REPLACE VIEW case_asset_position WITH (security_invoker = true) AS
SELECT ca.case_id, ca.asset_id, ca.confirmed_at, a.lessor_id, a.asset_type, a.kind, a.plate_no, a.vin,
       a.serial_no, a.make, a.model, a.lease_contract_no, a.purchase_contract_no, a.lessee_name,
       a.estimated_value_yuan, a.essential_to_production,
       p.device_id, p.fixed_at, p.received_at, p.batch_id, p.lon_e7, p.lat_e7, p.territory_id,
       p.county_adcode, p.source, p.doubts, p.accuracy_m, p.speed_kmh, p.course_deg
FROM case_asset ca
JOIN asset a USING (asset_id)
LEFT JOIN LATERAL (
    SELECT cp.asset_id, cp.device_id, cp.fixed_at, cp.received_at, cp.batch_id, cp.lessor_id, cp.lon_e7, cp.lat_e7,
           cp.territory_id, cp.county_adcode, cp.doubts, cp.accuracy_m, cp.speed_kmh, cp.course_deg, cp.source
    FROM current_position cp
    WHERE cp.asset_id = ca.asset_id
    ORDER BY cp.fixed_at - source_handicap(cp.source) DESC, cp.device_id
    LIMIT 1
) p ON true
WHERE ca.confirmed_at IS NOT NULL;

GRANT SELECT ON case_asset_position TO leasetrace_lessor, leasetrace_grantee, leasetrace_service;
