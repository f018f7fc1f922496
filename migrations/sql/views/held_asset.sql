-- The assets under a legal hold: held themselves, or confirmed in a case that is held as a whole.
-- A contract between rooms: retention must not delete their data. A hold lasts until it is released.
CREATE OR REPLACE VIEW held_asset WITH (security_invoker = true) AS
SELECT asset_id FROM legal_hold WHERE until_at IS NULL AND asset_id IS NOT NULL
UNION
SELECT c.asset_id FROM legal_hold h JOIN case_asset c USING (case_id)
WHERE h.until_at IS NULL AND h.asset_id IS NULL AND c.confirmed_at IS NOT NULL;

GRANT SELECT ON held_asset TO leasetrace_service;
