-- access_grant: a court or a principal may see an asset in a case, on a ground, for a period.
--
-- service  every row: the application's own work.
-- grantee  its own grants. A court also sees the grants by which lower courts handle their cases.
-- Other roles see no row.

ALTER TABLE access_grant ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON access_grant TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON access_grant TO leasetrace_service;

CREATE POLICY grantee ON access_grant FOR SELECT TO leasetrace_grantee
    USING (
        grantee_kind = current_setting('leasetrace.grantee_kind', true)
        AND (grantee_id = (SELECT rls_grantee())
             OR grantee_id = ANY ((SELECT rls_courts())::integer[]) AND ground = 'case')
    );
GRANT SELECT ON access_grant TO leasetrace_grantee;

GRANT USAGE, SELECT ON SEQUENCE access_grant_grant_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
