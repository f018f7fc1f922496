-- asset_transfer: an asset that its lessor transferred to another owner.
--
-- service        every row: the application's own work.
-- lessor         transfers of its own assets, to read and to record.
-- grantee        of assets that it knows: that and when, not to whom (by columns).
-- administrator  every row, to read, record and delete.
-- Other roles see no row.

ALTER TABLE asset_transfer ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON asset_transfer TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON asset_transfer TO leasetrace_service;

CREATE POLICY lessor ON asset_transfer FOR SELECT TO leasetrace_lessor
    USING (from_lessor_id = ANY ((SELECT rls_lessors())::integer[]));
CREATE POLICY lessor_insert ON asset_transfer FOR INSERT TO leasetrace_lessor
    WITH CHECK (from_lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT ON asset_transfer TO leasetrace_lessor;

CREATE POLICY grantee ON asset_transfer FOR SELECT TO leasetrace_grantee
    USING (asset_id = ANY ((SELECT rls_known_assets())::integer[]));
GRANT SELECT (asset_id, transferred_at) ON asset_transfer TO leasetrace_grantee;

CREATE POLICY administrator ON asset_transfer TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON asset_transfer TO leasetrace_administrator;
