-- Appends entries to the audit trail, in the order given, and returns the number of the last.
-- The only way to write the trail: no role of the application may insert into it.
-- Call it in the last statement of a transaction: the head of the chain stays locked until the commit.
-- The caller supplies the content and `at`. Number, link and written_at are computed here.
-- A principal's role writes entries of its own kind, for its own lessor or court, and never as the service (0).
-- The linked bytes equal those of the module that verifies the chain in Python; a test compares both.
-- The digest is one expression, because SQL functions took four times as long.
-- Errors: insufficient_privilege for an entry in another's name.
-- check_violation for a time outside the years 1 to 9999, or a digest that is not that of the assets.
CREATE OR REPLACE FUNCTION trail_append(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head trail_head;
    entry record;
    new  trail;
    digest bytea;
    ids    integer[];
    caller text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
    trusted boolean := caller = 'leasetrace_service' OR pg_has_role(caller, current_user, 'MEMBER');
    kind   text := current_setting('leasetrace.grantee_kind', true);
    first_year CONSTANT timestamptz := '0001-01-01 00:00:00+00';
    after_last CONSTANT timestamptz := '10000-01-01 00:00:00+00';
    absent     CONSTANT bytea := '\xffffffff';
    format_tag CONSTANT bytea := int4send(18) || convert_to('leasetrace/trail/1', 'UTF8');
BEGIN
    -- All other entries wait for this transaction: it is ended when it is idle before its commit.
    PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);
    SELECT * INTO STRICT head FROM trail_head FOR UPDATE;
    FOR entry IN SELECT * FROM jsonb_to_recordset(entries) AS e (
        at timestamptz, principal_id integer, role text, subject_id integer, api_key_id integer,
        session_id bigint, case_id integer, action text, assets_sha256 text, asset_ids text,
        window_from timestamptz, window_until timestamptz, results integer, request_id text, detail text)
    LOOP
        IF NOT trusted AND (entry.principal_id = 0 OR NOT coalesce(CASE caller
            WHEN 'leasetrace_lessor' THEN entry.role LIKE 'lessor\_%' AND entry.subject_id = ANY (rls_lessors())
            WHEN 'leasetrace_administrator' THEN entry.role = 'platform_administrator'
            WHEN 'leasetrace_grantee' THEN CASE kind
                WHEN 'court' THEN entry.role = 'enforcement_officer' AND entry.subject_id = rls_grantee()
                WHEN 'principal' THEN entry.role IN ('dispatcher', 'crew') AND entry.principal_id = rls_grantee() END
            WHEN 'leasetrace_auditor' THEN CASE kind
                WHEN 'court' THEN entry.role = 'court_administrator' AND entry.subject_id = rls_grantee()
                WHEN 'auditor' THEN entry.role = 'auditor' END
            END, false)) THEN
            RAISE EXCEPTION 'an entry in the name of another' USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF NOT (entry.at >= first_year AND entry.at < after_last
                AND coalesce(entry.window_from >= first_year AND entry.window_from < after_last, true)
                AND coalesce(entry.window_until >= first_year AND entry.window_until < after_last, true)) THEN
            RAISE EXCEPTION 'a moment outside the years 1 to 9999' USING ERRCODE = 'check_violation';
        END IF;
        new := NULL;
        new.asset_count := 0;
        IF entry.assets_sha256 IS NOT NULL THEN
            new.assets_sha256 := decode(entry.assets_sha256, 'hex');
            SELECT cardinality(asset_ids) INTO new.asset_count
            FROM trail_assets a WHERE a.assets_sha256 = new.assets_sha256;
            IF NOT FOUND THEN
                SELECT sha256(string_agg(int4send(id), '' ORDER BY id)), array_agg(id ORDER BY id)
                INTO digest, ids FROM (SELECT DISTINCT unnest(entry.asset_ids::integer[]) AS id) given;
                IF digest IS DISTINCT FROM new.assets_sha256 OR array_position(ids, NULL) IS NOT NULL THEN
                    RAISE EXCEPTION 'not the digest of these assets' USING ERRCODE = 'check_violation';
                END IF;
                INSERT INTO trail_assets VALUES (digest, ids);
                new.asset_count := cardinality(ids);
            END IF;
        END IF;
        head.trail_no := head.trail_no + 1;
        head.written_at := greatest(head.written_at, clock_timestamp());
        new.trail_no := head.trail_no;
        new.at := entry.at;
        new.written_at := head.written_at;
        new.principal_id := entry.principal_id;
        new.role := entry.role;
        new.subject_id := entry.subject_id;
        new.api_key_id := entry.api_key_id;
        new.session_id := entry.session_id;
        new.case_id := entry.case_id;
        new.action := entry.action;
        new.window_from := entry.window_from;
        new.window_until := entry.window_until;
        new.results := entry.results;
        new.request_id := entry.request_id;
        new.detail := entry.detail;
        new.link := sha256(head.link || format_tag
            || coalesce('\x00000008'::bytea || int8send(new.trail_no), absent)
            || coalesce('\x00000008'::bytea || int8send((extract(epoch FROM new.at) * 1000000)::bigint), absent)
            || coalesce('\x00000008'::bytea || int8send((extract(epoch FROM new.written_at) * 1000000)::bigint), absent)
            || coalesce('\x00000008'::bytea || int8send(new.principal_id), absent)
            || coalesce(int4send(length(convert_to(new.role, 'UTF8'))) || convert_to(new.role, 'UTF8'), absent)
            || coalesce('\x00000008'::bytea || int8send(new.subject_id), absent)
            || coalesce('\x00000008'::bytea || int8send(new.api_key_id), absent)
            || coalesce('\x00000008'::bytea || int8send(new.session_id), absent)
            || coalesce('\x00000008'::bytea || int8send(new.case_id), absent)
            || coalesce(int4send(length(convert_to(new.action, 'UTF8'))) || convert_to(new.action, 'UTF8'), absent)
            || coalesce('\x00000008'::bytea || int8send(new.asset_count), absent)
            || coalesce(int4send(length(new.assets_sha256)) || new.assets_sha256, absent)
            || coalesce('\x00000008'::bytea || int8send((extract(epoch FROM new.window_from) * 1000000)::bigint), absent)
            || coalesce('\x00000008'::bytea || int8send((extract(epoch FROM new.window_until) * 1000000)::bigint), absent)
            || coalesce('\x00000008'::bytea || int8send(new.results), absent)
            || coalesce(int4send(length(convert_to(new.request_id, 'UTF8'))) || convert_to(new.request_id, 'UTF8'), absent)
            || coalesce(int4send(length(convert_to(new.detail, 'UTF8'))) || convert_to(new.detail, 'UTF8'), absent));
        head.link := new.link;
        INSERT INTO trail VALUES (new.*);
    END LOOP;
    UPDATE trail_head SET trail_no = head.trail_no, written_at = head.written_at, link = head.link;
    RETURN head.trail_no;
END $$;

REVOKE ALL ON FUNCTION trail_append(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trail_append(jsonb)
    TO leasetrace_lessor, leasetrace_grantee, leasetrace_auditor, leasetrace_administrator, leasetrace_service;
