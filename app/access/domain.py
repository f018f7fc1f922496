"""Who asks, and what follows from it; pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.errors import PurposeRequired


class PrincipalKind(StrEnum):
    """For whom somebody acts; what it may do is said by its role."""

    LESSOR = "lessor"
    COURT = "court"
    DISPATCHER = "dispatcher"
    CREW = "crew"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Role(StrEnum):
    """What somebody does; ``app.access.roles`` says what each may."""

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
        """For whom somebody in this role acts."""
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
"""Who acts for a lessor or a court, and so needs its id."""


class Permission(StrEnum):
    """One thing that somebody may do; also the scopes that a key can be narrowed to."""

    PINGS_POST = "pings:post"
    RECEIPTS_READ = "receipts:read"
    PLACES_READ = "places:read"
    """Courts, divisions, and in whose territory a point lies: nobody's secret, but not for strangers either."""
    REGISTERS_READ = "registers:read"
    REGISTERS_WRITE = "registers:write"
    LESSORS_WRITE = "lessors:write"
    FLEET_READ = "fleet:read"
    """A lessor's own: its entry, its devices, its depots."""
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
    """What is stored of an asset or a lessee, and who looked."""
    TRAIL_READ = "trail:read"
    PEOPLE_WRITE = "people:write"
    SERVICE_READ = "service:read"
    """What the service counts about itself, and the details of its readiness."""
    KEYS_WRITE = "keys:write"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    Attributes:
        principal_id: Its row.
        role: What it does.
        subject_id: The lessor or court that it acts for; None for others.
        api_key_id: The key it came with; None for people, and for the command line of whoever runs the service.
        feed_id: The lessor's feed that the key belongs to, if it does.
        permissions: What it may: its role's permissions, or those of them that its key is narrowed to.
        lower_courts: For a court, the courts below it, whose own cases it sees too.
        session_id: The session of a person that has signed in; None with a key.
    """

    principal_id: int
    role: Role
    subject_id: int | None
    api_key_id: int | None
    feed_id: int | None = None
    permissions: frozenset[Permission] = frozenset()
    lower_courts: tuple[int, ...] = ()
    session_id: int | None = None

    @property
    def kind(self) -> PrincipalKind:
        """For whom it acts."""
        return self.role.kind

    @property
    def post_only(self) -> bool:
        """Whether it can do nothing but post pings; only such a key may stand in a URL."""
        return self.permissions == {Permission.PINGS_POST}

    def may(self, permission: Permission) -> bool:
        """Tell whether it may do something."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a principal may see, taken by every read: to forget it is a type error.

    Attributes:
        principal: Who looks.
        case_id: The case that a court or dispatcher stated as the purpose of reading positions, if any.
    """

    principal: Principal
    case_id: int | None = None

    @property
    def purpose(self) -> int:
        """The case that was stated.

        Raises:
            PurposeRequired: None was.
        """
        if self.case_id is None:
            raise PurposeRequired("case: say for which case you read positions", field="case")
        return self.case_id

    @property
    def sees_everything(self) -> bool:
        """An administrator runs the platform and sees registers of all."""
        return self.principal.kind is PrincipalKind.ADMINISTRATOR

    @property
    def lessor_id(self) -> int | None:
        """The lessor whose own assets are in sight, for a lessor's key."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.LESSOR else None

    @property
    def court_id(self) -> int | None:
        """The court whose cases are in sight, for a court's key."""
        return self.principal.subject_id if self.principal.kind is PrincipalKind.COURT else None

    @property
    def courts(self) -> tuple[int, ...]:
        """The courts whose own cases are in sight: that of a court's key and those below it; none for others."""
        court_id = self.court_id
        return () if court_id is None else (court_id, *self.principal.lower_courts)
