-- Trigger function: raises lessor.fleet_version in the transaction that changes a device or a binding.
-- The ping path caches each lessor's devices and bindings in every process. A higher number tells them to read again.
-- SECURITY DEFINER: a lessor that binds a device may not change its own row of lessor.
CREATE OR REPLACE FUNCTION fleet_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE lessor SET fleet_version = fleet_version + 1
    WHERE lessor_id IN (SELECT lessor_id FROM changed);
    RETURN NULL;
END $$;
