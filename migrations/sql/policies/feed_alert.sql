-- feed_alert: a feed that is or was silent.
--
-- service        every row: the application's own work.
-- lessor         its own alerts, to read.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE feed_alert ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON feed_alert TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_alert TO leasetrace_service;

CREATE POLICY lessor ON feed_alert FOR SELECT TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT ON feed_alert TO leasetrace_lessor;

CREATE POLICY administrator ON feed_alert FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON feed_alert TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE feed_alert_alert_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
