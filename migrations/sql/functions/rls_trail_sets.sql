-- Returns the digests of the sets of assets in the audit trail that contain an asset.
-- SECURITY DEFINER: the operator @> is not leakproof, so under a policy the index would not be used.
-- It returns digests only.
CREATE OR REPLACE FUNCTION rls_trail_sets(asset integer) RETURNS bytea[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(assets_sha256), '{}') FROM trail_assets WHERE asset_ids @> ARRAY[asset]
$$;

REVOKE ALL ON FUNCTION rls_trail_sets(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rls_trail_sets(integer) TO leasetrace_auditor, leasetrace_service;
