-- Row security: the case that the transaction names. Setting leasetrace.case_id; NULL when not set.
CREATE OR REPLACE FUNCTION rls_case() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('leasetrace.case_id', true), '')::integer
$$;
