-- asset: a leased asset of a lessor.
--
-- service        every row: the application's own work.
-- lessor         its own assets, to read and write.
-- grantee        assets that it knows from its cases (rls_known_assets). To read.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE asset ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON asset TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON asset TO leasetrace_service;

CREATE POLICY lessor ON asset TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON asset TO leasetrace_lessor;

CREATE POLICY grantee ON asset FOR SELECT TO leasetrace_grantee
    USING (asset_id = ANY ((SELECT rls_known_assets())::integer[]));
GRANT SELECT ON asset TO leasetrace_grantee;

CREATE POLICY administrator ON asset TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON asset TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE asset_asset_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
