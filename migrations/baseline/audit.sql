-- Tables of the room audit: the append-only, hash-chained audit trail. Only functions/trail_append.sql writes it.
-- State of revision 0001; later changes are revisions of their own.

-- One entry: who read or changed what. trail_no is the order of commits, without a gap.
CREATE TABLE trail (
    trail_no       bigint NOT NULL,
    at             timestamptz NOT NULL,  -- by the application's clock
    written_at     timestamptz NOT NULL,  -- by the database's clock; never decreases
    principal_id   integer NOT NULL,      -- 0: the command line or the worker
    role           text NOT NULL,
    subject_id     integer,               -- the court or lessor that the principal acts for
    api_key_id     integer,
    session_id     bigint,                -- of a person who signed in
    case_id        integer,
    action         text NOT NULL,
    asset_count    integer NOT NULL,
    assets_sha256  bytea,                 -- the set of assets: see trail_assets
    window_from    timestamptz,
    window_until   timestamptz,
    results        integer,
    request_id     text,
    detail         text,
    link           bytea NOT NULL,        -- SHA-256 of the link before and of the other columns
    CONSTRAINT trail_pkey PRIMARY KEY (trail_no, at)
) PARTITION BY RANGE (at);
CREATE INDEX trail_principal_id_trail_no_idx ON trail (principal_id, trail_no);
CREATE INDEX trail_case_id_trail_no_idx ON trail (case_id, trail_no) WHERE case_id IS NOT NULL;
CREATE INDEX trail_subject_id_trail_no_idx ON trail (subject_id, trail_no) WHERE subject_id IS NOT NULL;
CREATE INDEX trail_assets_sha256_trail_no_idx ON trail (assets_sha256, trail_no) WHERE assets_sha256 IS NOT NULL;
CREATE INDEX trail_request_id_idx ON trail (request_id) WHERE request_id IS NOT NULL;

-- A set of assets that entries are about: stored once, under its digest. The digest is part of the chain.
CREATE TABLE trail_assets (
    assets_sha256 bytea NOT NULL CONSTRAINT trail_assets_pkey PRIMARY KEY, -- of the ids as int4, big-endian
    asset_ids     integer[] NOT NULL                                       -- distinct, ascending
);
CREATE INDEX trail_assets_asset_ids_idx ON trail_assets USING gin (asset_ids);

-- One row: the newest number and link of the chain.
CREATE TABLE trail_head (
    only_row   boolean NOT NULL CONSTRAINT trail_head_pkey PRIMARY KEY
               CONSTRAINT trail_head_only_row_check CHECK (only_row),
    trail_no   bigint NOT NULL,
    written_at timestamptz NOT NULL,
    link       bytea NOT NULL
);
INSERT INTO trail_head VALUES (true, 0, '-infinity', decode(repeat('00', 32), 'hex'));

-- One anchor: a time stamp of an outside authority over a link. It shows a chain that was cut.
CREATE TABLE trail_anchor (
    anchor_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT trail_anchor_pkey PRIMARY KEY,
    made_at   timestamptz NOT NULL,
    trail_no  bigint NOT NULL,
    link      bytea NOT NULL,
    authority text NOT NULL,   -- the time stamp authority
    token     bytea NOT NULL   -- its answer, RFC 3161: TimeStampResp, DER
);

CREATE TRIGGER trail_no_change BEFORE UPDATE OR DELETE ON trail
    FOR EACH ROW EXECUTE FUNCTION trail_is_append_only();
CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON trail EXECUTE FUNCTION trail_is_append_only();
CREATE TRIGGER trail_no_change BEFORE UPDATE OR DELETE ON trail_assets
    FOR EACH ROW EXECUTE FUNCTION trail_is_append_only();
CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON trail_assets EXECUTE FUNCTION trail_is_append_only();

-- Entries of a month without a partition of its own: see functions/trail_partition_ensure.sql.
CREATE TABLE trail_default PARTITION OF trail DEFAULT;
CREATE TRIGGER trail_no_truncate BEFORE TRUNCATE ON trail_default EXECUTE FUNCTION trail_is_append_only();
