-- entrustment: a court lets another court act in a case for a period.
--
-- service        every row: the application's own work.
-- grantee        a court sees those of its own and lower courts' cases, and those given to itself.
--                It gives and withdraws those of its own cases. What a case entrusted to others stays hidden.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE entrustment ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON entrustment TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON entrustment TO leasetrace_service;

CREATE POLICY grantee ON entrustment FOR SELECT TO leasetrace_grantee
    USING (
        case_id = ANY ((SELECT rls_court_cases())::integer[])
        OR case_id = ANY ((SELECT rls_cases())::integer[]) AND court_id = (SELECT rls_court())
    );
CREATE POLICY grantee_insert ON entrustment FOR INSERT TO leasetrace_grantee
    WITH CHECK (case_id = ANY ((SELECT rls_own_cases())::integer[]));
CREATE POLICY grantee_update ON entrustment FOR UPDATE TO leasetrace_grantee
    USING (case_id = ANY ((SELECT rls_own_cases())::integer[]))
    WITH CHECK (case_id = ANY ((SELECT rls_own_cases())::integer[]));
GRANT SELECT, INSERT, UPDATE ON entrustment TO leasetrace_grantee;

CREATE POLICY administrator ON entrustment FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON entrustment TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE entrustment_entrustment_id_seq TO leasetrace_service, leasetrace_grantee;
