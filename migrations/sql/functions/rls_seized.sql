-- Returns the visible assets on which any court has a measure in force on a day.
-- A lessor learns of measures in cases of others too. The administrator and the service see all.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_seized(day date) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF current_setting('role') IN ('leasetrace_administrator', 'leasetrace_service') THEN
        RETURN ARRAY(
            SELECT m.asset_id FROM seizure_measure m
                WHERE m.starts_on <= day AND m.ends_on >= day AND (m.released_on IS NULL OR m.released_on > day));
    END IF;
    RETURN ARRAY(
        SELECT m.asset_id FROM seizure_measure m JOIN asset a USING (asset_id)
            WHERE a.lessor_id = ANY (rls_lessors())
              AND m.starts_on <= day AND m.ends_on >= day AND (m.released_on IS NULL OR m.released_on > day)
        UNION SELECT m.asset_id FROM seizure_measure m
            WHERE m.asset_id IN (SELECT unnest(rls_known_assets()))
              AND m.starts_on <= day AND m.ends_on >= day AND (m.released_on IS NULL OR m.released_on > day));
END $$;
