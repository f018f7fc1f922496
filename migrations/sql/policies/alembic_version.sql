-- alembic_version: the revision of the schema. /readyz compares it with the code's.
--
-- service        every row: the application's own work.
-- writer         every row: it holds no tenant's data.
-- lessor         every row: it holds no tenant's data.
-- grantee        every row: it holds no tenant's data.
-- auditor        every row: it holds no tenant's data.
-- administrator  every row: it holds no tenant's data.

ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON alembic_version TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT ON alembic_version TO leasetrace_service;

CREATE POLICY writer ON alembic_version FOR SELECT TO leasetrace_writer USING (true);
GRANT SELECT ON alembic_version TO leasetrace_writer;

CREATE POLICY lessor ON alembic_version FOR SELECT TO leasetrace_lessor USING (true);
GRANT SELECT ON alembic_version TO leasetrace_lessor;

CREATE POLICY grantee ON alembic_version FOR SELECT TO leasetrace_grantee USING (true);
GRANT SELECT ON alembic_version TO leasetrace_grantee;

CREATE POLICY auditor ON alembic_version FOR SELECT TO leasetrace_auditor USING (true);
GRANT SELECT ON alembic_version TO leasetrace_auditor;

CREATE POLICY administrator ON alembic_version FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON alembic_version TO leasetrace_administrator;
