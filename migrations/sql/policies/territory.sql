-- territory: a county with its court.
--
-- service        every row: the application's own work.
-- writer         every row: it holds no tenant's data.
-- lessor         every row: it holds no tenant's data.
-- grantee        every row: it holds no tenant's data.
-- auditor        every row: it holds no tenant's data.
-- administrator  every row: it holds no tenant's data.

ALTER TABLE territory ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON territory TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON territory TO leasetrace_service;

CREATE POLICY writer ON territory FOR SELECT TO leasetrace_writer USING (true);
GRANT SELECT ON territory TO leasetrace_writer;

CREATE POLICY lessor ON territory FOR SELECT TO leasetrace_lessor USING (true);
GRANT SELECT ON territory TO leasetrace_lessor;

CREATE POLICY grantee ON territory FOR SELECT TO leasetrace_grantee USING (true);
GRANT SELECT ON territory TO leasetrace_grantee;

CREATE POLICY auditor ON territory FOR SELECT TO leasetrace_auditor USING (true);
GRANT SELECT ON territory TO leasetrace_auditor;

CREATE POLICY administrator ON territory FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON territory TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE territory_territory_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
