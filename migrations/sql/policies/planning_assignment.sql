-- planning_assignment: a dispatcher plans for a case for a period.
--
-- service        every row: the application's own work.
-- grantee        a court sees those of its own and lower courts' cases, and gives those of its own cases.
--                A dispatcher sees its own, while they are in force.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE planning_assignment ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON planning_assignment TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON planning_assignment TO leasetrace_service;

CREATE POLICY grantee ON planning_assignment FOR SELECT TO leasetrace_grantee
    USING (
        case_id = ANY ((SELECT rls_court_cases())::integer[])
        OR case_id = ANY ((SELECT rls_cases())::integer[])
           AND dispatcher_id = (SELECT rls_grantee()) AND (SELECT rls_court()) IS NULL
    );
CREATE POLICY grantee_insert ON planning_assignment FOR INSERT TO leasetrace_grantee
    WITH CHECK (case_id = ANY ((SELECT rls_own_cases())::integer[]));
GRANT SELECT, INSERT ON planning_assignment TO leasetrace_grantee;

CREATE POLICY administrator ON planning_assignment FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON planning_assignment TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE planning_assignment_assignment_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
