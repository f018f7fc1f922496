-- current_position: the newest position of a device on an asset.
--
-- service        every row: the application's own work.
-- writer         rows of the lessors of its group.
--                lessor_id IS NULL passes, so that the NOT NULL constraint reports an asset that was moved meanwhile.
-- lessor         its own rows. After an asset was transferred, only those up to the transfer:
--                the lessor must not follow an asset that is another's.
-- grantee        assets granted at this moment, in the open case that the transaction names (rls_assets):
--                a court by its case or an entrustment, a dispatcher by an assignment, a crew by a mission.
-- administrator  every row, but only when and by which device it was heard, not where (by columns).
-- Other roles see no row.

ALTER TABLE current_position ENABLE ROW LEVEL SECURITY;

CREATE POLICY service ON current_position TO leasetrace_service USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON current_position TO leasetrace_service;

CREATE POLICY writer ON current_position TO leasetrace_writer
    USING (lessor_id IS NULL OR lessor_id = ANY ((SELECT rls_lessors())::integer[]))
    WITH CHECK (lessor_id IS NULL OR lessor_id = ANY ((SELECT rls_lessors())::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON current_position TO leasetrace_writer;

CREATE POLICY lessor ON current_position FOR SELECT TO leasetrace_lessor
    USING (
        lessor_id = ANY ((SELECT rls_lessors())::integer[])
        AND (asset_id IS NULL
             OR asset_id NOT IN (SELECT unnest(rls_transferred()))
             OR fixed_at < (SELECT t.transferred_at FROM asset_transfer t WHERE t.asset_id = current_position.asset_id))
    );
GRANT SELECT ON current_position TO leasetrace_lessor;

CREATE POLICY grantee ON current_position FOR SELECT TO leasetrace_grantee
    USING (asset_id IN (SELECT unnest(rls_assets())));
GRANT SELECT ON current_position TO leasetrace_grantee;

CREATE POLICY administrator ON current_position FOR SELECT TO leasetrace_administrator USING (true);
GRANT SELECT (asset_id, device_id, fixed_at, received_at, batch_id, lessor_id)
    ON current_position TO leasetrace_administrator;
