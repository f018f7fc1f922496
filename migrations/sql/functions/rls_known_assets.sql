-- Row security: the assets whose register entries are visible to a grantee (court or dispatcher), positions apart.
-- A court keeps the assets that it, or a court below it, ever confirmed in a case: also after the case is closed.
-- Other grants count while they are in force and the case is open; a passed-on grant while its giver's right holds.
-- When the transaction names a case, only the assets of that case.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_known_assets() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Variables, so that each statement below is an index scan.
    kind   text := current_setting('leasetrace.grantee_kind', true);
    whose  integer := rls_grantee();
    courts integer[] := rls_courts();
    about  integer := rls_case();
    since  timestamptz := rls_at();
BEGIN
    IF about IS NULL THEN
        RETURN ARRAY(
            SELECT g.asset_id FROM access_grant g
                WHERE g.grantee_kind = kind AND g.grantee_id = ANY (whose || courts) AND g.ground = 'case'
            UNION SELECT g.asset_id FROM access_grant g JOIN enforcement_case c USING (case_id)
                WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.ground <> 'case'
                  AND c.closed_on IS NULL
                  AND g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since)
                  AND (g.through_kind IS NULL OR EXISTS (
                      SELECT FROM access_grant r
                      WHERE r.grantee_kind = g.through_kind AND r.grantee_id = g.through_id AND r.case_id = g.case_id
                        AND r.asset_id = g.asset_id AND r.through_kind IS NULL
                        AND r.valid_from <= since AND (r.valid_until IS NULL OR r.valid_until > since))));
    END IF;
    RETURN ARRAY(
        SELECT g.asset_id FROM access_grant g JOIN enforcement_case c USING (case_id)
            WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.case_id = about
              AND (g.ground = 'case' OR c.closed_on IS NULL
                  AND g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since)
                  AND (g.through_kind IS NULL OR EXISTS (
                      SELECT FROM access_grant r
                      WHERE r.grantee_kind = g.through_kind AND r.grantee_id = g.through_id AND r.case_id = g.case_id
                        AND r.asset_id = g.asset_id AND r.through_kind IS NULL
                        AND r.valid_from <= since AND (r.valid_until IS NULL OR r.valid_until > since))))
        UNION SELECT g.asset_id FROM access_grant g
            WHERE g.grantee_kind = kind AND g.grantee_id = ANY (courts) AND g.grantee_id <> whose
              AND g.case_id = about AND g.ground = 'case');
END $$;
