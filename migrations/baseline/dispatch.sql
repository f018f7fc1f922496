-- Tables of the room dispatch: run sheets shared by link.
-- State of revision 0001; later changes are revisions of their own.

-- A run sheet that is shared by link and PIN.
CREATE TABLE share (
    share_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT share_pkey PRIMARY KEY,
    assignment_id  integer NOT NULL CONSTRAINT share_assignment_id_fkey REFERENCES planning_assignment,
    case_id        integer NOT NULL CONSTRAINT share_case_id_fkey REFERENCES enforcement_case,
    recipient      text NOT NULL,
    token_sha256   bytea NOT NULL CONSTRAINT share_token_sha256_key UNIQUE,
    pin_argon2     text NOT NULL,
    created_by     integer NOT NULL CONSTRAINT share_created_by_fkey REFERENCES principal,
    api_key_id     integer CONSTRAINT share_api_key_id_fkey REFERENCES api_key,  -- that created it
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    revoked_by     integer CONSTRAINT share_revoked_by_fkey REFERENCES principal,
    wrong_pins     smallint NOT NULL,  -- an attempt counts before the PIN is checked; ten lock the share
    retry_at       timestamptz,        -- before this time no PIN is checked
    opened         integer NOT NULL,
    last_opened_at timestamptz,
    CONSTRAINT share_lifetime_check
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '72 hours'),
    CONSTRAINT share_wrong_pins_check CHECK (wrong_pins BETWEEN 0 AND 10)
);
CREATE INDEX share_assignment_id_idx ON share (assignment_id);
CREATE INDEX share_expires_at_idx ON share (expires_at);
