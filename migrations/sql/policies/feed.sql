-- feed: a source of pings of a lessor.
--
-- service        every row: the application's own work.
-- lessor         its own feeds, to read and write.
-- administrator  every row: the platform's administrator supports lessors and courts.
-- Other roles see no row.

ALTER TABLE feed ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON feed TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON feed TO leasetrace_service;

CREATE POLICY lessor ON feed TO leasetrace_lessor
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON feed TO leasetrace_lessor;

CREATE POLICY administrator ON feed TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON feed TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE feed_feed_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
