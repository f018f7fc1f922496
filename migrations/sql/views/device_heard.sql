-- When a device was last heard: a row per device and asset that carried it. The newest by received_at is the device's.
-- A contract between rooms: telemetry learns it without reading tables of tracking.
CREATE OR REPLACE VIEW device_heard WITH (security_invoker = true) AS
SELECT p.lessor_id, p.device_id, d.identifier, p.asset_id, p.batch_id, p.fixed_at, p.received_at
FROM current_position p JOIN device d USING (device_id);

GRANT SELECT ON device_heard TO leasetrace_lessor, leasetrace_administrator, leasetrace_service;
