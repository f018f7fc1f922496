-- Row security: pairs of case and asset that were entrusted or assigned to the grantee, in open cases, in force.
-- A pair is one number: case_id << 32 | asset_id. An asset may be in two cases of which one was entrusted.
-- When the transaction names a case, only its pairs. A mission grants positions, not the assets of a case.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_delegated() RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Variables, so that the statement below is an index scan.
    kind   text := current_setting('leasetrace.grantee_kind', true);
    whose  integer := rls_grantee();
    about  integer := rls_case();
    since  timestamptz := rls_at();
BEGIN
    RETURN ARRAY(
        SELECT g.case_id::bigint << 32 | g.asset_id
        FROM access_grant g JOIN enforcement_case c USING (case_id)
        WHERE c.closed_on IS NULL AND g.grantee_kind = kind AND g.grantee_id = whose
          AND g.ground <> 'case' AND g.ground <> 'mission'
          AND (about IS NULL OR g.case_id = about)
          AND g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since));
END $$;
