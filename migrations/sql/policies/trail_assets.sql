-- trail_assets: a set of assets that entries of the audit trail are about.
--
-- service  every row, to read. Only trail_append writes.
-- auditor  sets of visible entries.
-- Other roles see no row.

ALTER TABLE trail_assets ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON trail_assets TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT ON trail_assets TO leasetrace_service;

CREATE POLICY auditor ON trail_assets FOR SELECT TO leasetrace_auditor
    USING (EXISTS (SELECT FROM trail t WHERE t.assets_sha256 = trail_assets.assets_sha256));
GRANT SELECT ON trail_assets TO leasetrace_auditor;
