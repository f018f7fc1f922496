"""The named contract between rooms: the assets of a case, each with its best current position.

``clusters`` reads this view instead of the tables of `enforcement`, `assets` and `tracking`.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the view."""
    # The lateral join makes a case of 671 assets 671 key look-ups, however many assets the table holds.
    op.execute("""
        CREATE VIEW case_asset_position WITH (security_invoker = true) AS
        SELECT ca.case_id, ca.asset_id, ca.confirmed_at, a.lessor_id, a.asset_type, a.kind, a.plate_no, a.vin,
               a.serial_no, a.make, a.model, a.lease_contract_no, a.purchase_contract_no, a.lessee_name,
               a.estimated_value_yuan, a.essential_to_production,
               p.device_id, p.fixed_at, p.received_at, p.batch_id, p.lon_e7, p.lat_e7, p.territory_id,
               p.county_adcode, p.source, p.doubts, p.accuracy_m, p.speed_kmh, p.course_deg
        FROM case_asset ca
        JOIN asset a USING (asset_id)
        LEFT JOIN LATERAL (
            SELECT cp.* FROM current_position cp
            WHERE cp.asset_id = ca.asset_id
            ORDER BY cp.fixed_at - source_handicap(cp.source) DESC, cp.device_id
            LIMIT 1
        ) p ON true
        WHERE ca.confirmed_at IS NOT NULL""")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP VIEW case_asset_position")
