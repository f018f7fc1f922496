"""What each role may do, as one table: deny by default, so what is not named here is refused.

``docs/security.md`` shows the same table to readers; a test keeps both alike, and the matrix of
``tests/integration/access`` says what every operation answers to every role.
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
"""A platform administrator runs the registers and sees no position; an auditor sees the trail and no position."""

TOTP_ROLES: Final = frozenset(
    {Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR, Role.AUDITOR, Role.PLATFORM_ADMINISTRATOR}
)
"""Who has to give a code of an authenticator besides the password; others may."""

ROLES_OF_PEOPLE: Final = frozenset(Role) - {Role.LESSOR_FEED}
"""Whom an account can be made for; a feed is a machine and has a key."""

ADMINISTERED_BY: Final[Mapping[Role, frozenset[Role]]] = {
    Role.COURT_ADMINISTRATOR: frozenset({Role.ENFORCEMENT_OFFICER, Role.COURT_ADMINISTRATOR}),
    Role.PLATFORM_ADMINISTRATOR: ROLES_OF_PEOPLE,
}
"""Whose accounts somebody may look after; a court's administrator only those of its own court."""


def permissions_of(role: Role, scopes: frozenset[Permission] | None = None) -> frozenset[Permission]:
    """Return what a role may, or, where a key is narrowed to scopes, those of them that the role has."""
    return PERMISSIONS[role] if scopes is None else PERMISSIONS[role] & scopes
