"""Principals, roles, permissions and visibility; no I/O."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.errors import PurposeRequired


class PrincipalKind(StrEnum):
    """The kind of party that a principal acts for; its role defines its permissions."""

    LESSOR = "lessor"
    COURT = "court"
    DISPATCHER = "dispatcher"
    CREW = "crew"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Role(StrEnum):
    """The role of a principal; ``app.access.roles`` lists the permissions."""

    LESSOR_FEED = "lessor_feed"
    LESSOR_READER = "lessor_reader"
    LESSOR_MANAGER = "lessor_manager"
    ENFORCEMENT_OFFICER = "enforcement_officer"
    COURT_ADMINISTRATOR = "court_administrator"
    DISPATCHER = "dispatcher"
    CREW = "crew"
    AUDITOR = "auditor"
    PLATFORM_ADMINISTRATOR = "platform_administrator"

    @property
    def kind(self) -> PrincipalKind:
        """The kind of party that this role acts for."""
        return _KINDS[self]


_KINDS: Final = {
    Role.LESSOR_FEED: PrincipalKind.LESSOR,
    Role.LESSOR_READER: PrincipalKind.LESSOR,
    Role.LESSOR_MANAGER: PrincipalKind.LESSOR,
    Role.ENFORCEMENT_OFFICER: PrincipalKind.COURT,
    Role.COURT_ADMINISTRATOR: PrincipalKind.COURT,
    Role.DISPATCHER: PrincipalKind.DISPATCHER,
    Role.CREW: PrincipalKind.CREW,
    Role.AUDITOR: PrincipalKind.AUDITOR,
    Role.PLATFORM_ADMINISTRATOR: PrincipalKind.ADMINISTRATOR,
}
KINDS_WITH_SUBJECT: Final = frozenset({PrincipalKind.LESSOR, PrincipalKind.COURT})
"""Kinds that need the id of a lessor or a court."""


class Permission(StrEnum):
    """A permission; also the scopes of API keys."""

    PINGS_POST = "pings:post"
    RECEIPTS_READ = "receipts:read"
    PLACES_READ = "places:read"
    """Courts, divisions, and the territory of a point: not secret, but not for anonymous callers."""
    REGISTERS_READ = "registers:read"
    REGISTERS_WRITE = "registers:write"
    LESSORS_WRITE = "lessors:write"
    FLEET_READ = "fleet:read"
    """A lessor's own entry, devices and depots."""
    FEEDS_READ = "feeds:read"
    FEEDS_WRITE = "feeds:write"
    POSITIONS_READ = "positions:read"
    CASES_READ = "cases:read"
    CASES_RECORD = "cases:record"
    CASES_WRITE = "cases:write"
    CASES_OFFER = "cases:offer"
    CASES_CONFIRM = "cases:confirm"
    MEASURES_WRITE = "measures:write"
    ASSIGNMENTS_READ = "assignments:read"
    ASSIGNMENTS_WRITE = "assignments:write"
    ENTRUSTMENTS_READ = "entrustments:read"
    ENTRUSTMENTS_WRITE = "entrustments:write"
    HOLDS_READ = "holds:read"
    HOLDS_WRITE = "holds:write"
    SHARES_WRITE = "shares:write"
    TRANSFERS_WRITE = "transfers:write"
    SUBJECT_READ = "subject:read"
    """What is stored of an asset or a lessee, and who read it."""
    TRAIL_READ = "trail:read"
    PEOPLE_WRITE = "people:write"
    SERVICE_READ = "service:read"
    """The service's metrics, and the details of its readiness."""
    KEYS_WRITE = "keys:write"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request."""

    principal_id: int
    role: Role
    subject_id: int | None  # the lessor or court that it acts for; None for others
    api_key_id: int | None  # the key that it used; None for people and the command line
    feed_id: int | None = None  # the lessor's feed that the key belongs to, if any
    permissions: frozenset[Permission] = frozenset()  # those of its role, restricted to the scopes of its key
    lower_courts: tuple[int, ...] = ()  # for a court, the courts below it, whose own cases are visible too
    session_id: int | None = None  # the session of a signed-in person; None with a key

    @property
    def kind(self) -> PrincipalKind:
        """The kind of party that it acts for."""
        return self.role.kind

    @property
    def post_only(self) -> bool:
        """Whether it can only post pings; only such a key may be part of a URL."""
        return self.permissions == {Permission.PINGS_POST}

    def may(self, permission: Permission) -> bool:
        """Return whether it has a permission."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a principal may see. Every read takes it as a parameter, so that the type checker finds a missing check.

    ``case_id`` is the stated purpose of reading positions.
    """

    principal: Principal
    case_id: int | None = None

    @property
    def purpose(self) -> int:
        """The stated case. Raises ``PurposeRequired`` without one."""
        if self.case_id is None:
            raise PurposeRequired("case: say for which case you read positions", field="case")
        return self.case_id

    @property
    def sees_everything(self) -> bool:
        """Whether every register is visible: for an administrator of the platform."""
        return self.principal.kind is PrincipalKind.ADMINISTRATOR

    @property
    def lessor_id(self) -> int | None:
        """The lessor whose own assets are visible, for a lessor."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.LESSOR else None

    @property
    def court_id(self) -> int | None:
        """The court whose cases are visible, for a court."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.COURT else None

    @property
    def courts(self) -> tuple[int, ...]:
        """The courts whose own cases are visible: a court and those below it; empty for others."""
        court_id = self.court_id
        return () if court_id is None else (court_id, *self.principal.lower_courts)
