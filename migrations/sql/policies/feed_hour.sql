-- feed_hour: the counts of a feed in an hour.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group.
-- lessor         its own counts, to read.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE feed_hour ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON feed_hour TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_hour TO leasetrace_service;

CREATE POLICY writer ON feed_hour TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE ON feed_hour TO leasetrace_writer;

CREATE POLICY lessor ON feed_hour FOR SELECT TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT ON feed_hour TO leasetrace_lessor;

CREATE POLICY administrator ON feed_hour FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON feed_hour TO leasetrace_administrator;
