-- Row security: the court that the transaction acts for; NULL when it acts for none.
CREATE OR REPLACE FUNCTION rls_court() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT rls_grantee() WHERE current_setting('leasetrace.grantee_kind', true) = 'court'
$$;
