-- Tables of the room telemetry: feeds, batches with their raw bodies, and the ping store.
-- State of revision 0001; later changes are revisions of their own.
--
-- ping, later_doubt, ping_extra and late_window are device-owned: they can move to a distributed store. They have
-- device_id in every key, no trigger, no foreign key and no identity column; a test checks it.

-- A feed: a source of pings of a lessor, with what it declares.
CREATE TABLE feed (
    feed_id             integer GENERATED ALWAYS AS IDENTITY CONSTRAINT feed_pkey PRIMARY KEY,
    lessor_id           integer NOT NULL CONSTRAINT feed_lessor_id_fkey REFERENCES lessor,
    name                text NOT NULL,
    coord_system        text,              -- the datum of rows that do not name one
    created_at          timestamptz NOT NULL,
    rows_per_s          integer,           -- NULL: the default of the settings
    requests_per_s      integer,
    silent_after        interval,          -- without a batch for this long, the feed is silent
    device_silent_after interval,
    hmac_secret_sealed  bytea,             -- encrypted, bound to 'feed:<feed_id>'; not NULL: bodies are signed
    CONSTRAINT feed_lessor_id_name_key UNIQUE (lessor_id, name),
    CONSTRAINT feed_lessor_id_feed_id_key UNIQUE (lessor_id, feed_id),
    CONSTRAINT feed_coord_system_check CHECK (coord_system IN ('wgs84', 'cgcs2000', 'gcj02', 'bd09')),
    CONSTRAINT feed_rows_per_s_check CHECK (rows_per_s > 0),
    CONSTRAINT feed_requests_per_s_check CHECK (requests_per_s > 0),
    CONSTRAINT feed_silent_after_check CHECK (silent_after > interval '0'),
    CONSTRAINT feed_device_silent_after_check CHECK (device_silent_after > interval '0')
);

-- The counts of a feed in an hour of arrival. feed_id 0: keys of the lessor that belong to no feed.
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
    doubts      bigint[] NOT NULL,         -- count of each telemetry.domain.Doubt, in the order of the bits
    lag_s       double precision NOT NULL, -- sum over the stored pings of received_at minus fixed_at, seconds
    lag_max_s   double precision NOT NULL,
    last_at     timestamptz NOT NULL,      -- arrival of the newest batch
    CONSTRAINT feed_hour_pkey PRIMARY KEY (lessor_id, feed_id, hour)
) WITH (fillfactor = 50);

-- An alert: a feed is or was silent.
CREATE TABLE feed_alert (
    alert_id      integer GENERATED ALWAYS AS IDENTITY CONSTRAINT feed_alert_pkey PRIMARY KEY,
    lessor_id     integer NOT NULL,
    feed_id       integer NOT NULL CONSTRAINT feed_alert_feed_id_fkey REFERENCES feed,
    kind          text NOT NULL,
    raised_at     timestamptz NOT NULL,
    cleared_at    timestamptz,
    last_batch_at timestamptz NOT NULL,     -- arrival of the newest batch when the alert was raised
    CONSTRAINT feed_alert_kind_check CHECK (kind IN ('silent'))
);
CREATE UNIQUE INDEX feed_alert_open_key ON feed_alert (feed_id, kind) WHERE cleared_at IS NULL;
CREATE INDEX feed_alert_lessor_id_alert_id_idx ON feed_alert (lessor_id, alert_id);

-- A batch: one accepted request with pings, and the counts of its receipt.
CREATE SEQUENCE ping_batch_id_seq AS bigint CACHE 1;
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
    rejected          integer NOT NULL,
    chain_no          bigint NOT NULL CONSTRAINT ping_batch_chain_no_key UNIQUE, -- the order of commits
    chain_sha256      bytea NOT NULL,    -- digest of the link before, of this batch's facts and of its body's digest
    results_zstd      bytea
);
ALTER TABLE ping_batch ALTER COLUMN results_zstd SET STORAGE EXTERNAL; -- compressed already
CREATE INDEX ping_batch_lessor_id_batch_id_idx ON ping_batch (lessor_id, batch_id);
CREATE INDEX ping_batch_received_at_idx ON ping_batch (received_at);

