-- seizure_renewal: a renewal of a seizure measure.
--
-- service        every row: the application's own work.
-- lessor         renewals of visible measures.
-- grantee        renewals of visible measures. A court adds those of its own cases.
-- administrator  every row, to read.
-- Other roles see no row.

ALTER TABLE seizure_renewal ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON seizure_renewal TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON seizure_renewal TO leasetrace_service;

CREATE POLICY lessor ON seizure_renewal FOR SELECT TO leasetrace_lessor
    USING (measure_id IN (SELECT measure_id FROM seizure_measure));
GRANT SELECT ON seizure_renewal TO leasetrace_lessor;

CREATE POLICY grantee ON seizure_renewal FOR SELECT TO leasetrace_grantee
    USING (measure_id IN (SELECT measure_id FROM seizure_measure));
CREATE POLICY grantee_insert ON seizure_renewal FOR INSERT TO leasetrace_grantee
    WITH CHECK (measure_id IN (
        SELECT measure_id FROM seizure_measure WHERE case_id = ANY ((SELECT rls_own_cases())::integer[])));
GRANT SELECT, INSERT ON seizure_renewal TO leasetrace_grantee;

CREATE POLICY administrator ON seizure_renewal FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT ON seizure_renewal TO leasetrace_administrator;

GRANT USAGE, SELECT ON SEQUENCE seizure_renewal_renewal_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
