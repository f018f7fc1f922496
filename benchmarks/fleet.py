"""Registered data for a benchmark, written directly into its database: making them is not measured."""

from dataclasses import dataclass
from typing import Final

import psycopg

IDENTIFIER: Final = "86{:013d}"
"""Format of a benchmark device's identifier by its number, as long as an IMEI."""

_FLEET: Final = (
    """
    INSERT INTO asset (lessor_id, asset_type, kind, serial_no, lease_contract_no, estimated_value_yuan, created_at,
                       changed_at)
    SELECT %(lessor)s, 'vehicle', 'heavy_truck', 'S' || n, 'L' || n, 100000 + n, now(), now()
    FROM generate_series(1, %(devices)s) n""",
    """
    INSERT INTO device (lessor_id, identifier, kind, created_at)
    SELECT %(lessor)s, '86' || lpad(n::text, 13, '0'), 'wired', now() FROM generate_series(1, %(devices)s) n""",
    """
    INSERT INTO device_binding (lessor_id, device_id, asset_id, bound_from)
    SELECT %(lessor)s, device_id, asset_id, '2020-01-01Z'
    FROM (SELECT device_id, row_number() OVER (ORDER BY device_id) n FROM device WHERE lessor_id = %(lessor)s) d
    JOIN (SELECT asset_id, row_number() OVER (ORDER BY asset_id) n FROM asset WHERE lessor_id = %(lessor)s) a
    USING (n)""",
    "DELETE FROM binding_change",  # no ping is stored yet: the worker has nothing to attribute again
)
_CASE: Final = """
    INSERT INTO enforcement_case (case_number, court_id, applicant_lessor_id, judgment_debtor, claim_mode, phase,
                                  opened_on, created_at)
    SELECT '(2025)沪0105执' || (SELECT count(*) + 1 FROM enforcement_case) || '号', %(court)s, lessor_id, 'bench',
           'money', 'enforcement', '2025-06-01', now()
    FROM lessor WHERE code = 'bench'
    RETURNING case_id"""
_CASE_ASSETS: Final = (
    """
    INSERT INTO case_asset (case_id, asset_id, offered_at, offered_by, confirmed_at, confirmed_by, matched_by)
    SELECT %(case)s, a, now(), %(by)s, now(), %(by)s, 'serial_no' FROM unnest(%(assets)s::int[]) a""",
    """
    INSERT INTO seizure_measure (case_id, asset_id, kind, rank, starts_on, ends_on, created_at, created_by)
    SELECT %(case)s, a, 'register_seizure', 1, current_date - 30, current_date + 300, now(), %(by)s
    FROM unnest(%(assets)s::int[]) a""",
    """
    INSERT INTO access_grant (grantee_kind, grantee_id, case_id, asset_id, ground, valid_from, granted_by)
    SELECT 'court', %(court)s, %(case)s, a, 'case', now() - interval '1 day', %(by)s
    FROM unnest(%(assets)s::int[]) a""",
)


@dataclass(frozen=True, slots=True)
class Registered:
    """The registered data.

    Attributes:
        lessor_id: The lessor of everything.
        devices: Number of devices, each on an asset of its own; device and asset numbers count from 1.
    """

    lessor_id: int
    devices: int


def register_fleet(owner_url: str, devices: int) -> Registered:
    """Make a lessor with ``devices`` assets, each with a device since 2020.

    Args:
        owner_url: A migrated database without tenants.
    """
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "INSERT INTO lessor (code, name, created_at) VALUES ('bench', 'bench', now()) RETURNING lessor_id"
        ).fetchone()
        lessor_id = int(row[0]) if row else 0
        values = {"lessor": lessor_id, "devices": devices}
        for statement in _FLEET:
            connection.execute(statement, values)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return Registered(lessor_id, devices)


def open_case(owner_url: str, court_id: int, asset_ids: list[int]) -> int:
    """Open a case of a court with these assets confirmed and seized on the register; return its id."""
    with psycopg.connect(owner_url) as connection:
        by = connection.execute("SELECT min(principal_id) FROM principal").fetchone()
        row = connection.execute(_CASE, {"court": court_id}).fetchone()
        case_id = int(row[0]) if row else 0
        values = {"case": case_id, "assets": asset_ids, "court": court_id, "by": by[0] if by else 0}
        for statement in _CASE_ASSETS:
            connection.execute(statement, values)
    return case_id
