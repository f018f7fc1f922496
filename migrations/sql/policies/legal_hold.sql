-- legal_hold: retention keeps the data of an asset, or of a case's confirmed assets.
--
-- service        every row: the application's own work.
-- grantee        holds of the court's own cases, to read and write. A held asset must be confirmed in the case.
-- administrator  every row, to read and write.
-- Other roles see no row.
-- OFFSET 0: looked up by the key for each row, never hashed as a whole.

ALTER TABLE legal_hold ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON legal_hold TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON legal_hold TO leasetrace_service;

CREATE POLICY grantee ON legal_hold TO leasetrace_grantee
    USING (case_id = ANY ((SELECT rls_own_cases())::integer[]))
    WITH CHECK (
        case_id = ANY ((SELECT rls_own_cases())::integer[])
        AND (asset_id IS NULL OR EXISTS (
            SELECT FROM case_asset c
            WHERE c.case_id = legal_hold.case_id AND c.asset_id = legal_hold.asset_id
              AND c.confirmed_at IS NOT NULL OFFSET 0))
    );
GRANT SELECT, INSERT, UPDATE ON legal_hold TO leasetrace_grantee;

CREATE POLICY administrator ON legal_hold TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON legal_hold TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE legal_hold_hold_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
