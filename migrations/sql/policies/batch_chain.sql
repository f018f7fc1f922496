-- batch_chain: one row, the newest number and link of the chain of batches.
--
-- service  every row: the application's own work.
-- writer   the row: each group extends the chain.
-- Other roles see no row.

ALTER TABLE batch_chain ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON batch_chain TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON batch_chain TO leasetrace_service;

CREATE POLICY writer ON batch_chain TO leasetrace_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON batch_chain TO leasetrace_writer;
