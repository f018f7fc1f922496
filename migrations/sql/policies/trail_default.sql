-- trail_default: the default partition of trail: months without a partition.
--
-- No role sees a row.
-- Rows are visible through trail only, as those of the monthly partitions.

ALTER TABLE trail_default ENABLE ROW LEVEL SECURITY;
