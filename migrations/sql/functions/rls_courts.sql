-- Row security: the court that the transaction acts for and the courts below it; NULL when it acts for none.
-- Setting leasetrace.lower_courts.
CREATE OR REPLACE FUNCTION rls_courts() RETURNS integer[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('leasetrace.lower_courts', true), '')::integer[] || rls_court()
    WHERE rls_court() IS NOT NULL
$$;
