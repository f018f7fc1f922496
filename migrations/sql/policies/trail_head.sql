-- trail_head: one row, the newest number and link of the audit trail.
--
-- service  the row, to read. Only trail_append writes.
-- Other roles see no row.

ALTER TABLE trail_head ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON trail_head TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT ON trail_head TO leasetrace_service;
