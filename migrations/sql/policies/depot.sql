-- depot: a yard of a lessor.
--
-- service        every row: the application's own work.
-- lessor         its own depots, to read and write.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE depot ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON depot TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON depot TO leasetrace_service;

CREATE POLICY lessor ON depot TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON depot TO leasetrace_lessor;

CREATE POLICY administrator ON depot TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON depot TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE depot_depot_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
