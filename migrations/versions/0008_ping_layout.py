"""Pings in fewer bytes and with a shorter key, batches in one chain, and what the writer notes for the worker.

The key of ``ping`` becomes (device, variant, time): 16 bytes instead of 24, and one look-up tells a new ping from a
repeated and from a contradicting one. ``variant`` is 0 for the first position told for a moment.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Wide columns first, nullable ones in between: a usual ping takes 88 bytes and no padding.
NEW_PING = """
        CREATE TABLE ping (
            fixed_at        timestamptz NOT NULL,
            batch_id        bigint NOT NULL,
            sent_at         timestamptz,
            device_id       integer NOT NULL,
            asset_id        integer,           -- on which the device was at fixed_at
            lessor_id       integer NOT NULL,
            lon_e7          integer NOT NULL,  -- WGS-84 degrees times 10,000,000: 1.1 cm
            lat_e7          integer NOT NULL,
            territory_id    integer,           -- with the layer of its batch
            accuracy_m      real,
            odometer_km     real,
            hdop            real,
            doubts          smallint NOT NULL, -- bits of telemetry.domain.Doubt
            row_index       smallint NOT NULL, -- in its batch: batch and row lead back to the bytes
            variant         smallint NOT NULL, -- 0, or of a position that contradicts an earlier one of the same moment
            origin          smallint NOT NULL, -- telemetry.domain: ten times the declared datum, plus the source
            speed_tenth_kmh smallint,          -- 0.1 km/h
            altitude_m      smallint,
            course_deg      smallint,
            satellites      smallint,
            battery_pct     smallint,
            ignition        boolean,
            external_power  boolean,
            CONSTRAINT ping_pkey PRIMARY KEY (device_id, variant, fixed_at)
        ) PARTITION BY RANGE (fixed_at)"""

OLD_PING = """
        CREATE TABLE ping (
            fixed_at       timestamptz NOT NULL,
            batch_id       bigint NOT NULL,
            sent_at        timestamptz,
            device_id      integer NOT NULL,
            asset_id       integer,
            lessor_id      integer NOT NULL,
            lon_e7         integer NOT NULL,
            lat_e7         integer NOT NULL,
            territory_id   integer,
            county_adcode  integer,
            doubts         integer NOT NULL,
            accuracy_m     real,
            speed_kmh      real,
            odometer_km    real,
            hdop           real,
            row_index      smallint NOT NULL,
            altitude_m     smallint,
            course_deg     smallint,
            satellites     smallint,
            battery_pct    smallint,
            source         smallint NOT NULL,
            datum          smallint NOT NULL,
            ignition       boolean,
            external_power boolean,
            CONSTRAINT ping_pkey PRIMARY KEY (device_id, fixed_at, lon_e7, lat_e7)
        ) PARTITION BY RANGE (fixed_at)"""

# A position that contradicts an earlier one gets the digest that the writer gives it (telemetry.store.variant_of), so that
# it is known again; two of one moment with the same digest are told apart as the writer does it.
TO_NEW = """
        INSERT INTO ping
        SELECT fixed_at, batch_id, sent_at, device_id, asset_id, lessor_id, lon_e7, lat_e7, territory_id, accuracy_m,
               odometer_km, hdop, doubts::smallint, row_index,
               (CASE WHEN place = 1 THEN 0 ELSE 1 + (digest + row_number() OVER (
                   PARTITION BY device_id, fixed_at, place > 1, digest ORDER BY place) - 1) % 32767 END)::smallint,
               (datum * 10 + source)::smallint, round(speed_kmh * 10)::smallint, altitude_m, course_deg, satellites,
               battery_pct, ignition, external_power
        FROM (
            SELECT *, row_number() OVER (PARTITION BY device_id, fixed_at ORDER BY batch_id, row_index) AS place,
                   (((lon_e7::bigint * 73856093) # (lat_e7::bigint * 19349663)) % 32767 + 32767) % 32767 AS digest
            FROM ping_before
        ) told"""
TO_OLD = """
        INSERT INTO ping
        SELECT p.fixed_at, p.batch_id, p.sent_at, p.device_id, p.asset_id, p.lessor_id, p.lon_e7, p.lat_e7, p.territory_id,
               t.county_adcode, p.doubts, p.accuracy_m, p.speed_tenth_kmh / 10.0, p.odometer_km, p.hdop, p.row_index,
               p.altitude_m, p.course_deg, p.satellites, p.battery_pct, p.origin % 10, p.origin / 10, p.ignition,
               p.external_power
        FROM ping_before p LEFT JOIN territory t USING (territory_id)
        ON CONFLICT DO NOTHING"""

ENSURE = """
        CREATE OR REPLACE FUNCTION ping_partition_ensure(day date) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        -- Make the partition of one day (UTC): detached, rows that wait for it in the default partition moved in,
        -- then attached. Returns whether it was made now; lock_not_available (55P03) when others hold the table too
        -- long: the pings of that day then go to the default partition, and the worker tries again.
        -- Owned by the owner, called by the application's role.
        DECLARE
            name     text := 'ping_' || to_char(day, 'YYYYMMDD');
            starts   timestamptz := day::timestamp AT TIME ZONE 'UTC';
            ends     timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
        BEGIN
            IF day < DATE '1990-01-01' OR day > (now() AT TIME ZONE 'UTC')::date + 7 THEN
                RAISE EXCEPTION 'no partition is made for %', day USING ERRCODE = 'check_violation';
            END IF;
            IF to_regclass('public.' || quote_ident(name)) IS NOT NULL THEN
                RETURN false;
            END IF;
            PERFORM set_config('lock_timeout', '2s', true);
            PERFORM pg_advisory_xact_lock(7153002);
            IF to_regclass('public.' || quote_ident(name)) IS NOT NULL THEN
                RETURN false;
            END IF;
            EXECUTE format('CREATE TABLE public.%I (LIKE public.ping INCLUDING ALL)', name);
            -- Taken together and in the order in which an insert takes them; what comes in meanwhile waits.
            LOCK TABLE public.ping IN SHARE UPDATE EXCLUSIVE MODE;
            LOCK TABLE public.ping_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('WITH moved AS (DELETE FROM public.ping_default WHERE fixed_at >= %L AND fixed_at < %L'
                           ' RETURNING *) INSERT INTO public.%I SELECT * FROM moved', starts, ends, name);
            EXECUTE format('ALTER TABLE public.ping ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                           name, starts, ends);
            RETURN true;
        END $$"""

SET_ASIDE = """
        DO $$
        DECLARE part record;
        BEGIN
            FOR part IN SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'ping'::regclass LOOP
                EXECUTE format('ALTER TABLE %s RENAME TO %I', part.name, 'before_' || part.name);
            END LOOP;
        END $$"""
PARTITIONS_AGAIN = """
        DO $$
        DECLARE part record;
        BEGIN
            FOR part IN SELECT to_date(substr(inhrelid::regclass::text, 13), 'YYYYMMDD') AS day
                        FROM pg_inherits WHERE inhparent = 'ping_before'::regclass
                          AND inhrelid::regclass::text ~ '^before_ping_[0-9]{8}$' LOOP
                PERFORM ping_partition_ensure(part.day);
            END LOOP;
        END $$"""


def _remake(create: str, fill: str) -> None:
    op.execute(SET_ASIDE)
    op.execute("ALTER TABLE ping RENAME TO ping_before")
    op.execute("ALTER TABLE ping_before RENAME CONSTRAINT ping_pkey TO ping_before_pkey")
    op.execute(create)
    op.execute("CREATE TABLE ping_default PARTITION OF ping DEFAULT")
    op.execute(PARTITIONS_AGAIN)
    op.execute(fill)
    op.execute("DROP TABLE ping_before")


def upgrade() -> None:
    """Remake ``ping``; chain the batches; add what the writer notes."""
    op.execute(ENSURE)
    _remake(NEW_PING, TO_NEW)
    # The chain: each batch's link is a digest of the link before, its own facts and its body's digest.
    op.execute(
        "ALTER TABLE ping_batch ADD COLUMN chain_no bigint, ADD COLUMN chain_sha256 bytea, ADD COLUMN results_zstd bytea"
    )
    op.execute("ALTER TABLE ping_batch ALTER COLUMN results_zstd SET STORAGE EXTERNAL")
    op.execute(
        "ALTER TABLE raw_body ALTER COLUMN body_zstd DROP NOT NULL"
    )  # retention deletes the body, not its digest
    op.execute("""
        CREATE TABLE batch_chain (
            only_row boolean NOT NULL CONSTRAINT batch_chain_pkey PRIMARY KEY CONSTRAINT batch_chain_only_row_check CHECK (only_row),
            chain_no bigint NOT NULL,         -- of the newest batch; in the order of commits, without a gap
            head     bytea NOT NULL           -- its link
        )""")
    op.execute(r"""
        DO $$
        DECLARE
            batch record;
            no    bigint := 0;
            link  bytea := decode(repeat('00', 32), 'hex');
        BEGIN
            FOR batch IN SELECT b.batch_id, b.lessor_id, b.received_at, r.sha256
                         FROM ping_batch b JOIN raw_body r USING (batch_id) ORDER BY b.batch_id LOOP
                no := no + 1;
                link := sha256(link || int8send(batch.batch_id) || int4send(batch.lessor_id)
                               || int8send((extract(epoch FROM batch.received_at) * 1000000)::bigint) || batch.sha256);
                UPDATE ping_batch SET chain_no = no, chain_sha256 = link WHERE batch_id = batch.batch_id;
            END LOOP;
            INSERT INTO batch_chain VALUES (true, no, link);
        END $$""")
    op.execute("ALTER TABLE ping_batch ALTER COLUMN chain_no SET NOT NULL, ALTER COLUMN chain_sha256 SET NOT NULL")
    op.execute("ALTER TABLE ping_batch ADD CONSTRAINT ping_batch_chain_no_key UNIQUE (chain_no)")
    # What a sender told beyond the columns of ping: seldom there, so a table of its own.
    op.execute("""
        CREATE TABLE ping_extra (
            batch_id  bigint NOT NULL,
            row_index smallint NOT NULL,
            device_id integer NOT NULL,
            lessor_id integer NOT NULL,
            extra     jsonb NOT NULL,
            CONSTRAINT ping_extra_pkey PRIMARY KEY (batch_id, row_index)
        )""")
    # Time windows of devices in which pings came late: the worker derives again what follows from them.
    op.execute("""
        CREATE TABLE late_window (
            late_window_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT late_window_pkey PRIMARY KEY,
            device_id      integer NOT NULL,
            lessor_id      integer NOT NULL,
            from_at        timestamptz NOT NULL,
            until_at       timestamptz NOT NULL
        )""")
    # Doubts that only history tells, found by the worker; stored pings do not change.
    op.execute("""
        CREATE TABLE later_doubt (
            device_id integer NOT NULL,
            variant   smallint NOT NULL,
            fixed_at  timestamptz NOT NULL,
            lessor_id integer NOT NULL,
            doubts    integer NOT NULL,       -- bits of telemetry.domain.Doubt
            found_at  timestamptz NOT NULL,
            CONSTRAINT later_doubt_pkey PRIMARY KEY (device_id, variant, fixed_at)
        )""")
    # Per feed and hour of arrival; feed 0 stands for the keys of a lessor that belong to no feed.
    op.execute("""
        CREATE TABLE feed_hour (
            lessor_id   integer NOT NULL,
            feed_id     integer NOT NULL,
            hour        timestamptz NOT NULL,
            batches     bigint NOT NULL,
            received    bigint NOT NULL,
            stored      bigint NOT NULL,
            duplicates  bigint NOT NULL,
            doubted     bigint NOT NULL,
            rejected    bigint NOT NULL,
            doubts      bigint[] NOT NULL,       -- how often each of telemetry.domain.Doubt, in the order of the bits
            lag_s       double precision NOT NULL, -- sum over the stored pings of received_at minus fixed_at
            lag_max_s   double precision NOT NULL,
            last_at     timestamptz NOT NULL,    -- when the newest batch came in
            CONSTRAINT feed_hour_pkey PRIMARY KEY (lessor_id, feed_id, hour)
        ) WITH (fillfactor = 50)""")
    # Where a device was last believed to be, and the place at which it has been reported since: see tracking.beliefs.
    op.execute("""
        ALTER TABLE current_position
            ADD COLUMN candidate_at timestamptz, ADD COLUMN candidate_lon_e7 integer,
            ADD COLUMN candidate_lat_e7 integer, ADD COLUMN candidate_fixes smallint""")
    op.execute("ALTER TABLE device ADD COLUMN datum_suspect boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    """Take it back; positions of one moment that differ stay as they are."""
    op.execute("ALTER TABLE device DROP COLUMN datum_suspect")
    op.execute("""
        ALTER TABLE current_position DROP COLUMN candidate_at, DROP COLUMN candidate_lon_e7,
            DROP COLUMN candidate_lat_e7, DROP COLUMN candidate_fixes""")
    op.execute("DROP TABLE feed_hour, later_doubt, late_window, ping_extra, batch_chain")
    op.execute("DELETE FROM raw_body WHERE body_zstd IS NULL")
    op.execute("ALTER TABLE raw_body ALTER COLUMN body_zstd SET NOT NULL")
    op.execute("ALTER TABLE ping_batch DROP COLUMN chain_no, DROP COLUMN chain_sha256, DROP COLUMN results_zstd")
    _remake(OLD_PING, TO_OLD)
