-- Row security: the visible cases. They are handled by the court or a court below it, applied for by the lessor,
-- entrusted to the court, or assigned to the dispatcher.
-- Entrustments and assignments end with the case. A mission makes no case visible.
-- SECURITY DEFINER: the tables read here have policies that call functions like this one. It returns numbers only.
CREATE OR REPLACE FUNCTION rls_cases() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Variables, so that each statement below is an index scan.
    kind   text := current_setting('leasetrace.grantee_kind', true);
    whose  integer := rls_grantee();
    courts integer[] := rls_courts();
    since  timestamptz := rls_at();
BEGIN
    RETURN ARRAY(
        SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts)
        UNION SELECT case_id FROM enforcement_case WHERE applicant_lessor_id = ANY (rls_lessors())
        UNION SELECT e.case_id FROM entrustment e JOIN enforcement_case c USING (case_id)
            WHERE e.court_id = rls_court() AND e.withdrawn_at IS NULL
              AND e.starts_at <= since AND e.ends_at > since AND c.closed_on IS NULL
        UNION SELECT a.case_id FROM planning_assignment a JOIN enforcement_case c USING (case_id)
            WHERE kind = 'principal' AND a.dispatcher_id = whose
              AND a.starts_at <= since AND a.ends_at > since AND c.closed_on IS NULL);
END $$;
