-- device_binding: a period in which a device is fixed to an asset.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group. To read.
-- lessor         its own bindings, to read and write.
-- grantee        of assets that it knows (rls_known_assets). To read.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE device_binding ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON device_binding TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON device_binding TO leasetrace_service;

CREATE POLICY writer ON device_binding FOR SELECT TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT ON device_binding TO leasetrace_writer;

CREATE POLICY lessor ON device_binding TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON device_binding TO leasetrace_lessor;

CREATE POLICY grantee ON device_binding FOR SELECT TO leasetrace_grantee
    USING (asset_id = ANY ((SELECT rls_known_assets())::integer[]));
GRANT SELECT ON device_binding TO leasetrace_grantee;

CREATE POLICY administrator ON device_binding TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON device_binding TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE device_binding_binding_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
