-- sign_in_failure: failed sign-ins of a login.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE sign_in_failure ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON sign_in_failure TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failure TO leasetrace_service;
