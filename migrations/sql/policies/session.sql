-- session: a session of a signed-in person.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Before sign-in there is no principal to show rows to, and no role is shown digests of secrets.

ALTER TABLE session ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON session TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON session TO leasetrace_service;

GRANT USAGE, SELECT ON SEQUENCE session_session_id_seq TO leasetrace_service;
