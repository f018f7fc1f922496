-- ping_extra: values of a ping beyond the columns of ping.
--
-- service  every row: the application's own work.
-- writer   rows of the lessors of its group.
-- Other roles see no row.

ALTER TABLE ping_extra ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON ping_extra TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ping_extra TO leasetrace_service;

CREATE POLICY writer ON ping_extra TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON ping_extra TO leasetrace_writer;
