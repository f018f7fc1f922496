-- retention_log: a record of one deletion by retention.
--
-- service        every row, to read and add.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE retention_log ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON retention_log TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON retention_log TO leasetrace_service;

CREATE POLICY administrator ON retention_log FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON retention_log TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE retention_log_retention_log_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
