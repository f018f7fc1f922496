-- account: the account of a person who signs in, with digests of its secrets.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE account ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON account TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON account TO leasetrace_service;
