-- Tables of the room jurisdictions: boundary layers, divisions, courts and their territories.
-- State of revision 0001; later changes are revisions of their own.

-- A loaded set of boundaries. One is active.
CREATE TABLE boundary_layer (
    layer_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT boundary_layer_pkey PRIMARY KEY,
    name           text NOT NULL,
    source         text NOT NULL,
    source_version text NOT NULL,
    sha256         bytea NOT NULL CONSTRAINT boundary_layer_sha256_key UNIQUE,
    county_count   integer NOT NULL,
    raster         bytea NOT NULL,   -- the cells of the locator, so that a start does not compute them again
    loaded_at      timestamptz NOT NULL,
    active         boolean NOT NULL
);
CREATE UNIQUE INDEX boundary_layer_active_idx ON boundary_layer (active) WHERE active;

-- An administrative division of a layer.
CREATE TABLE division (
    division_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT division_pkey PRIMARY KEY,
    layer_id          integer NOT NULL CONSTRAINT division_layer_id_fkey REFERENCES boundary_layer,
    level             text NOT NULL,
    adcode            integer NOT NULL,
    name              text NOT NULL,
    full_name         text NOT NULL,
    province_adcode   integer NOT NULL,
    prefecture_adcode integer,
    valid_from        date NOT NULL,
    valid_to          date,
    geom              geometry(MultiPolygon, 4326) NOT NULL,
    CONSTRAINT division_layer_id_level_adcode_key UNIQUE (layer_id, level, adcode),
    CONSTRAINT division_level_check CHECK (level IN ('province', 'prefecture', 'county'))
);
CREATE INDEX division_geom_idx ON division USING gist (geom);

-- A court.
CREATE TABLE court (
    court_id        integer GENERATED ALWAYS AS IDENTITY CONSTRAINT court_pkey PRIMARY KEY,
    code            text NOT NULL CONSTRAINT court_code_key UNIQUE,
    name            text NOT NULL,
    level           text NOT NULL,
    parent_court_id integer CONSTRAINT court_parent_court_id_fkey REFERENCES court,
    province_adcode integer NOT NULL,
    adcode          integer NOT NULL,
    verified        boolean NOT NULL,
    source          text NOT NULL,
    caveat          text,
    valid_from      date NOT NULL,
    valid_to        date,
    CONSTRAINT court_level_check CHECK (level IN ('basic', 'intermediate', 'high'))
);
CREATE INDEX court_name_idx ON court (name);
-- Tells every process that the tree of courts changed: see functions/access_courts_changed.sql.
CREATE TRIGGER access_courts_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF parent_court_id ON court
    FOR EACH STATEMENT EXECUTE FUNCTION access_courts_changed();

-- A county of a layer with its court: a candidate with its basis, not a ruling.
CREATE TABLE territory (
    territory_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT territory_pkey PRIMARY KEY,
    court_id      integer NOT NULL CONSTRAINT territory_court_id_fkey REFERENCES court,
    layer_id      integer NOT NULL CONSTRAINT territory_layer_id_fkey REFERENCES boundary_layer,
    county_adcode integer NOT NULL,
    basis         text NOT NULL,    -- why this court: 'one county, one court, by the naming rule'
    verified      boolean NOT NULL,
    valid_from    date NOT NULL,
    valid_to      date,
    CONSTRAINT territory_layer_id_county_adcode_key UNIQUE (layer_id, county_adcode)
);
CREATE INDEX territory_court_id_idx ON territory (court_id);
