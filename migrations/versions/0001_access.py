"""Who may come in: principals, their keys, and the one dated table of grants."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the room `access`."""
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("""
        CREATE TABLE principal (
            principal_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT principal_pkey PRIMARY KEY,
            kind          text NOT NULL,
            subject_id    integer,          -- the lessor or the court that it acts for
            name          text NOT NULL,
            created_at    timestamptz NOT NULL,
            CONSTRAINT principal_kind_check
                CHECK (kind IN ('lessor', 'court', 'dispatcher', 'administrator')),
            CONSTRAINT principal_subject_check
                CHECK ((subject_id IS NOT NULL) = (kind IN ('lessor', 'court')))
        )""")
    op.execute("""
        CREATE TABLE api_key (
            api_key_id    integer GENERATED ALWAYS AS IDENTITY CONSTRAINT api_key_pkey PRIMARY KEY,
            principal_id  integer NOT NULL CONSTRAINT api_key_principal_id_fkey REFERENCES principal,
            prefix        text NOT NULL CONSTRAINT api_key_prefix_key UNIQUE,
            secret_sha256 bytea NOT NULL,   -- of 256 random bits: a fast hash is enough, there is nothing to guess
            label         text NOT NULL,
            feed_id       integer,          -- the lessor's feed whose declarations hold for what this key posts
            created_at    timestamptz NOT NULL,
            expires_at    timestamptz,
            revoked_at    timestamptz
        )""")
    op.execute("CREATE INDEX api_key_principal_id_idx ON api_key (principal_id)")
    op.execute("""
        CREATE TABLE access_grant (
            grant_id      bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT access_grant_pkey PRIMARY KEY,
            grantee_kind  text NOT NULL,
            grantee_id    integer NOT NULL, -- a court, or a principal (a dispatcher)
            case_id       integer NOT NULL,
            asset_id      integer NOT NULL,
            ground        text NOT NULL,
            valid_from    timestamptz NOT NULL,
            valid_until   timestamptz,
            granted_by    integer NOT NULL CONSTRAINT access_grant_granted_by_fkey REFERENCES principal,
            CONSTRAINT access_grant_grantee_kind_check CHECK (grantee_kind IN ('court', 'principal')),
            CONSTRAINT access_grant_ground_check CHECK (ground IN ('case', 'entrustment', 'assignment')),
            CONSTRAINT access_grant_valid_check CHECK (valid_until IS NULL OR valid_until >= valid_from)
        )""")
    op.execute("""
        CREATE INDEX access_grant_grantee_idx
            ON access_grant (grantee_kind, grantee_id, case_id) INCLUDE (asset_id, valid_from, valid_until)""")


def downgrade() -> None:
    """Drop them; the extensions stay, others may use them."""
    op.execute("DROP TABLE access_grant, api_key, principal")
