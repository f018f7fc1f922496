-- Row security: the assets that the lessor transferred to another owner.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_transferred() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT asset_id FROM asset_transfer WHERE from_lessor_id = ANY (rls_lessors()));
END $$;
