-- ping_batch: one accepted request with pings, and the counts of its receipt.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group.
-- lessor         its own batches, to read.
-- grantee        number, lessor and arrival (by columns) of batches of lessors whose assets it knows.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE ping_batch ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON ping_batch TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ping_batch TO leasetrace_service;

CREATE POLICY writer ON ping_batch TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON ping_batch TO leasetrace_writer;

CREATE POLICY lessor ON ping_batch FOR SELECT TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT ON ping_batch TO leasetrace_lessor;

CREATE POLICY grantee ON ping_batch FOR SELECT TO leasetrace_grantee
    USING (lessor_id IN (SELECT lessor_id FROM asset));
GRANT SELECT (batch_id, lessor_id, received_at) ON ping_batch TO leasetrace_grantee;

CREATE POLICY administrator ON ping_batch FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON ping_batch TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE ping_batch_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
