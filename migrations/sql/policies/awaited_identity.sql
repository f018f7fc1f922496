-- awaited_identity: a login by which a person is recognised at the first sign-in through a provider.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE awaited_identity ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON awaited_identity TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON awaited_identity TO leasetrace_service;
