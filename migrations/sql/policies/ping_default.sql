-- ping_default: the default partition of ping: days without a partition, and impossible clocks.
--
-- service  rows that wait for the partition of their day, read directly. All other reads go through ping.
-- Other roles see no row.

ALTER TABLE ping_default ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON ping_default TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON ping_default TO leasetrace_service;
