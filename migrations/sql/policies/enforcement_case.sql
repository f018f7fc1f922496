-- enforcement_case: a case of enforcement.
--
-- service        every row: the application's own work.
-- lessor         cases that it applied for. UPDATE is granted for row locks only: WITH CHECK (false).
-- grantee        visible cases: of the court and lower courts, entrusted or assigned (rls_cases).
--                A court opens and changes its own cases; case_id, number, court and applicant stay (by columns).
-- administrator  every row, to read and write.
-- Other roles see no row.

ALTER TABLE enforcement_case ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON enforcement_case TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON enforcement_case TO leasetrace_service;

CREATE POLICY lessor ON enforcement_case TO leasetrace_lessor
    USING (applicant_lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (false);
GRANT SELECT, UPDATE ON enforcement_case TO leasetrace_lessor;

CREATE POLICY grantee ON enforcement_case FOR SELECT TO leasetrace_grantee
    USING (court_id = ANY ((SELECT rls_courts())::integer[]) OR case_id = ANY ((SELECT rls_cases())::integer[]));
CREATE POLICY grantee_insert ON enforcement_case FOR INSERT TO leasetrace_grantee
    WITH CHECK (court_id = (SELECT rls_court()));
CREATE POLICY grantee_update ON enforcement_case FOR UPDATE TO leasetrace_grantee
    USING (court_id = (SELECT rls_court()))
    WITH CHECK (court_id = (SELECT rls_court()));
GRANT SELECT, INSERT, UPDATE (judgment_debtor, claim_mode, claim_yuan, phase, basis_number, opened_on,
    closed_on)
    ON enforcement_case TO leasetrace_grantee;

CREATE POLICY administrator ON enforcement_case TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON enforcement_case TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE enforcement_case_case_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
