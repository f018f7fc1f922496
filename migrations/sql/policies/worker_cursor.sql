-- worker_cursor: the position of a worker's job in the chain of batches.
--
-- service  every row: the application's own work.
-- Other roles see no row.
-- Only the worker reads it.

ALTER TABLE worker_cursor ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON worker_cursor TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_cursor TO leasetrace_service;
