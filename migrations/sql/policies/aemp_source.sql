-- aemp_source: a maker's interface that is polled for a lessor, with its encrypted secret.
--
-- service        every row: the application's own work.
-- lessor         its own sources, to read and write.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE aemp_source ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON aemp_source TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON aemp_source TO leasetrace_service;

CREATE POLICY lessor ON aemp_source TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON aemp_source TO leasetrace_lessor;

CREATE POLICY administrator ON aemp_source TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON aemp_source TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE aemp_source_source_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
