-- person_identity: the identity of a person at an OpenID provider.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE person_identity ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON person_identity TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON person_identity TO leasetrace_service;
