-- court: a court.
--
-- service        every row: the application's own work.
-- writer         every row: it holds no tenant's data.
-- lessor         every row: it holds no tenant's data.
-- grantee        every row: it holds no tenant's data.
-- auditor        every row: it holds no tenant's data.
-- administrator  every row: it holds no tenant's data.

ALTER TABLE court ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON court TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON court TO leasetrace_service;

CREATE POLICY writer ON court FOR SELECT TO leasetrace_writer USING (true);
GRANT SELECT ON court TO leasetrace_writer;

CREATE POLICY lessor ON court FOR SELECT TO leasetrace_lessor USING (true);
GRANT SELECT ON court TO leasetrace_lessor;

CREATE POLICY grantee ON court FOR SELECT TO leasetrace_grantee USING (true);
GRANT SELECT ON court TO leasetrace_grantee;

CREATE POLICY auditor ON court FOR SELECT TO leasetrace_auditor USING (true);
GRANT SELECT ON court TO leasetrace_auditor;

CREATE POLICY administrator ON court FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON court TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE court_court_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
