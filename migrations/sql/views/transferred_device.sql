-- The devices that were ever fixed to an asset that was transferred to another owner.
-- A contract between rooms: tracking reads the past of such an asset by its devices.
-- A policy of later_doubt uses it too.
CREATE OR REPLACE VIEW transferred_device WITH (security_invoker = true) AS
SELECT DISTINCT b.asset_id, b.device_id FROM asset_transfer t JOIN device_binding b USING (asset_id);

GRANT SELECT ON transferred_device TO leasetrace_lessor, leasetrace_grantee, leasetrace_service;
