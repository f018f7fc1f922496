-- lessor: a leasing company.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group. To read and lock.
-- lessor         its own row. UPDATE is granted for row locks of an import only: WITH CHECK (false).
-- grantee        every row, to read: names of lessors are not secret from courts.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE lessor ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON lessor TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON lessor TO leasetrace_service;

CREATE POLICY writer ON lessor TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, UPDATE ON lessor TO leasetrace_writer;

CREATE POLICY lessor ON lessor TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (false);
GRANT SELECT, UPDATE ON lessor TO leasetrace_lessor;

CREATE POLICY grantee ON lessor FOR SELECT TO leasetrace_grantee USING (true);
GRANT SELECT ON lessor TO leasetrace_grantee;

CREATE POLICY administrator ON lessor TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON lessor TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE lessor_lessor_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
