-- raw_body: the body of a batch as it arrived.
--
-- service  every row: the application's own work.
-- writer   adds rows, sees none.
-- Other roles see no row.

ALTER TABLE raw_body ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON raw_body TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON raw_body TO leasetrace_service;

CREATE POLICY writer ON raw_body FOR INSERT TO leasetrace_writer WITH CHECK (true);
GRANT INSERT ON raw_body TO leasetrace_writer;
