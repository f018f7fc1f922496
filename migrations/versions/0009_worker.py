"""What the worker needs: queues, cursors, depots, legal holds, and what retention deleted."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A statement's old and new bindings; where only the end moved, only what lies between the two ends is looked at again.
BINDING_CHANGED = """
        CREATE FUNCTION binding_changed() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                INSERT INTO binding_change (device_id, asset_id, lessor_id, from_at, until_at)
                SELECT w.device_id, w.asset_id, w.lessor_id, w.from_at, w.until_at
                FROM was o JOIN now_so n USING (binding_id)
                CROSS JOIN LATERAL (
                    SELECT n.device_id, n.asset_id, n.lessor_id,
                           least(coalesce(o.bound_until, 'infinity'), coalesce(n.bound_until, 'infinity')) AS from_at,
                           greatest(coalesce(o.bound_until, 'infinity'), coalesce(n.bound_until, 'infinity')) AS until_at
                    WHERE (o.device_id, o.asset_id, o.bound_from) = (n.device_id, n.asset_id, n.bound_from)
                    UNION ALL
                    SELECT o.device_id, o.asset_id, o.lessor_id, o.bound_from, coalesce(o.bound_until, 'infinity')
                    WHERE (o.device_id, o.asset_id, o.bound_from) <> (n.device_id, n.asset_id, n.bound_from)
                    UNION ALL
                    SELECT n.device_id, n.asset_id, n.lessor_id, n.bound_from, coalesce(n.bound_until, 'infinity')
                    WHERE (o.device_id, o.asset_id, o.bound_from) <> (n.device_id, n.asset_id, n.bound_from)
                ) w
                WHERE w.from_at < w.until_at;
            ELSE
                INSERT INTO binding_change (device_id, asset_id, lessor_id, from_at, until_at)
                SELECT device_id, asset_id, lessor_id, bound_from, coalesce(bound_until, 'infinity') FROM changed;
            END IF;
            RETURN NULL;
        END $$"""

DROP_PARTITION = """
        CREATE FUNCTION ping_partition_drop(day date, before timestamptz) RETURNS bigint
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        -- Drop the partition of one day (UTC) with what hangs on its pings, if all of them came in before a moment and
        -- none is of an asset under a legal hold. Returns how many pings it had; NULL when it has some to keep, or is
        -- not there; lock_not_available (55P03) when others hold the tables: next time.
        -- Owned by the owner, called by the application's role: so it looks itself that nothing young is dropped.
        DECLARE
            name    text := 'ping_' || to_char(day, 'YYYYMMDD');
            ends    timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
            since   timestamptz := least(before, now() - interval '30 days');
            young   bigint;
            pings   bigint;
            to_keep boolean;
        BEGIN
            IF ends > since OR before IS NULL OR day IS NULL THEN
                RAISE EXCEPTION 'the pings of % are too young', day USING ERRCODE = 'check_violation';
            END IF;
            IF to_regclass('public.' || quote_ident(name)) IS NULL THEN
                RETURN NULL;
            END IF;
            PERFORM set_config('lock_timeout', '500ms', true);
            LOCK TABLE public.legal_hold IN SHARE MODE;
            EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', name);
            young := public.first_batch_since(since);
            EXECUTE format('SELECT count(*), coalesce(bool_or(batch_id >= $1 OR asset_id IN (SELECT asset_id'
                           ' FROM public.held_asset)), false) FROM public.%I', name) INTO pings, to_keep USING young;
            IF to_keep THEN
                RETURN NULL;
            END IF;
            EXECUTE format('DELETE FROM public.ping_extra e USING public.%I p'
                           ' WHERE (e.batch_id, e.row_index) = (p.batch_id, p.row_index)', name);
            EXECUTE format('DELETE FROM public.later_doubt l USING public.%I p'
                           ' WHERE (l.device_id, l.variant, l.fixed_at) = (p.device_id, p.variant, p.fixed_at)', name);
            EXECUTE format('DROP TABLE public.%I', name);
            RETURN pings;
        END $$"""

# Batches are numbered as they come, give or take those under way together: an hour is more than any waits.
FIRST_BATCH = """
        CREATE FUNCTION first_batch_since(since timestamptz) RETURNS bigint
        LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
        -- A number below which every batch came in before a moment; the largest bigint when all did.
            SELECT coalesce(min(batch_id), 9223372036854775807)
            FROM ping_batch
            WHERE received_at >= since
              AND received_at < (SELECT min(received_at) FROM ping_batch WHERE received_at >= since) + interval '1 hour'
        $$"""


def upgrade() -> None:
    """Create tables, the trigger of the bindings, the view of held assets, and the function that drops a day."""
    op.execute("""
        CREATE TABLE binding_change (
            binding_change_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT binding_change_pkey PRIMARY KEY,
            device_id         integer NOT NULL,
            asset_id          integer NOT NULL,     -- of the binding that came, changed or went
            lessor_id         integer NOT NULL,
            from_at           timestamptz NOT NULL,
            until_at          timestamptz NOT NULL  -- not included; 'infinity' for a binding without end
        )""")
    op.execute("CREATE INDEX binding_change_device_id_idx ON binding_change (device_id)")
    op.execute("CREATE INDEX late_window_device_id_idx ON late_window (device_id)")
    op.execute(BINDING_CHANGED)
    for event, seen in (
        ("INSERT", "NEW TABLE AS changed"),
        ("UPDATE", "OLD TABLE AS was NEW TABLE AS now_so"),
        ("DELETE", "OLD TABLE AS changed"),
    ):
        op.execute(f"""
            CREATE TRIGGER device_binding_changed_by_{event.lower()} AFTER {event} ON device_binding
            REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION binding_changed()""")
    op.execute("""
        CREATE TABLE worker_cursor (
            job      text NOT NULL CONSTRAINT worker_cursor_pkey PRIMARY KEY,
            chain_no bigint NOT NULL    -- of the last batch that it has seen
        )""")
    op.execute("""
        CREATE TABLE depot (
            depot_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT depot_pkey PRIMARY KEY,
            lessor_id  integer NOT NULL CONSTRAINT depot_lessor_id_fkey REFERENCES lessor,
            name       text NOT NULL,
            lon_e7     integer NOT NULL,  -- WGS-84 degrees times 10,000,000
            lat_e7     integer NOT NULL,
            radius_m   real NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT depot_lessor_id_name_key UNIQUE (lessor_id, name),
            CONSTRAINT depot_radius_check CHECK (radius_m > 0)
        )""")
    op.execute("""
        CREATE TABLE legal_hold (
            hold_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT legal_hold_pkey PRIMARY KEY,
            asset_id  integer NOT NULL CONSTRAINT legal_hold_asset_id_fkey REFERENCES asset,
            case_id   integer CONSTRAINT legal_hold_case_id_fkey REFERENCES enforcement_case,
            reason    text NOT NULL,
            from_at   timestamptz NOT NULL,
            until_at  timestamptz,            -- when it was released
            placed_by integer NOT NULL CONSTRAINT legal_hold_placed_by_fkey REFERENCES principal,
            CONSTRAINT legal_hold_period_check CHECK (until_at >= from_at)
        )""")
    op.execute("CREATE INDEX legal_hold_asset_id_idx ON legal_hold (asset_id)")
    op.execute("CREATE INDEX legal_hold_case_id_idx ON legal_hold (case_id)")
    # The named contract between the rooms: what retention must not touch. A hold holds until it is released.
    op.execute("""
        CREATE VIEW held_asset WITH (security_invoker = true) AS
        SELECT DISTINCT asset_id FROM legal_hold WHERE until_at IS NULL""")
    op.execute("""
        CREATE TABLE retention_log (
            retention_log_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT retention_log_pkey PRIMARY KEY,
            class            text NOT NULL,
            day              date,             -- of arrival (raw) or of the fix, UTC; none for impossible clocks
            rows             bigint NOT NULL,  -- deleted; of raw bodies: emptied
            held_rows        bigint NOT NULL,  -- kept, since a legal hold is on their asset
            at               timestamptz NOT NULL,
            CONSTRAINT retention_log_class_check CHECK (class IN ('raw', 'ping', 'derived'))
        )""")
    op.execute("CREATE INDEX ping_batch_received_at_idx ON ping_batch (received_at)")
    op.execute("CREATE INDEX raw_body_kept_idx ON raw_body (batch_id) WHERE body_zstd IS NOT NULL")
    op.execute("CREATE INDEX daily_position_day_idx ON daily_position USING brin (day)")
    op.execute("CREATE INDEX device_datum_suspect_idx ON device (device_id) WHERE datum_suspect")
    op.execute(FIRST_BATCH)
    op.execute(DROP_PARTITION)
    op.execute("REVOKE ALL ON FUNCTION ping_partition_drop(date, timestamptz) FROM PUBLIC")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION ping_partition_drop(date, timestamptz)")
    op.execute("DROP FUNCTION first_batch_since(timestamptz)")
    op.execute("DROP INDEX device_datum_suspect_idx")
    op.execute("DROP INDEX daily_position_day_idx, raw_body_kept_idx, ping_batch_received_at_idx")
    op.execute("DROP VIEW held_asset")
    op.execute("DROP TABLE retention_log, legal_hold, depot, worker_cursor")
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER device_binding_changed_by_{event} ON device_binding")
    op.execute("DROP FUNCTION binding_changed()")
    op.execute("DROP INDEX late_window_device_id_idx")
    op.execute("DROP TABLE binding_change")
