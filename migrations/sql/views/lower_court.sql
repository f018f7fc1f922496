-- Each court with every court below it, at any depth.
-- A contract between rooms: access and identity learn it without reading tables of jurisdictions.
CREATE OR REPLACE VIEW lower_court WITH (security_invoker = true) AS
WITH RECURSIVE under AS (
    SELECT parent_court_id AS court_id, court_id AS lower_court_id FROM court WHERE parent_court_id IS NOT NULL
    UNION SELECT u.court_id, c.court_id FROM under u JOIN court c ON c.parent_court_id = u.lower_court_id
)
SELECT court_id, lower_court_id FROM under;

GRANT SELECT ON lower_court TO leasetrace_service;
