-- Row security: the assets whose positions are visible to a grantee (court or dispatcher).
-- They are granted at rls_at() in the named case, and the case is open. Without a named case: none.
-- A court also sees what the courts below it were granted by their own cases.
-- A grant that was passed on (through_kind) holds only while the right of its giver does.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_assets() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Variables, so that each statement below is an index scan.
    kind   text := current_setting('leasetrace.grantee_kind', true);
    whose  integer := rls_grantee();
    courts integer[] := rls_courts();
    about  integer := rls_case();
    since  timestamptz := rls_at();
BEGIN
    IF NOT EXISTS (SELECT FROM enforcement_case c WHERE c.case_id = about AND c.closed_on IS NULL) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT g.asset_id FROM access_grant g
            WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.case_id = about
              AND g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since)
              AND (g.through_kind IS NULL OR EXISTS (
                  SELECT FROM access_grant r
                  WHERE r.grantee_kind = g.through_kind AND r.grantee_id = g.through_id AND r.case_id = g.case_id
                    AND r.asset_id = g.asset_id AND r.through_kind IS NULL
                    AND r.valid_from <= since AND (r.valid_until IS NULL OR r.valid_until > since)))
        UNION ALL SELECT g.asset_id FROM access_grant g
            WHERE g.grantee_kind = kind AND g.grantee_id = ANY (courts) AND g.grantee_id <> whose
              AND g.case_id = about AND g.ground = 'case'
              AND g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since));
END $$;
