-- Row security: the cases that the court or a court below it handles; of these only the named one, when one is named.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_named_cases() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    courts integer[] := rls_courts();
    about  integer := rls_case();
BEGIN
    IF about IS NULL THEN
        RETURN rls_court_cases();
    END IF;
    RETURN ARRAY(SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts) AND case_id = about);
END $$;
