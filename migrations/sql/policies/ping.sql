-- ping: one fix of a device.
--
-- service  every row: the application's own work.
-- writer   rows of the lessors of its group.
-- lessor   its own rows. After an asset was transferred, only those up to the transfer:
--          the lessor must not follow an asset that is another's.
-- grantee  assets granted at this moment, in the open case that the transaction names (rls_assets):
--          a court by its case or an entrustment, a dispatcher by an assignment, a crew by a mission.
-- Other roles see no row.
-- Daily partitions have row security without a policy: rows are visible through ping only.

ALTER TABLE ping ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON ping TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ping TO leasetrace_service;

CREATE POLICY writer ON ping TO leasetrace_writer
    USING (lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON ping TO leasetrace_writer;

CREATE POLICY lessor ON ping FOR SELECT TO leasetrace_lessor
    USING (
        lessor_id = ANY ((SELECT rls_lessors())::integer[])
        AND (asset_id IS NULL
             OR asset_id NOT IN (SELECT unnest(rls_transferred()))
             OR fixed_at < (SELECT t.transferred_at FROM asset_transfer t WHERE t.asset_id = ping.asset_id))
    );
GRANT SELECT ON ping TO leasetrace_lessor;

CREATE POLICY grantee ON ping FOR SELECT TO leasetrace_grantee USING (asset_id IN (SELECT unnest(rls_assets())));
GRANT SELECT ON ping TO leasetrace_grantee;
