-- Row security: the cases that the court or a court below it handles.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_court_cases() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    courts integer[] := rls_courts();
BEGIN
    RETURN ARRAY(SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts));
END $$;
