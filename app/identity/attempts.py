"""Failed attempts at a login's password or a share's PIN, counted in a table; all SQL about them.

An attempt counts as a failure before it is checked, and the count is reverted on success: concurrent attempts
cannot exceed the limit. The wait after a failure doubles.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Interval, case, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.identity.tables import SignInFailureRow

_MOST_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True)
class Counter:
    """The table and columns that count one kind of failure."""

    key: InstrumentedAttribute[Any]  # the column that identifies the login or the share
    failures: InstrumentedAttribute[int]  # the column that counts
    wait_until: InstrumentedAttribute[datetime | None]  # the column of the end of the wait; NULL without one
    first_wait: int  # the number of the first failure with a wait (1 s); each further one doubles it
    longest_wait_s: int  # the longest wait, seconds

    def is_free(self, now: datetime) -> ColumnElement[bool]:
        """Return the condition that no wait is in progress."""
        return or_(self.wait_until.is_(None), self.wait_until <= now)


LOGINS: Final = Counter(
    SignInFailureRow.login_sha256, SignInFailureRow.failures, SignInFailureRow.locked_until, 5, 900
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of counting an attempt; only a ``counted`` one may be checked.

    ``wait_until`` is the end of the wait in progress, or of the one that follows if the attempt fails.
    """

    counted: bool
    wait_until: datetime | None

    def wait_s(self, now: datetime) -> int:
        """Return the remaining wait in seconds; 0 without one."""
        return ceil((self.wait_until - now).total_seconds()) if self.wait_until and self.wait_until > now else 0


async def count(
    session: AsyncSession, counter: Counter, key: bytes | int, now: datetime, *conditions: ColumnElement[bool]
) -> Attempt:
    """Count an attempt, unless a wait is in progress or a condition does not hold."""
    failures = counter.failures + 1
    doublings = func.least(func.greatest(failures - counter.first_wait, 0), _MOST_DOUBLINGS)
    wait_s = func.least(func.power(2.0, doublings), counter.longest_wait_s)
    until = literal(now, DateTime(timezone=True)) + func.make_interval(0, 0, 0, 0, 0, 0, wait_s, type_=Interval)
    counted = (
        update(counter.key.class_)
        .where(counter.key == key, counter.is_free(now), *conditions)
        .values(
            {
                counter.failures: failures,
                counter.wait_until: case((failures >= counter.first_wait, until), else_=None),
            }
        )
        .returning(counter.wait_until)
    )
    found = (await session.execute(counted)).one_or_none()
    if found is not None:
        return Attempt(True, found[0])
    return Attempt(False, await session.scalar(select(counter.wait_until).where(counter.key == key)))


async def revert(session: AsyncSession, counter: Counter, key: bytes | int, attempt: Attempt) -> None:
    """Revert the count of a successful attempt; earlier failures still count."""
    own_wait = counter.wait_until == attempt.wait_until
    await session.execute(
        update(counter.key.class_)
        .where(counter.key == key, counter.failures > 0)
        .values(
            {
                counter.failures: counter.failures - 1,
                counter.wait_until: case((own_wait, None), else_=counter.wait_until),
            }
        )
    )
