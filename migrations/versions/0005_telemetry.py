"""What devices said: feeds, batches with their raw bodies, and the ping store with its partitions."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the room `telemetry`."""
    op.execute("""
        CREATE TABLE feed (
            feed_id      integer GENERATED ALWAYS AS IDENTITY CONSTRAINT feed_pkey PRIMARY KEY,
            lessor_id    integer NOT NULL CONSTRAINT feed_lessor_id_fkey REFERENCES lessor,
            name         text NOT NULL,
            coord_system text,              -- the datum of rows that do not name one
            created_at   timestamptz NOT NULL,
            CONSTRAINT feed_lessor_id_name_key UNIQUE (lessor_id, name),
            CONSTRAINT feed_coord_system_check CHECK (coord_system IN ('wgs84', 'cgcs2000', 'gcj02', 'bd09'))
        )""")
    op.execute("CREATE SEQUENCE ping_batch_id_seq AS bigint CACHE 1")
    op.execute("""
        CREATE TABLE ping_batch (
            batch_id          bigint NOT NULL CONSTRAINT ping_batch_pkey PRIMARY KEY,
            lessor_id         integer NOT NULL,
            feed_id           integer,
            api_key_id        integer,
            layer_id          integer NOT NULL,  -- the boundary layer its pings were located with
            transform_version text NOT NULL,     -- of the conversion of datum
            received_at       timestamptz NOT NULL,
            received          integer NOT NULL,
            stored            integer NOT NULL,
            duplicates        integer NOT NULL,
            doubted           integer NOT NULL,
            rejected          integer NOT NULL
        )""")
    op.execute("CREATE INDEX ping_batch_lessor_id_batch_id_idx ON ping_batch (lessor_id, batch_id)")
    op.execute("""
        CREATE TABLE raw_body (
            batch_id         bigint NOT NULL CONSTRAINT raw_body_pkey PRIMARY KEY,
            content_type     text NOT NULL,
            sha256           bytea NOT NULL,     -- of the body as it came, unpacked
            body_zstd        bytea NOT NULL
        )""")
    op.execute("ALTER TABLE raw_body ALTER COLUMN body_zstd SET STORAGE EXTERNAL")
    op.execute("""
        CREATE TABLE ping (
            fixed_at       timestamptz NOT NULL,
            batch_id       bigint NOT NULL,
            sent_at        timestamptz,
            device_id      integer NOT NULL,
            asset_id       integer,         -- on which the device was at fixed_at
            lessor_id      integer NOT NULL,
            lon_e7         integer NOT NULL, -- WGS-84 degrees times 10,000,000: 1.1 cm
            lat_e7         integer NOT NULL,
            territory_id   integer,
            county_adcode  integer,
            doubts         integer NOT NULL, -- bits of telemetry.domain.Doubt
            accuracy_m     real,
            speed_kmh      real,
            odometer_km    real,
            hdop           real,
            row_index      smallint NOT NULL, -- in its batch: batch and row lead back to the bytes
            altitude_m     smallint,
            course_deg     smallint,
            satellites     smallint,
            battery_pct    smallint,
            source         smallint NOT NULL, -- telemetry.domain.Source
            datum          smallint NOT NULL, -- telemetry.domain.DATUM_CODES: what the sender declared
            ignition       boolean,
            external_power boolean,
            CONSTRAINT ping_pkey PRIMARY KEY (device_id, fixed_at, lon_e7, lat_e7)
        ) PARTITION BY RANGE (fixed_at)""")
    op.execute("CREATE TABLE ping_default PARTITION OF ping DEFAULT")
    op.execute("""
        CREATE FUNCTION ping_partition_ensure(day date) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        -- Make the partition of one day (UTC): detached, rows that wait for it in the default partition moved in,
        -- then attached. Returns whether it was made now. Owned by the owner, called by the application's role.
        DECLARE
            name     text := 'ping_' || to_char(day, 'YYYYMMDD');
            starts   timestamptz := day::timestamp AT TIME ZONE 'UTC';
            ends     timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
        BEGIN
            IF day < DATE '1990-01-01' OR day > (now() AT TIME ZONE 'UTC')::date + 7 THEN
                RAISE EXCEPTION 'no partition is made for %', day USING ERRCODE = 'check_violation';
            END IF;
            PERFORM pg_advisory_xact_lock(7153002);
            IF to_regclass('public.' || quote_ident(name)) IS NOT NULL THEN
                RETURN false;
            END IF;
            PERFORM set_config('lock_timeout', '5s', true);
            EXECUTE format('CREATE TABLE public.%I (LIKE public.ping INCLUDING ALL)', name);
            EXECUTE format('WITH moved AS (DELETE FROM public.ping_default WHERE fixed_at >= %L AND fixed_at < %L'
                           ' RETURNING *) INSERT INTO public.%I SELECT * FROM moved', starts, ends, name);
            EXECUTE format('ALTER TABLE public.ping ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                           name, starts, ends);
            RETURN true;
        END $$""")
    op.execute("REVOKE ALL ON FUNCTION ping_partition_ensure(date) FROM PUBLIC")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION ping_partition_ensure(date)")
    op.execute("DROP TABLE ping, raw_body, ping_batch, feed")
    op.execute("DROP SEQUENCE ping_batch_id_seq")
