-- binding_change: a queue of periods in which the binding of a device changed. A trigger fills it.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Only the worker reads it.

ALTER TABLE binding_change ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON binding_change TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON binding_change TO leasetrace_service;

GRANT USAGE, SELECT ON SEQUENCE binding_change_binding_change_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
