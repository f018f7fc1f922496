-- Tables of the room identity: keys, people's accounts, sessions, identities at an OpenID provider.
-- State of revision 0001; later changes are revisions of their own.

-- A key of a program or a person. The secret itself is not stored.
CREATE TABLE api_key (
    api_key_id    integer GENERATED ALWAYS AS IDENTITY CONSTRAINT api_key_pkey PRIMARY KEY,
    principal_id  integer NOT NULL CONSTRAINT api_key_principal_id_fkey REFERENCES principal,
    prefix        text NOT NULL CONSTRAINT api_key_prefix_key UNIQUE,
    secret_sha256 bytea NOT NULL,   -- of 256 random bits: a fast hash is enough, the secret cannot be guessed
    label         text NOT NULL,
    feed_id       integer,          -- the lessor's feed whose declarations hold for the pings of this key
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    scopes        text[],           -- NULL: all that the role permits
    last_used_at  timestamptz,
    made_by       integer CONSTRAINT api_key_made_by_fkey REFERENCES principal,  -- NULL: the command line
    rotated_at    timestamptz
);
CREATE INDEX api_key_principal_id_idx ON api_key (principal_id);
CREATE INDEX api_key_made_by_idx ON api_key (made_by);

-- The account of a person who signs in.
CREATE TABLE account (
    principal_id         integer NOT NULL CONSTRAINT account_pkey PRIMARY KEY
                         CONSTRAINT account_principal_id_fkey REFERENCES principal,
    login                text NOT NULL CONSTRAINT account_login_key UNIQUE,  -- NFKC, casefolded
    password_hash        text,           -- argon2id; NULL: signs in at an identity provider only
    must_change_password boolean NOT NULL,
    password_until       timestamptz,    -- end of a one-time password
    totp_sealed          bytea,
    totp_pending         bytea,          -- issued, not yet confirmed with a code
    totp_last_step       bigint,         -- codes of this step and earlier are used up
    recovery_sha256      bytea[] NOT NULL,
    last_sign_in_at      timestamptz,
    disabled_at          timestamptz,
    created_at           timestamptz NOT NULL
);

-- A session of a signed-in person.
CREATE TABLE session (
    session_id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT session_pkey PRIMARY KEY,
    token_sha256      bytea NOT NULL CONSTRAINT session_token_sha256_key UNIQUE,
    principal_id      integer NOT NULL CONSTRAINT session_principal_id_fkey REFERENCES principal,
    method            text NOT NULL,
    user_agent_sha256 bytea,
    created_at        timestamptz NOT NULL,
    last_seen_at      timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    revoked_at        timestamptz,
    CONSTRAINT session_method_check CHECK (method IN ('password', 'oidc'))
);
CREATE INDEX session_principal_id_idx ON session (principal_id);
CREATE INDEX session_expires_at_idx ON session (expires_at);

-- Failed sign-ins of a login. Keyed by its digest: a login that does not exist is counted like one that does.
CREATE TABLE sign_in_failure (
    login_sha256 bytea NOT NULL CONSTRAINT sign_in_failure_pkey PRIMARY KEY,
    failures     integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX sign_in_failure_last_at_idx ON sign_in_failure (last_at);

-- The identity of a person at an OpenID provider.
CREATE TABLE person_identity (
    principal_id integer NOT NULL CONSTRAINT person_identity_principal_id_fkey REFERENCES principal,
    issuer       text NOT NULL,
    subject      text NOT NULL,      -- the claim `sub`, compared byte by byte
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT person_identity_pkey PRIMARY KEY (principal_id, issuer),
    CONSTRAINT person_identity_issuer_subject_key UNIQUE (issuer, subject)
);

-- A login by which a person is recognised at the first sign-in through a provider.
CREATE TABLE awaited_identity (
    principal_id integer NOT NULL CONSTRAINT awaited_identity_principal_id_fkey REFERENCES principal,
    issuer       text NOT NULL,
    login        text NOT NULL,      -- an e-mail address or a user name, NFKC, casefolded
    created_at   timestamptz NOT NULL,
    CONSTRAINT awaited_identity_pkey PRIMARY KEY (principal_id, issuer),
    CONSTRAINT awaited_identity_issuer_login_key UNIQUE (issuer, login)
);

-- Tell every process that a key, an account or a session changed or ended: see functions/access_changed.sql.
-- The use of a key and the last sight of a session are not notified.
CREATE TRIGGER access_changed
    AFTER UPDATE OF principal_id, secret_sha256, feed_id, expires_at, revoked_at, scopes OR DELETE ON api_key
    FOR EACH ROW EXECUTE FUNCTION access_changed('api_key_id');
CREATE TRIGGER access_changed
    AFTER UPDATE OF password_hash, must_change_password, totp_sealed, disabled_at OR DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION access_changed('principal_id');
CREATE TRIGGER access_changed
    AFTER UPDATE OF token_sha256, principal_id, expires_at, revoked_at OR DELETE ON session
    FOR EACH ROW EXECUTE FUNCTION access_changed('session_id');
