"""People who sign in: accounts, sessions, failed attempts; and word to every process of what ends somebody's way in.

A key says who made it, and when it was rotated.

All three tables are for the service itself only: hashes of passwords are in nobody's sight.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SERVICE = "leasetrace_service"
TABLES = ("account", "session", "sign_in_failure")
# A change of these columns, or the row's end, is told; not that a key was used or a person seen.
TOLD = (
    ("api_key", "api_key_id", "principal_id, secret_sha256, feed_id, expires_at, revoked_at, scopes"),
    ("principal", "principal_id", "role, subject_id, name"),
    ("account", "principal_id", "password_hash, must_change_password, totp_sealed, disabled_at"),
    ("session", "session_id", "token_sha256, principal_id, expires_at, revoked_at"),
)


def upgrade() -> None:
    """Create the tables, the views that `access` learns names from, and the triggers."""
    op.execute("""
        CREATE TABLE account (
            principal_id         integer NOT NULL CONSTRAINT account_pkey PRIMARY KEY
                                 CONSTRAINT account_principal_id_fkey REFERENCES principal,
            login                text NOT NULL CONSTRAINT account_login_key UNIQUE,  -- NFKC, casefolded
            password_hash        text,           -- argon2id; none where only an identity provider signs in
            must_change_password boolean NOT NULL,
            password_until       timestamptz,    -- a one-time password is of no use after this
            totp_sealed          bytea,
            totp_pending         bytea,          -- handed out, not confirmed with a code yet
            totp_last_step       bigint,         -- codes of this step and earlier ones are spent
            recovery_sha256      bytea[] NOT NULL,
            last_sign_in_at      timestamptz,
            disabled_at          timestamptz,
            created_at           timestamptz NOT NULL
        )""")
    op.execute("""
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
        )""")
    op.execute("CREATE INDEX session_principal_id_idx ON session (principal_id)")
    op.execute("CREATE INDEX session_expires_at_idx ON session (expires_at)")
    # By the digest of what was typed, so that a login that nobody has is counted like any other.
    op.execute("""
        CREATE TABLE sign_in_failure (
            login_sha256 bytea NOT NULL CONSTRAINT sign_in_failure_pkey PRIMARY KEY,
            failures     integer NOT NULL,
            last_at      timestamptz NOT NULL,
            locked_until timestamptz
        )""")
    op.execute("CREATE INDEX sign_in_failure_last_at_idx ON sign_in_failure (last_at)")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY service ON {table} TO {SERVICE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON account TO {SERVICE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON session, sign_in_failure TO {SERVICE}")
    op.execute(f"GRANT USAGE, SELECT ON SEQUENCE session_session_id_seq TO {SERVICE}")
    op.execute("""
        ALTER TABLE api_key
            ADD COLUMN made_by integer CONSTRAINT api_key_made_by_fkey REFERENCES principal,  -- null: command line
            ADD COLUMN rotated_at timestamptz""")
    op.execute("CREATE INDEX api_key_made_by_idx ON api_key (made_by)")
    # Named contracts by which `access` learns whom a principal acts for, and whose a feed is.
    op.execute("""
        CREATE VIEW access_subject WITH (security_invoker = true) AS
            SELECT 'court' AS kind, court_id AS subject_id, code, name FROM court
            UNION ALL SELECT 'lessor', lessor_id, code, name FROM lessor""")
    op.execute("CREATE VIEW feed_holder WITH (security_invoker = true) AS SELECT feed_id, lessor_id FROM feed")
    op.execute(f"GRANT SELECT ON access_subject, feed_holder TO {SERVICE}")
    op.execute("""
        CREATE FUNCTION access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('leasetrace_access', TG_TABLE_NAME || ':' || (to_jsonb(OLD) ->> TG_ARGV[0]));
            RETURN NULL;
        END $$""")
    for table, key, columns in TOLD:
        op.execute(f"""
            CREATE TRIGGER access_changed AFTER UPDATE OF {columns} OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION access_changed('{key}')""")
    # Which courts are below which is remembered with every court's people: no id, so that all is forgotten.
    op.execute("""
        CREATE FUNCTION access_courts_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('leasetrace_access', 'court:');
            RETURN NULL;
        END $$""")
    op.execute("""
        CREATE TRIGGER access_courts_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF parent_court_id ON court
        FOR EACH STATEMENT EXECUTE FUNCTION access_courts_changed()""")


def downgrade() -> None:
    """Take it all back; the principals of people stay, since trails and grants name them."""
    for table, *_ in TOLD:
        op.execute(f"DROP TRIGGER access_changed ON {table}")
    op.execute("DROP TRIGGER access_courts_changed ON court")
    op.execute("DROP FUNCTION access_changed, access_courts_changed")
    op.execute("DROP VIEW access_subject, feed_holder")
    op.execute("ALTER TABLE api_key DROP COLUMN made_by, DROP COLUMN rotated_at")
    op.execute("DROP TABLE sign_in_failure, session, account")
