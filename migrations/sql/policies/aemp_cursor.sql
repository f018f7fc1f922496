-- aemp_cursor: the last location of a machine that was taken from a maker's interface.
--
-- service        every row: the application's own work.
-- lessor         rows of its own sources, to read and delete.
-- administrator  every row, to read and delete.
-- Other roles see no row.

ALTER TABLE aemp_cursor ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON aemp_cursor TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON aemp_cursor TO leasetrace_service;

CREATE POLICY lessor ON aemp_cursor TO leasetrace_lessor
    USING (source_id = ANY (ARRAY(SELECT source_id FROM aemp_source)))
    WITH CHECK (source_id = ANY (ARRAY(SELECT source_id FROM aemp_source)));
GRANT SELECT, DELETE ON aemp_cursor TO leasetrace_lessor;

CREATE POLICY administrator ON aemp_cursor TO leasetrace_administrator USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON aemp_cursor TO leasetrace_administrator;
