"""Who somebody is at an institution's OpenID provider.

Both tables are for the service itself only: whoever signs in is nobody yet.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SERVICE = "leasetrace_service"
TABLES = ("person_identity", "awaited_identity")


def upgrade() -> None:
    """Create both tables, under row-level security."""
    op.execute("""
        CREATE TABLE person_identity (
            principal_id integer NOT NULL CONSTRAINT person_identity_principal_id_fkey REFERENCES principal,
            issuer       text NOT NULL,
            subject      text NOT NULL,      -- the provider's own name for a person, compared letter by letter
            created_at   timestamptz NOT NULL,
            last_used_at timestamptz,
            CONSTRAINT person_identity_pkey PRIMARY KEY (principal_id, issuer),
            CONSTRAINT person_identity_issuer_subject_key UNIQUE (issuer, subject)
        )""")
    op.execute("""
        CREATE TABLE awaited_identity (
            principal_id integer NOT NULL CONSTRAINT awaited_identity_principal_id_fkey REFERENCES principal,
            issuer       text NOT NULL,
            login        text NOT NULL,      -- an e-mail address or a user name, NFKC, casefolded
            created_at   timestamptz NOT NULL,
            CONSTRAINT awaited_identity_pkey PRIMARY KEY (principal_id, issuer),
            CONSTRAINT awaited_identity_issuer_login_key UNIQUE (issuer, login)
        )""")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY service ON {table} TO {SERVICE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SERVICE}")


def downgrade() -> None:
    """Drop both; people sign in by password again, where they have one."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
