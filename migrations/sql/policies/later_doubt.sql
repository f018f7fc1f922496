-- later_doubt: a doubt about a stored ping that only history shows.
--
-- service  every row: the application's own work.
-- writer   rows of the lessors of its group.
-- lessor   its own rows. Not of pings after a transfer of the asset that carried the device.
-- grantee  doubts about visible pings.
-- Other roles see no row.
-- OFFSET 0: looked up by the key for each row, never hashed as a whole.

ALTER TABLE later_doubt ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON later_doubt TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON later_doubt TO leasetrace_service;

CREATE POLICY writer ON later_doubt TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON later_doubt TO leasetrace_writer;

CREATE POLICY lessor ON later_doubt FOR SELECT TO leasetrace_lessor
    USING (
        lessor_id = ANY ((SELECT rls_lessors())::integer[])
        AND (device_id NOT IN (SELECT d.device_id FROM transferred_device d)
             OR NOT EXISTS (
                 SELECT FROM device_binding b JOIN asset_transfer t USING (asset_id)
                 WHERE b.device_id = later_doubt.device_id AND b.bound_from <= later_doubt.fixed_at
                   AND (b.bound_until IS NULL OR b.bound_until > later_doubt.fixed_at)
                   AND t.transferred_at <= later_doubt.fixed_at))
    );
GRANT SELECT ON later_doubt TO leasetrace_lessor;

CREATE POLICY grantee ON later_doubt FOR SELECT TO leasetrace_grantee
    USING (
        EXISTS (
            SELECT FROM ping p
            WHERE p.device_id = later_doubt.device_id AND p.variant = later_doubt.variant
              AND p.fixed_at = later_doubt.fixed_at OFFSET 0)
    );
GRANT SELECT ON later_doubt TO leasetrace_grantee;
