"""Where a point belongs: boundary layers, divisions, courts, territories."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the room `jurisdictions`."""
    op.execute("""
        CREATE TABLE boundary_layer (
            layer_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT boundary_layer_pkey PRIMARY KEY,
            name           text NOT NULL,
            source         text NOT NULL,
            source_version text NOT NULL,
            sha256         bytea NOT NULL CONSTRAINT boundary_layer_sha256_key UNIQUE,
            county_count   integer NOT NULL,
            raster         bytea NOT NULL,   -- the locator's cells, so that a start does not make them anew
            loaded_at      timestamptz NOT NULL,
            active         boolean NOT NULL
        )""")
    op.execute("CREATE UNIQUE INDEX boundary_layer_active_idx ON boundary_layer (active) WHERE active")
    op.execute("""
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
        )""")
    op.execute("CREATE INDEX division_geom_idx ON division USING gist (geom)")
    op.execute("""
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
        )""")
    op.execute("CREATE INDEX court_name_idx ON court (name)")
    op.execute("""
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
        )""")
    op.execute("CREATE INDEX territory_court_id_idx ON territory (court_id)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE territory, court, division, boundary_layer")
