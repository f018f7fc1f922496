-- principal: a person or program that acts, with its role.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE principal ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON principal TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON principal TO leasetrace_service;

GRANT USAGE, SELECT ON SEQUENCE principal_principal_id_seq
    TO leasetrace_service, leasetrace_writer, leasetrace_lessor, leasetrace_grantee, leasetrace_administrator;
