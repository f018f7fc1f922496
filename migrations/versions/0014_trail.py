"""The audit trail: who looked at what and who changed what, append-only and chained.

Rows are written by ``trail_append`` only, which runs as the owner: no role of the application may insert, change or
delete one. The numbers are in the order of commits and without a gap, because the head is locked until the commit.
Which assets an entry is about stands once for each set of assets, under its digest; the digest is in the chain.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AUDITOR, SERVICE = "leasetrace_auditor", "leasetrace_service"
APPENDING = ", ".join(f"leasetrace_{name}" for name in ("lessor", "grantee", "auditor", "administrator", "service"))
COURT_ROLES = "('enforcement_officer', 'court_administrator')"
# An auditor sees all, a court's administrator the entries of its court's own people; where nothing is set, nothing.
OF_COURT = f"""(SELECT current_setting('leasetrace.grantee_kind', true)) = 'auditor'
    OR subject_id = (SELECT sight_court()) AND role IN {COURT_ROLES}"""

TRAIL = """
    CREATE TABLE trail (
        trail_no       bigint NOT NULL,       -- in the order of commits, without a gap: this is the order of events
        at             timestamptz NOT NULL,  -- by the application's clock
        written_at     timestamptz NOT NULL,  -- by the database's; never goes back
        principal_id   integer NOT NULL,      -- 0: the command line or the worker
        role           text NOT NULL,
        subject_id     integer,               -- the court or lessor that the principal acts for
        api_key_id     integer,
        session_id     bigint,                -- of a person that has signed in
        case_id        integer,
        action         text NOT NULL,
        asset_count    integer NOT NULL,
        assets_sha256  bytea,                 -- of the assets: see trail_assets
        window_from    timestamptz,
        window_until   timestamptz,
        results        integer,
        request_id     text,
        detail         text,
        link           bytea NOT NULL,        -- SHA-256 of the link before and of the rest
        CONSTRAINT trail_pkey PRIMARY KEY (trail_no, at)
    ) PARTITION BY RANGE (at)"""
INDEXES = (
    "CREATE INDEX trail_principal_id_trail_no_idx ON trail (principal_id, trail_no)",
    "CREATE INDEX trail_case_id_trail_no_idx ON trail (case_id, trail_no) WHERE case_id IS NOT NULL",
    "CREATE INDEX trail_subject_id_trail_no_idx ON trail (subject_id, trail_no) WHERE subject_id IS NOT NULL",
    "CREATE INDEX trail_assets_sha256_trail_no_idx ON trail (assets_sha256, trail_no) WHERE assets_sha256 IS NOT NULL",
    "CREATE INDEX trail_request_id_idx ON trail (request_id) WHERE request_id IS NOT NULL",
)
OTHERS = (
    """
    CREATE TABLE trail_assets (
        assets_sha256 bytea NOT NULL CONSTRAINT trail_assets_pkey PRIMARY KEY, -- of the ids as int4, big-endian
        asset_ids     integer[] NOT NULL                                       -- each once, in order
    )""",
    "CREATE INDEX trail_assets_asset_ids_idx ON trail_assets USING gin (asset_ids)",
    """
    CREATE TABLE trail_head (
        only_row   boolean NOT NULL CONSTRAINT trail_head_pkey PRIMARY KEY CONSTRAINT trail_head_only_row_check CHECK (only_row),
        trail_no   bigint NOT NULL,
        written_at timestamptz NOT NULL,
        link       bytea NOT NULL
    )""",
    "INSERT INTO trail_head VALUES (true, 0, '-infinity', decode(repeat('00', 32), 'hex'))",
    """
    CREATE TABLE trail_anchor (
        anchor_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT trail_anchor_pkey PRIMARY KEY,
        made_at   timestamptz NOT NULL,
        trail_no  bigint NOT NULL,
        link      bytea NOT NULL,
        authority text NOT NULL,   -- the time stamp authority that was asked
        token     bytea NOT NULL   -- its answer, RFC 3161: TimeStampResp, DER
    )""",
)

FUNCTIONS = (
    """
    CREATE FUNCTION trail_append(entries jsonb) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    -- Append entries, in the order given, and return the number of the last. Let it be the last statement of its
    -- transaction: the head stays locked until the commit. What an entry says is the caller's word, and so is ``at``;
    -- its number, its place in the chain and ``written_at`` are not. Whoever looks as a principal writes as that one's
    -- kind and for its lessor or court only, never as the service itself (0); moments are of the years 1 to 9999. The bytes that are linked are those of
    -- app/access/trail_chain.py; in one expression, because functions of SQL took four times as long.
    DECLARE
        head trail_head;
        told record;
        new  trail;
        digest bytea;
        ids    integer[];
        caller text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
        trusted boolean := caller = 'leasetrace_service' OR pg_has_role(caller, current_user, 'MEMBER');
        kind   text := current_setting('leasetrace.grantee_kind', true);
        first_year CONSTANT timestamptz := '0001-01-01 00:00:00+00';
        after_last CONSTANT timestamptz := '10000-01-01 00:00:00+00';
        absent     CONSTANT bytea := '\\xffffffff';
        format_tag CONSTANT bytea := int4send(18) || convert_to('leasetrace/trail/1', 'UTF8');
    BEGIN
        -- Everybody's entries wait for this transaction: one that stands still before its commit is ended.
        PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);
        SELECT * INTO STRICT head FROM trail_head FOR UPDATE;
        FOR told IN SELECT * FROM jsonb_to_recordset(entries) AS e (
            at timestamptz, principal_id integer, role text, subject_id integer, api_key_id integer,
            session_id bigint, case_id integer, action text, assets_sha256 text, asset_ids text,
            window_from timestamptz, window_until timestamptz, results integer, request_id text, detail text)
        LOOP
            IF NOT trusted AND (told.principal_id = 0 OR NOT coalesce(CASE caller
                WHEN 'leasetrace_lessor' THEN told.role LIKE 'lessor\\_%' AND told.subject_id = ANY (sight_lessors())
                WHEN 'leasetrace_administrator' THEN told.role = 'platform_administrator'
                WHEN 'leasetrace_grantee' THEN CASE kind
                    WHEN 'court' THEN told.role = 'enforcement_officer' AND told.subject_id = sight_grantee()
                    WHEN 'principal' THEN told.role IN ('dispatcher', 'crew') AND told.principal_id = sight_grantee() END
                WHEN 'leasetrace_auditor' THEN CASE kind
                    WHEN 'court' THEN told.role = 'court_administrator' AND told.subject_id = sight_grantee()
                    WHEN 'auditor' THEN told.role = 'auditor' END
                END, false)) THEN
                RAISE EXCEPTION 'an entry in the name of another' USING ERRCODE = 'insufficient_privilege';
            END IF;
            IF NOT (told.at >= first_year AND told.at < after_last
                    AND coalesce(told.window_from >= first_year AND told.window_from < after_last, true)
                    AND coalesce(told.window_until >= first_year AND told.window_until < after_last, true)) THEN
                RAISE EXCEPTION 'a moment outside the years 1 to 9999' USING ERRCODE = 'check_violation';
            END IF;
            new := NULL;
            new.asset_count := 0;
            IF told.assets_sha256 IS NOT NULL THEN
                new.assets_sha256 := decode(told.assets_sha256, 'hex');
                SELECT cardinality(asset_ids) INTO new.asset_count
                FROM trail_assets a WHERE a.assets_sha256 = new.assets_sha256;
                IF NOT FOUND THEN
                    SELECT sha256(string_agg(int4send(id), '' ORDER BY id)), array_agg(id ORDER BY id)
                    INTO digest, ids FROM (SELECT DISTINCT unnest(told.asset_ids::integer[]) AS id) given;
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
            new.at := told.at;
            new.written_at := head.written_at;
            new.principal_id := told.principal_id;
            new.role := told.role;
            new.subject_id := told.subject_id;
            new.api_key_id := told.api_key_id;
            new.session_id := told.session_id;
            new.case_id := told.case_id;
            new.action := told.action;
            new.window_from := told.window_from;
            new.window_until := told.window_until;
            new.results := told.results;
            new.request_id := told.request_id;
            new.detail := told.detail;
            new.link := sha256(head.link || format_tag
                || coalesce('\\x00000008'::bytea || int8send(new.trail_no), absent)
                || coalesce('\\x00000008'::bytea || int8send((extract(epoch FROM new.at) * 1000000)::bigint), absent)
                || coalesce('\\x00000008'::bytea || int8send((extract(epoch FROM new.written_at) * 1000000)::bigint), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.principal_id), absent)
                || coalesce(int4send(length(convert_to(new.role, 'UTF8'))) || convert_to(new.role, 'UTF8'), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.subject_id), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.api_key_id), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.session_id), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.case_id), absent)
                || coalesce(int4send(length(convert_to(new.action, 'UTF8'))) || convert_to(new.action, 'UTF8'), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.asset_count), absent)
                || coalesce(int4send(length(new.assets_sha256)) || new.assets_sha256, absent)
                || coalesce('\\x00000008'::bytea || int8send((extract(epoch FROM new.window_from) * 1000000)::bigint), absent)
                || coalesce('\\x00000008'::bytea || int8send((extract(epoch FROM new.window_until) * 1000000)::bigint), absent)
                || coalesce('\\x00000008'::bytea || int8send(new.results), absent)
                || coalesce(int4send(length(convert_to(new.request_id, 'UTF8'))) || convert_to(new.request_id, 'UTF8'), absent)
                || coalesce(int4send(length(convert_to(new.detail, 'UTF8'))) || convert_to(new.detail, 'UTF8'), absent));
            head.link := new.link;
            INSERT INTO trail VALUES (new.*);
        END LOOP;
        UPDATE trail_head SET trail_no = head.trail_no, written_at = head.written_at, link = head.link;
        RETURN head.trail_no;
    END $$""",
    """
    CREATE FUNCTION trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the trail is append-only' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """
    CREATE FUNCTION trail_partition_ensure(month date) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    -- Make the partition of a month (UTC) and tell whether it was made now. lock_not_available (55P03) when others
    -- hold the table too long; entries then go to the default partition, and a month that has begun there stays there:
    -- NULL, and nobody is kept waiting for it.
    DECLARE
        name   text := 'trail_' || to_char(month, 'YYYYMM');
        starts timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
        ends   timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    BEGIN
        IF month < DATE '2020-01-01' OR month > (now() AT TIME ZONE 'UTC')::date + 366 THEN
            RAISE EXCEPTION 'no partition is made for %', month USING ERRCODE = 'check_violation';
        END IF;
        IF to_regclass('public.' || name) IS NOT NULL THEN
            RETURN false;
        END IF;
        IF EXISTS (SELECT FROM public.trail_default d WHERE d.at >= starts AND d.at < ends) THEN
            RETURN NULL;
        END IF;
        PERFORM set_config('lock_timeout', '2s', true);
        PERFORM pg_advisory_xact_lock(7153005);
        IF to_regclass('public.' || name) IS NOT NULL THEN
            RETURN false;
        END IF;
        LOCK TABLE public.trail IN SHARE UPDATE EXCLUSIVE MODE;
        LOCK TABLE public.trail_default IN ACCESS EXCLUSIVE MODE;
        IF EXISTS (SELECT FROM public.trail_default d WHERE d.at >= starts AND d.at < ends) THEN
            RETURN NULL;
        END IF;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.trail INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON public.%I'
                       ' EXECUTE FUNCTION public.trail_is_append_only()', name);
        EXECUTE format('ALTER TABLE public.trail ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       name, starts, ends);
        RETURN true;
    END $$""",
    # As the owner, because @> is not leakproof: behind a policy the index would not be used. It returns digests only.
    """
    CREATE FUNCTION sight_trail_sets(asset integer) RETURNS bytea[] LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        SELECT coalesce(array_agg(assets_sha256), '{}') FROM trail_assets WHERE asset_ids @> ARRAY[asset] $$""",
)
SIGNATURES = (
    "trail_append(jsonb)",
    "trail_partition_ensure(date)",
    "sight_trail_sets(integer)",
)


def upgrade() -> None:
    """Make the tables, the functions that write them, and this month's partition with the two after it."""
    op.execute(TRAIL)
    for statement in (*INDEXES, *OTHERS, *FUNCTIONS):
        op.execute(statement)
    for table in ("trail", "trail_assets"):
        op.execute(
            f"CREATE TRIGGER trail_no_change BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION trail_is_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION trail_is_append_only()"
        )
    op.execute("CREATE TABLE trail_default PARTITION OF trail DEFAULT")
    op.execute(
        "CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON trail_default EXECUTE FUNCTION trail_is_append_only()"
    )
    for table in ("trail", "trail_default", "trail_assets", "trail_head", "trail_anchor"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for table in ("trail", "trail_assets", "trail_head", "trail_anchor"):
        op.execute(f"CREATE POLICY service ON {table} TO {SERVICE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT ON {table} TO {SERVICE}")
    op.execute(f"GRANT INSERT ON trail_anchor TO {SERVICE}")
    op.execute(f"CREATE POLICY auditor ON trail FOR SELECT TO {AUDITOR} USING ({OF_COURT})")
    op.execute("""
        CREATE POLICY auditor ON trail_assets FOR SELECT TO leasetrace_auditor
        USING (EXISTS (SELECT FROM trail t WHERE t.assets_sha256 = trail_assets.assets_sha256))""")
    op.execute(f"GRANT SELECT ON trail, trail_assets TO {AUDITOR}")
    for signature in SIGNATURES:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION trail_append(jsonb) TO {APPENDING}")
    op.execute(f"GRANT EXECUTE ON FUNCTION trail_partition_ensure(date) TO {SERVICE}")
    op.execute(f"GRANT EXECUTE ON FUNCTION sight_trail_sets(integer) TO {AUDITOR}, {SERVICE}")
    op.execute("""
        SELECT trail_partition_ensure((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date)
        FROM generate_series(0, 2) AS n""")


def downgrade() -> None:
    """Take the trail back."""
    for signature in SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    for table in ("trail_assets", "trail", "trail_head", "trail_anchor"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION trail_is_append_only()")
