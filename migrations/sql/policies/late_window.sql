-- late_window: a queue of periods of devices in which pings arrived late.
--
-- service  every row: the application's own work.
-- writer   adds rows of the lessors of its group, sees none.
-- Other roles see no row.
-- Only the worker reads it.

ALTER TABLE late_window ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON late_window TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON late_window TO leasetrace_service;

CREATE POLICY writer ON late_window FOR INSERT TO leasetrace_writer
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT INSERT ON late_window TO leasetrace_writer;

GRANT USAGE, SELECT ON SEQUENCE late_window_late_window_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
