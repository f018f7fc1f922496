"""Makers' interfaces (AEMP 2.0) that are polled for a lessor, and how far each of their machines was taken in."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the poller."""
    op.execute("""
        CREATE TABLE aemp_source (
            source_id            integer GENERATED ALWAYS AS IDENTITY CONSTRAINT aemp_source_pkey PRIMARY KEY,
            lessor_id            integer NOT NULL CONSTRAINT aemp_source_lessor_id_fkey REFERENCES lessor,
            feed_id              integer NOT NULL CONSTRAINT aemp_source_feed_id_fkey REFERENCES feed,
            name                 text NOT NULL,
            base_url             text NOT NULL,
            auth                 text NOT NULL,
            client_id            text,
            token_url            text,
            scope                text,
            secret_sealed        bytea NOT NULL,       -- core.sealing, bound to 'aemp_source:<source_id>'
            min_interval         interval NOT NULL,    -- the maker's least interval between polls
            enabled              boolean NOT NULL,
            next_poll_at         timestamptz NOT NULL, -- while it is being polled: when another worker may try
            last_polled_at       timestamptz,
            last_ok_at           timestamptz,
            last_error           text,                 -- a status and a short reason, never what was sent or answered
            consecutive_failures integer NOT NULL,
            last_machines        integer,
            last_new             integer,
            last_rejected        integer,
            last_unlocated       integer,              -- machines that never told a location
            created_at           timestamptz NOT NULL,
            revision             integer NOT NULL,     -- raised when it is taken or changed: an older poll's result is void
            CONSTRAINT aemp_source_lessor_id_name_key UNIQUE (lessor_id, name),
            CONSTRAINT aemp_source_auth_check CHECK (
                (auth = 'oauth2' AND client_id IS NOT NULL AND token_url IS NOT NULL)
                OR (auth = 'bearer' AND client_id IS NULL AND token_url IS NULL AND scope IS NULL)),
            CONSTRAINT aemp_source_min_interval_check CHECK (min_interval > interval '0')
        )""")
    op.execute("CREATE INDEX aemp_source_due_idx ON aemp_source (next_poll_at) WHERE enabled")
    op.execute("""
        CREATE TABLE aemp_cursor (
            source_id     integer NOT NULL
                          CONSTRAINT aemp_cursor_source_id_fkey REFERENCES aemp_source ON DELETE CASCADE,
            identifier    text NOT NULL,        -- PIN or serial number, as device_id of its pings
            last_fixed_at timestamptz NOT NULL, -- of the last location that was acknowledged
            refused_at    timestamptz,          -- when that location was refused (no such device); it is offered again
            CONSTRAINT aemp_cursor_pkey PRIMARY KEY (source_id, identifier)
        )""")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE aemp_cursor, aemp_source")
