-- seizure_measure: a seizure measure on an asset of a case.
--
-- service        every row: the application's own work.
-- lessor         measures in the cases that it applied for.
-- grantee        measures of a case that the court or a lower court handles; of entrusted or assigned assets of
--                another case. A court writes measures on confirmed assets of its own cases.
-- administrator  every row, to read.
-- Other roles see no row.
-- OFFSET 0: looked up by the key for each row, never hashed as a whole.

ALTER TABLE seizure_measure ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON seizure_measure TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON seizure_measure TO leasetrace_service;

CREATE POLICY lessor ON seizure_measure FOR SELECT TO leasetrace_lessor
    USING (case_id = ANY ((SELECT rls_cases())::integer[]));
GRANT SELECT ON seizure_measure TO leasetrace_lessor;

CREATE POLICY grantee ON seizure_measure FOR SELECT TO leasetrace_grantee
    USING (
        case_id IN (SELECT unnest(rls_named_cases()))
        OR (case_id::bigint << 32 | asset_id) IN (SELECT unnest(rls_delegated()))
    );
CREATE POLICY grantee_insert ON seizure_measure FOR INSERT TO leasetrace_grantee
    WITH CHECK (
        case_id = ANY ((SELECT rls_own_cases())::integer[])
        AND EXISTS (
            SELECT FROM case_asset c
            WHERE c.case_id = seizure_measure.case_id AND c.asset_id = seizure_measure.asset_id
              AND c.confirmed_at IS NOT NULL OFFSET 0)
    );
CREATE POLICY grantee_update ON seizure_measure FOR UPDATE TO leasetrace_grantee
    USING (case_id = ANY ((SELECT rls_own_cases())::integer[]))
    WITH CHECK (
        case_id = ANY ((SELECT rls_own_cases())::integer[])
        AND EXISTS (
            SELECT FROM case_asset c
            WHERE c.case_id = seizure_measure.case_id AND c.asset_id = seizure_measure.asset_id
              AND c.confirmed_at IS NOT NULL OFFSET 0)
    );
GRANT SELECT, INSERT, UPDATE ON seizure_measure TO leasetrace_grantee;

CREATE POLICY administrator ON seizure_measure FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON seizure_measure TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE seizure_measure_measure_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
