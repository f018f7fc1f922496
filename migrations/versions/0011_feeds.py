"""Feeds at full strength: limits, signatures, silence; keys that can only post.

``device_heard`` is the named contract by which `telemetry` learns, without reaching into `tracking`, with which batch a
device was last believed.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, the alerts and the view."""
    # A key that travels in URLs stands in the logs of every proxy on the way: it must open nothing but the entrances.
    op.execute("ALTER TABLE api_key ADD COLUMN post_only boolean NOT NULL DEFAULT false")
    op.execute("""
        ALTER TABLE feed
            ADD COLUMN rows_per_s integer,          -- null: the settings' default
            ADD COLUMN requests_per_s integer,
            ADD COLUMN silent_after interval,       -- so long without a batch the feed is silent
            ADD COLUMN device_silent_after interval,
            ADD COLUMN hmac_secret_sealed bytea,    -- core.sealing, bound to feed:<feed_id>; with one, bodies are signed
            ADD CONSTRAINT feed_rows_per_s_check CHECK (rows_per_s > 0),
            ADD CONSTRAINT feed_requests_per_s_check CHECK (requests_per_s > 0),
            ADD CONSTRAINT feed_silent_after_check CHECK (silent_after > interval '0'),
            ADD CONSTRAINT feed_device_silent_after_check CHECK (device_silent_after > interval '0')""")
    op.execute("""
        CREATE TABLE feed_alert (
            alert_id      integer GENERATED ALWAYS AS IDENTITY CONSTRAINT feed_alert_pkey PRIMARY KEY,
            lessor_id     integer NOT NULL,
            feed_id       integer NOT NULL CONSTRAINT feed_alert_feed_id_fkey REFERENCES feed,
            kind          text NOT NULL,
            raised_at     timestamptz NOT NULL,
            cleared_at    timestamptz,
            last_batch_at timestamptz NOT NULL,     -- the newest batch when it was raised
            CONSTRAINT feed_alert_kind_check CHECK (kind IN ('silent'))
        )""")
    op.execute("CREATE UNIQUE INDEX feed_alert_open_key ON feed_alert (feed_id, kind) WHERE cleared_at IS NULL")
    op.execute("CREATE INDEX feed_alert_lessor_id_alert_id_idx ON feed_alert (lessor_id, alert_id)")
    # One row per device and asset that it was on: whoever wants the newest of a device takes it by received_at.
    op.execute("""
        CREATE VIEW device_heard WITH (security_invoker = true) AS
        SELECT p.lessor_id, p.device_id, d.identifier, p.asset_id, p.batch_id, p.fixed_at, p.received_at
        FROM current_position p JOIN device d USING (device_id)""")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP VIEW device_heard")
    op.execute("DROP TABLE feed_alert")
    op.execute("""
        ALTER TABLE feed DROP COLUMN rows_per_s, DROP COLUMN requests_per_s, DROP COLUMN silent_after,
            DROP COLUMN device_silent_after, DROP COLUMN hmac_secret_sealed""")
    op.execute("ALTER TABLE api_key DROP COLUMN post_only")
