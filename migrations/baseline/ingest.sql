-- Tables of the room ingest: polling of makers' interfaces (AEMP 2.0).
-- State of revision 0001; later changes are revisions of their own.

-- A maker's interface that is polled for a lessor.
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
    secret_sealed        bytea NOT NULL,       -- encrypted, bound to 'aemp_source:<source_id>'
    min_interval         interval NOT NULL,    -- the least interval between polls that the maker asks for
    enabled              boolean NOT NULL,
    next_poll_at         timestamptz NOT NULL, -- during a poll: when another worker may try
    last_polled_at       timestamptz,
    last_ok_at           timestamptz,
    last_error           text,                 -- a status and a short reason, never the request or the answer
    consecutive_failures integer NOT NULL,
    last_machines        integer,
    last_new             integer,
    last_rejected        integer,
    last_unlocated       integer,              -- machines that never reported a location
    created_at           timestamptz NOT NULL,
    revision             integer NOT NULL,     -- raised when a poll begins or the source changes: voids an older poll
    CONSTRAINT aemp_source_lessor_id_name_key UNIQUE (lessor_id, name),
    CONSTRAINT aemp_source_lessor_id_feed_id_fkey
        FOREIGN KEY (lessor_id, feed_id) REFERENCES feed (lessor_id, feed_id),
    CONSTRAINT aemp_source_auth_check CHECK (
        (auth = 'oauth2' AND client_id IS NOT NULL AND token_url IS NOT NULL)
        OR (auth = 'bearer' AND client_id IS NULL AND token_url IS NULL AND scope IS NULL)),
    CONSTRAINT aemp_source_min_interval_check CHECK (min_interval > interval '0')
);
CREATE INDEX aemp_source_due_idx ON aemp_source (next_poll_at) WHERE enabled;

-- The last location of a machine that was taken from a source.
CREATE TABLE aemp_cursor (
    source_id     integer NOT NULL
                  CONSTRAINT aemp_cursor_source_id_fkey REFERENCES aemp_source ON DELETE CASCADE,
    identifier    text NOT NULL,        -- PIN or serial number, as device_id of its pings
    last_fixed_at timestamptz NOT NULL, -- of the last location that was acknowledged
    refused_at    timestamptz,          -- when that location was refused (no such device); it is offered again
    CONSTRAINT aemp_cursor_pkey PRIMARY KEY (source_id, identifier)
);
