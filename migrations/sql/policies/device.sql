-- device: a tracking device of a lessor.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group. To read.
-- lessor         its own devices, to read and write.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE device ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON device TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO leasetrace_service;

CREATE POLICY writer ON device FOR SELECT TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT ON device TO leasetrace_writer;

CREATE POLICY lessor ON device TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO leasetrace_lessor;

CREATE POLICY administrator ON device TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE device_device_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
