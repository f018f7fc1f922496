-- trail: one entry of the audit trail.
--
-- service  every row, to read. Only trail_append writes.
-- auditor  an auditor every entry; a court's administrator those of the court's own people.
-- Other roles see no row.
-- Monthly partitions have row security without a policy: rows are visible through trail only.

ALTER TABLE trail ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON trail TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT ON trail TO leasetrace_service;

CREATE POLICY auditor ON trail FOR SELECT TO leasetrace_auditor
    USING (
        (SELECT current_setting('leasetrace.grantee_kind', true)) = 'auditor'
        OR subject_id = (SELECT rls_court()) AND role IN ('enforcement_officer', 'court_administrator')
    );
GRANT SELECT ON trail TO leasetrace_auditor;
