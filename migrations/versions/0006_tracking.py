"""Where assets are: the current position per asset and device, and the last good fix of each day."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PAYLOAD = """
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
"""


def upgrade() -> None:
    """Create the tables of the room `tracking`."""
    # No index but the key: one more costs two thirds of the upsert rate. Room on each page keeps updates in place (HOT).
    op.execute(f"""
        CREATE TABLE current_position (
            asset_id      integer NOT NULL,
            device_id     integer NOT NULL,
            {PAYLOAD}
            CONSTRAINT current_position_pkey PRIMARY KEY (asset_id, device_id)
        ) WITH (fillfactor = 70)""")
    op.execute(f"""
        CREATE TABLE daily_position (
            asset_id      integer NOT NULL,
            device_id     integer NOT NULL,
            day           date NOT NULL,    -- UTC, as the partitions of ping
            {PAYLOAD}
            CONSTRAINT daily_position_pkey PRIMARY KEY (asset_id, day, device_id)
        ) WITH (fillfactor = 85)""")
    op.execute("""
        CREATE FUNCTION source_handicap(source smallint) RETURNS interval
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        -- How much newer a network fix (2 cell, 3 Wi-Fi) must be to be preferred to a satellite fix of the same asset.
            SELECT CASE WHEN source IN (2, 3) THEN interval '6 hours' ELSE interval '0' END
        $$""")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION source_handicap(smallint)")
    op.execute("DROP TABLE daily_position, current_position")