-- One row: the newest number and link of the chain of batches.
CREATE TABLE batch_chain (
    only_row boolean NOT NULL CONSTRAINT batch_chain_pkey PRIMARY KEY
             CONSTRAINT batch_chain_only_row_check CHECK (only_row),
    chain_no bigint NOT NULL,         -- of the newest batch; in the order of commits, without a gap
    head     bytea NOT NULL           -- its link
);
INSERT INTO batch_chain VALUES (true, 0, decode(repeat('00', 32), 'hex'));

-- The body of a batch as it arrived, compressed.
CREATE TABLE raw_body (
    batch_id         bigint NOT NULL CONSTRAINT raw_body_pkey PRIMARY KEY,
    content_type     text NOT NULL,
    sha256           bytea NOT NULL,     -- of the body without transport compression
    body_zstd        bytea               -- NULL: deleted by retention; the digest stays
);
ALTER TABLE raw_body ALTER COLUMN body_zstd SET STORAGE EXTERNAL; -- compressed already
CREATE INDEX raw_body_kept_idx ON raw_body (batch_id) WHERE body_zstd IS NOT NULL;

-- A ping: one fix of a device. Wide columns first, nullable ones in between: a usual ping takes 88 bytes, no padding.
CREATE TABLE ping (
    fixed_at        timestamptz NOT NULL,
    batch_id        bigint NOT NULL,
    sent_at         timestamptz,
    device_id       integer NOT NULL,
    asset_id        integer,           -- the asset that carried the device at fixed_at
    lessor_id       integer NOT NULL,
    lon_e7          integer NOT NULL,  -- WGS-84 degrees times 10,000,000: 1.1 cm
    lat_e7          integer NOT NULL,
    territory_id    integer,           -- in the layer of its batch
    accuracy_m      real,
    odometer_km     real,
    hdop            real,
    doubts          smallint NOT NULL, -- bits of telemetry.domain.Doubt
    row_index       smallint NOT NULL, -- in its batch: batch_id and row_index lead back to the bytes
    variant         smallint NOT NULL, -- not 0: contradicts an earlier position of the same time
    origin          smallint NOT NULL, -- telemetry.domain: ten times the declared datum, plus the source
    speed_tenth_kmh smallint,          -- 0.1 km/h
    altitude_m      smallint,
    course_deg      smallint,
    satellites      smallint,
    battery_pct     smallint,
    ignition        boolean,
    external_power  boolean,
    CONSTRAINT ping_pkey PRIMARY KEY (device_id, variant, fixed_at)
) PARTITION BY RANGE (fixed_at);
-- Pings of a day without a partition of its own, and of impossible clocks: see functions/ping_partition_ensure.sql.
CREATE TABLE ping_default PARTITION OF ping DEFAULT;

-- Values of a ping beyond the columns of ping. Few pings have any.
CREATE TABLE ping_extra (
    batch_id  bigint NOT NULL,
    row_index smallint NOT NULL,
    device_id integer NOT NULL,
    lessor_id integer NOT NULL,
    extra     jsonb NOT NULL,
    CONSTRAINT ping_extra_pkey PRIMARY KEY (device_id, batch_id, row_index)
);

-- A queue: a period of a device in which pings arrived late. The worker derives positions from it again.
CREATE SEQUENCE late_window_late_window_id_seq AS bigint;
CREATE TABLE late_window (
    late_window_id bigint NOT NULL DEFAULT nextval('late_window_late_window_id_seq'),
    device_id      integer NOT NULL,
    lessor_id      integer NOT NULL,
    from_at        timestamptz NOT NULL,
    until_at       timestamptz NOT NULL,
    CONSTRAINT late_window_pkey PRIMARY KEY (device_id, late_window_id)
);
ALTER SEQUENCE late_window_late_window_id_seq OWNED BY late_window.late_window_id;
CREATE INDEX late_window_late_window_id_idx ON late_window (late_window_id); -- the queue's oldest first

-- A doubt about a stored ping that only history shows. The worker finds it; the stored ping does not change.
CREATE TABLE later_doubt (
    device_id integer NOT NULL,
    variant   smallint NOT NULL,
    fixed_at  timestamptz NOT NULL,
    lessor_id integer NOT NULL,
    doubts    integer NOT NULL,       -- bits of telemetry.domain.Doubt
    found_at  timestamptz NOT NULL,
    CONSTRAINT later_doubt_pkey PRIMARY KEY (device_id, variant, fixed_at)
);
