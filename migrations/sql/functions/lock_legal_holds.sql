-- Locks what legal holds follow from, until the transaction ends: no hold begins or ends meanwhile.
-- Rooms below enforcement call it, so that they need not name its tables. The lock needs rights on both tables.
CREATE OR REPLACE FUNCTION lock_legal_holds() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    LOCK TABLE public.legal_hold, public.case_asset IN SHARE MODE;
END $$;
REVOKE ALL ON FUNCTION lock_legal_holds() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_legal_holds() TO leasetrace_service;
