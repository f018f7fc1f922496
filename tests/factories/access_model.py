"""The access rules in plain Python, written independently of the service, to compare it with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

ABOVE = {"court": ("court", "intermediate", "high"), "far_court": ("far_court",)}
"""Courts that see a court's cases: itself and its superior courts."""
LESSORS = ("lessor", "rival")
DISPATCHERS = ("dispatcher", "second_dispatcher")
COURTS = ("court", "intermediate", "high", "far_court", "entrusted_court")
OTHERS = ("auditor", "platform")
PEOPLE = (*LESSORS, *COURTS, *DISPATCHERS, *OTHERS)


@dataclass(slots=True)
class ModelKey:
    """A key: its holder, its permissions, and its expiry."""

    text: str
    holder: str
    api_key_id: int = 0
    pings_only: bool = False
    expires_at: datetime | None = None
    revoked: bool = False

    def opens(self, now: datetime) -> bool:
        """Return whether it is in force."""
        return not self.revoked and (self.expires_at is None or self.expires_at > now)


@dataclass(slots=True)
class AccessPeriod:
    """Access of a principal to a case, from a moment until (not including) another."""

    to: str
    starts_at: datetime
    ends_at: datetime

    def holds(self, now: datetime) -> bool:
        """Return whether it has begun and not ended."""
        return self.starts_at <= now < self.ends_at


@dataclass(slots=True)
class ModelCase:
    """A case: its court, its applicant, and the state of each asset."""

    case_id: int
    court: str
    applicant: str
    open: bool = True
    offered: set[int] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)
    standing: dict[int, int] = field(default_factory=dict)
    """The measure in force by asset."""
    seized_once: set[int] = field(default_factory=set)
    lent: list[AccessPeriod] = field(default_factory=list)

    def unreleased_assets(self) -> set[int]:
        """Return the assets that the case gives access to: confirmed and not released; none once closed."""
        return {a for a in self.confirmed if a in self.standing or a not in self.seized_once} if self.open else set()

    def handled_by(self, who: str) -> bool:
        """Return whether a court handles it, or is superior to the one that does."""
        return who in ABOVE[self.court]

    def lent_to(self, who: str, now: datetime) -> bool:
        """Return whether a dispatcher or an entrusted court has access now."""
        return self.open and any(x.to == who and x.holds(now) for x in self.lent)

    def seen_by(self, who: str, now: datetime) -> bool:
        """Return whether a principal sees the case and its records."""
        return who in {self.applicant, "platform"} or self.handled_by(who) or self.lent_to(who, now)

    def positions_for(self, who: str, now: datetime) -> set[int]:
        """Return the assets whose positions a court or a dispatcher may read for this case."""
        return self.unreleased_assets() if self.handled_by(who) or self.lent_to(who, now) else set()


@dataclass(slots=True)
class Model:
    """All facts that the rules depend on."""

    now: datetime
    assets: dict[int, str]
    """Lessor of each asset."""
    cases: list[ModelCase] = field(default_factory=list)

    def own(self, who: str) -> set[int]:
        """Return a lessor's assets."""
        return {asset for asset, lessor in self.assets.items() if lessor == who}

    def registered(self, who: str) -> set[int]:
        """Return the assets that a principal sees in the register."""
        if who == "platform":
            return set(self.assets)
        opened = (case.positions_for(who, self.now) for case in self.cases)
        return self.own(who).union(*opened)

    def cases_of(self, who: str) -> Iterator[ModelCase]:
        """Yield the cases that a principal sees."""
        return (case for case in self.cases if case.seen_by(who, self.now))
