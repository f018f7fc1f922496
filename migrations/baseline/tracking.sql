-- Tables of the room tracking: where assets are. State of revision 0001; later changes are revisions of their own.

-- The newest position of a device on an asset. No index but the key: one more costs two thirds of the upsert rate.
-- Free space on each page keeps updates in place (HOT).
CREATE TABLE current_position (
    asset_id         integer NOT NULL,
    device_id        integer NOT NULL,
    fixed_at         timestamptz NOT NULL,
    received_at      timestamptz NOT NULL,
    batch_id         bigint NOT NULL,
    lessor_id        integer NOT NULL,
    lon_e7           integer NOT NULL,  -- WGS-84 degrees times 10,000,000
    lat_e7           integer NOT NULL,
    territory_id     integer,
    county_adcode    integer,
    doubts           integer NOT NULL,  -- bits of telemetry.domain.Doubt
    accuracy_m       real,
    speed_kmh        real,
    course_deg       smallint,
    source           smallint NOT NULL, -- telemetry.domain.Source
    -- A place that contradicts the position above and is reported since candidate_at: the next position, if it lasts.
    candidate_at     timestamptz,
    candidate_lon_e7 integer,
    candidate_lat_e7 integer,
    candidate_fixes  smallint,
    CONSTRAINT current_position_pkey PRIMARY KEY (asset_id, device_id)
) WITH (fillfactor = 70);

-- The last good position of a device on an asset in a day (UTC): a question about the past reads one row a day.
CREATE TABLE daily_position (
    asset_id      integer NOT NULL,
    device_id     integer NOT NULL,
    day           date NOT NULL,        -- UTC, as the partitions of ping
    fixed_at      timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    batch_id      bigint NOT NULL,
    lessor_id     integer NOT NULL,
    lon_e7        integer NOT NULL,
    lat_e7        integer NOT NULL,
    territory_id  integer,
    county_adcode integer,
    doubts        integer NOT NULL,
    accuracy_m    real,
    speed_kmh     real,
    course_deg    smallint,
    source        smallint NOT NULL,
    CONSTRAINT daily_position_pkey PRIMARY KEY (asset_id, day, device_id)
) WITH (fillfactor = 85);
CREATE INDEX daily_position_day_idx ON daily_position USING brin (day);
