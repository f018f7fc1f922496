-- trail_anchor: an outside time stamp over a link of the audit trail.
--
-- service  every row, to read and add.
-- Other roles see no row.

ALTER TABLE trail_anchor ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON trail_anchor TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON trail_anchor TO leasetrace_service;
