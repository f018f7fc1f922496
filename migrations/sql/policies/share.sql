-- share: a run sheet that is shared by link and PIN.
--
-- service  every row: the application's own work.
-- grantee  a court the shares of its own cases; a dispatcher those that it made, while the case is visible.
--          Not the digests of link and PIN (by columns). Both may revoke.
-- Other roles see no row.

ALTER TABLE share ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON share TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON share TO leasetrace_service;

CREATE POLICY grantee ON share TO leasetrace_grantee
    USING (
        case_id = ANY ((SELECT rls_own_cases())::integer[])
        OR created_by = (SELECT rls_grantee())
           AND current_setting('leasetrace.grantee_kind', true) = 'principal'
           AND case_id = ANY ((SELECT rls_cases())::integer[])
    )
    WITH CHECK (
        case_id = ANY ((SELECT rls_own_cases())::integer[])
        OR created_by = (SELECT rls_grantee())
           AND current_setting('leasetrace.grantee_kind', true) = 'principal'
           AND case_id = ANY ((SELECT rls_cases())::integer[])
    );
GRANT SELECT (share_id, assignment_id, case_id, recipient, created_by, api_key_id, created_at, expires_at,
    revoked_at, revoked_by, wrong_pins, opened, last_opened_at), INSERT, UPDATE (revoked_at, revoked_by)
    ON share TO leasetrace_grantee;

GRANT USAGE, SELECT ON SEQUENCE share_share_id_seq TO leasetrace_service, leasetrace_grantee;
