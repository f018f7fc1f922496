-- Row security: the court or principal that the transaction acts for; NULL when none. Setting leasetrace.grantee_id.
-- Setting leasetrace.grantee_kind says which of the two: 'court' or 'principal'. An auditor has the kind 'auditor'.
CREATE OR REPLACE FUNCTION rls_grantee() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('leasetrace.grantee_id', true), '')::integer
$$;
