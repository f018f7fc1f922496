"""The permissions of each role as one table: a permission that is not listed is denied.

``docs/security.md`` shows the same table; a test compares both. The access matrix in ``tests/integration/access``
states the response of every operation for every role.
"""

from collections.abc import Mapping
from typing import Final

from app.access.domain import Permission, Role

_LESSOR_READS: Final = frozenset(
    {
        Permission.RECEIPTS_READ,
        Permission.PLACES_READ,
        Permission.REGISTERS_READ,
        Permission.FLEET_READ,
        Permission.FEEDS_READ,
        Permission.POSITIONS_READ,
        Permission.CASES_READ,
    }
)

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.LESSOR_FEED: frozenset({Permission.PINGS_POST, Permission.RECEIPTS_READ}),
    Role.LESSOR_READER: _LESSOR_READS,
    Role.LESSOR_MANAGER: _LESSOR_READS
    | {
        Permission.PINGS_POST,
        Permission.REGISTERS_WRITE,
        Permission.FEEDS_WRITE,
        Permission.CASES_OFFER,
        Permission.TRANSFERS_WRITE,
        Permission.SUBJECT_READ,
        Permission.KEYS_WRITE,
    },
    Role.ENFORCEMENT_OFFICER: frozenset(
        {
            Permission.PLACES_READ,
            Permission.REGISTERS_READ,
            Permission.POSITIONS_READ,
            Permission.CASES_READ,
            Permission.CASES_RECORD,
            Permission.CASES_WRITE,
            Permission.CASES_CONFIRM,
            Permission.MEASURES_WRITE,
            Permission.ASSIGNMENTS_READ,
            Permission.ASSIGNMENTS_WRITE,
            Permission.ENTRUSTMENTS_READ,
            Permission.ENTRUSTMENTS_WRITE,
            Permission.HOLDS_READ,
            Permission.HOLDS_WRITE,
            Permission.SHARES_WRITE,
        }
    ),
    Role.COURT_ADMINISTRATOR: frozenset({Permission.PLACES_READ, Permission.PEOPLE_WRITE, Permission.TRAIL_READ}),
    Role.DISPATCHER: frozenset(
        {
            Permission.PLACES_READ,
            Permission.REGISTERS_READ,
            Permission.POSITIONS_READ,
            Permission.CASES_READ,
            Permission.ASSIGNMENTS_READ,
            Permission.SHARES_WRITE,
        }
    ),
    Role.CREW: frozenset({Permission.PLACES_READ, Permission.REGISTERS_READ, Permission.POSITIONS_READ}),
    Role.AUDITOR: frozenset({Permission.PLACES_READ, Permission.TRAIL_READ}),
    Role.PLATFORM_ADMINISTRATOR: frozenset(
        {
            Permission.RECEIPTS_READ,
            Permission.PLACES_READ,
            Permission.REGISTERS_READ,
            Permission.REGISTERS_WRITE,
            Permission.LESSORS_WRITE,
            Permission.FLEET_READ,
            Permission.FEEDS_READ,
            Permission.FEEDS_WRITE,
            Permission.CASES_READ,
            Permission.CASES_RECORD,
            Permission.ASSIGNMENTS_READ,
            Permission.ENTRUSTMENTS_READ,
            Permission.HOLDS_READ,
            Permission.HOLDS_WRITE,
            Permission.TRANSFERS_WRITE,
            Permission.SUBJECT_READ,
            Permission.PEOPLE_WRITE,
            Permission.SERVICE_READ,
            Permission.KEYS_WRITE,
        }
    ),
}
"""A platform administrator manages registers and sees no positions; an auditor sees the audit trail and no
positions."""

TOTP_ROLES: Final = frozenset(
    {Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR, Role.AUDITOR, Role.PLATFORM_ADMINISTRATOR}
)
"""Roles that require a TOTP code besides the password; it is optional for others."""

ROLES_OF_PEOPLE: Final = frozenset(Role) - {Role.LESSOR_FEED}
"""Roles that an account can have; a feed is a machine and has a key."""

ADMINISTERED_BY: Final[Mapping[Role, frozenset[Role]]] = {
    Role.COURT_ADMINISTRATOR: frozenset({Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR}),
    Role.PLATFORM_ADMINISTRATOR: ROLES_OF_PEOPLE,
}
"""The roles whose accounts a role manages; a court's administrator only those of its own court."""


def permissions_of(role: Role, scopes: frozenset[Permission] | None = None) -> frozenset[Permission]:
    """Return the permissions of a role, restricted to scopes if there are any."""
    return PERMISSIONS[role] if scopes is None else PERMISSIONS[role] & scopes
