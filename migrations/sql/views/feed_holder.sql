-- The lessor of each feed.
-- A contract between rooms: identity checks whose feed a key names without reading tables of telemetry.
CREATE OR REPLACE VIEW feed_holder WITH (security_invoker = true) AS
SELECT feed_id, lessor_id FROM feed;

GRANT SELECT ON feed_holder TO leasetrace_service;
