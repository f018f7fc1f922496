-- Row security: the lessors that the transaction acts for. Setting leasetrace.lessor_ids; NULL when not set.
CREATE OR REPLACE FUNCTION rls_lessors() RETURNS integer[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('leasetrace.lessor_ids', true), '')::integer[]
$$;
