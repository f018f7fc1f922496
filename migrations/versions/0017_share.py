"""Run sheets that are shared by link, and the classes of retention that people leave behind.

Of a share, a court or a dispatcher sees everything but the digests of its link and its PIN, and may take it back;
whether a PIN is right is asked by the service.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

GRANTEE, SERVICE = "leasetrace_grantee", "leasetrace_service"
SHOWN = """share_id, assignment_id, case_id, recipient, created_by, api_key_id, created_at, expires_at, revoked_at,
    revoked_by, wrong_pins, opened, last_opened_at"""
# Those of the court's own cases, and those that a dispatcher made.
SEEN = """case_id = ANY ((SELECT sight_own_cases())::integer[])
    OR created_by = (SELECT sight_grantee()) AND current_setting('leasetrace.grantee_kind', true) = 'principal'
       AND case_id = ANY ((SELECT sight_cases())::integer[])"""


def upgrade() -> None:
    """Make the table of shares with its policies, and name the two classes."""
    op.execute("""
        CREATE TABLE share (
            share_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT share_pkey PRIMARY KEY,
            assignment_id  integer NOT NULL CONSTRAINT share_assignment_id_fkey REFERENCES planning_assignment,
            case_id        integer NOT NULL CONSTRAINT share_case_id_fkey REFERENCES enforcement_case,
            recipient      text NOT NULL,
            token_sha256   bytea NOT NULL CONSTRAINT share_token_sha256_key UNIQUE,
            pin_argon2     text NOT NULL,
            created_by     integer NOT NULL CONSTRAINT share_created_by_fkey REFERENCES principal,
            api_key_id     integer CONSTRAINT share_api_key_id_fkey REFERENCES api_key,  -- that it was made with
            created_at     timestamptz NOT NULL,
            expires_at     timestamptz NOT NULL,
            revoked_at     timestamptz,
            revoked_by     integer CONSTRAINT share_revoked_by_fkey REFERENCES principal,
            wrong_pins     smallint NOT NULL,  -- an attempt counts before it is looked at; ten lock
            retry_at       timestamptz,        -- earlier, no PIN is looked at
            opened         integer NOT NULL,
            last_opened_at timestamptz,
            CONSTRAINT share_lifetime_check CHECK (expires_at > created_at AND expires_at <= created_at + interval '72 hours'),
            CONSTRAINT share_wrong_pins_check CHECK (wrong_pins BETWEEN 0 AND 10)
        )""")
    op.execute("CREATE INDEX share_assignment_id_idx ON share (assignment_id)")
    op.execute("CREATE INDEX share_expires_at_idx ON share (expires_at)")
    op.execute("ALTER TABLE share ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY service ON share TO {SERVICE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON share TO {SERVICE}")
    op.execute(f"CREATE POLICY grantee ON share TO {GRANTEE} USING ({SEEN}) WITH CHECK ({SEEN})")
    op.execute(f"GRANT SELECT ({SHOWN}), INSERT, UPDATE (revoked_at, revoked_by) ON share TO {GRANTEE}")
    op.execute(f"GRANT USAGE, SELECT ON SEQUENCE share_share_id_seq TO {GRANTEE}, {SERVICE}")
    op.execute("ALTER TABLE retention_log DROP CONSTRAINT retention_log_class_check")
    op.execute("""
        ALTER TABLE retention_log ADD CONSTRAINT retention_log_class_check
            CHECK (class IN ('raw', 'ping', 'derived', 'session', 'share'))""")


def downgrade() -> None:
    """Drop the table; what was recorded of the two classes goes with them."""
    op.execute("DROP TABLE share")
    op.execute("DELETE FROM retention_log WHERE class IN ('session', 'share')")
    op.execute("ALTER TABLE retention_log DROP CONSTRAINT retention_log_class_check")
    op.execute("""
        ALTER TABLE retention_log ADD CONSTRAINT retention_log_class_check CHECK (class IN ('raw', 'ping', 'derived'))""")
