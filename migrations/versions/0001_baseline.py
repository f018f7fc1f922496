"""The whole schema of the first release, as one revision.

Tables are created from ``migrations/baseline``, a file for each room. Functions, views and policies are run from
``migrations/sql``, where they stay in force: a later revision that changes one runs its file again.
"""

from pathlib import Path

from alembic import op

from app.core.db.migration import clear_policies, execute_file, run_sql
from app.core.db.roles import ROW_SECURITY_ROLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BASELINE = Path(__file__).resolve().parents[1] / "baseline"
EXTENSIONS = ("postgis", "btree_gist")
TRIGGER_FUNCTIONS = (
    "access_changed", "access_courts_changed", "trail_is_append_only", "fleet_changed", "binding_changed",
)  # fmt: skip
# In the order of their foreign keys.
ROOMS = (
    "access", "audit", "identity", "jurisdictions", "assets", "enforcement", "telemetry", "tracking", "ingest",
    "dispatch", "compliance", "worker",
)  # fmt: skip
# A function or view comes after those that it calls.
FUNCTIONS = (
    "rls_lessors", "rls_case", "rls_at", "rls_grantee", "rls_court", "rls_courts",
    "rls_own_cases", "rls_court_cases", "rls_named_cases", "rls_cases", "rls_assets", "rls_known_assets",
    "rls_delegated", "rls_transferred", "rls_seized", "rls_trail_sets",
    "trail_append", "trail_partition_ensure", "first_batch_since", "ping_partition_ensure", "ping_partition_drop",
    "source_handicap", "lock_legal_holds",
)  # fmt: skip
VIEWS = (
    "lower_court", "access_subject", "feed_holder", "transferred_device", "held_asset", "device_heard",
    "case_asset_position",
)  # fmt: skip
TABLES = (
    "principal", "access_grant",
    "trail", "trail_default", "trail_assets", "trail_head", "trail_anchor",
    "api_key", "account", "session", "sign_in_failure", "person_identity", "awaited_identity",
    "boundary_layer", "division", "court", "territory",
    "lessor", "asset", "device", "device_binding", "binding_change", "depot", "asset_transfer",
    "enforcement_case", "case_asset", "seizure_measure", "seizure_renewal", "planning_assignment", "entrustment",
    "legal_hold",
    "feed", "feed_hour", "feed_alert", "ping_batch", "batch_chain", "raw_body", "ping", "ping_default", "ping_extra",
    "late_window", "later_doubt",
    "current_position", "daily_position",
    "aemp_source", "aemp_cursor",
    "share",
    "retention_log",
    "worker_cursor",
)  # fmt: skip
VERSION = "alembic_version"


def upgrade() -> None:
    """Create everything, and the partitions of the audit trail for this month and the next two."""
    connection = op.get_bind()
    found = set(connection.exec_driver_sql("SELECT extname FROM pg_extension").scalars())
    for extension in EXTENSIONS:
        if extension not in found:
            op.execute(f"CREATE EXTENSION {extension}")
    op.execute(f"GRANT USAGE ON SCHEMA public TO {', '.join(ROW_SECURITY_ROLES)}")
    run_sql(connection, "functions", *TRIGGER_FUNCTIONS)
    for room in ROOMS:
        execute_file(connection, BASELINE / f"{room}.sql")
    run_sql(connection, "functions", *FUNCTIONS)
    run_sql(connection, "views", *VIEWS)
    run_sql(connection, "policies", *TABLES, VERSION)
    op.execute("""
        SELECT trail_partition_ensure((date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date)
        FROM generate_series(0, 2) AS n""")


def downgrade() -> None:
    """Drop everything; the extensions stay, others may use them."""
    connection = op.get_bind()
    for table in (*TABLES, VERSION):
        clear_policies(connection, table)
    op.execute(f"ALTER TABLE {VERSION} DISABLE ROW LEVEL SECURITY")
    op.execute(f"DROP VIEW {', '.join(VIEWS)}")
    op.execute(f"DROP TABLE {', '.join(TABLES)}")
    op.execute("DROP SEQUENCE ping_batch_id_seq")
    op.execute(f"DROP FUNCTION {', '.join((*TRIGGER_FUNCTIONS, *FUNCTIONS))}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {', '.join(ROW_SECURITY_ROLES)}")
