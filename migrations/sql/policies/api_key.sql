-- api_key: a key of a program or a person, with the digest of its secret.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON api_key TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key TO leasetrace_service;

GRANT USAGE, SELECT ON SEQUENCE api_key_api_key_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
