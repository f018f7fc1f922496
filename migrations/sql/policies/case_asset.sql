-- case_asset: an asset that was offered in a case, confirmed by the court or not yet.
--
-- service        every row: the application's own work.
-- lessor         assets of the cases that it applied for. It may offer its own assets, unconfirmed.
-- grantee        confirmed assets: all of a case that the court or a lower court handles;
--                the entrusted or assigned ones of another case (rls_delegated).
-- administrator  every row, to read.
-- Other roles see no row.
-- Known assets are not asked for: a superior court may know more of them than work_mem lets PostgreSQL hash.
-- OFFSET 0: looked up by the key for each row, never hashed as a whole.

ALTER TABLE case_asset ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON case_asset TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON case_asset TO leasetrace_service;

CREATE POLICY lessor ON case_asset TO leasetrace_lessor
    USING (case_id = ANY ((SELECT rls_cases())::integer[]))
    WITH CHECK (
        case_id = ANY ((SELECT rls_cases())::integer[])
        AND confirmed_at IS NULL AND confirmed_by IS NULL AND matched_by IS NULL
        AND EXISTS (SELECT FROM asset a WHERE a.asset_id = case_asset.asset_id OFFSET 0)
    );
GRANT SELECT, INSERT ON case_asset TO leasetrace_lessor;

CREATE POLICY grantee ON case_asset FOR SELECT TO leasetrace_grantee
    USING (
        confirmed_at IS NOT NULL
        AND (case_id IN (SELECT unnest(rls_named_cases()))
             OR (case_id::bigint << 32 | asset_id) IN (SELECT unnest(rls_delegated())))
    );
GRANT SELECT ON case_asset TO leasetrace_grantee;

CREATE POLICY administrator ON case_asset FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON case_asset TO leasetrace_administrator;
