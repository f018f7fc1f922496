-- The courts and lessors that a principal can act for, with code and name.
-- A contract between rooms: access and identity learn it without reading tables of jurisdictions and assets.
CREATE OR REPLACE VIEW access_subject WITH (security_invoker = true) AS
SELECT 'court' AS kind, court_id AS subject_id, code, name FROM court
UNION ALL SELECT 'lessor', lessor_id, code, name FROM lessor;

GRANT SELECT ON access_subject TO leasetrace_service;
