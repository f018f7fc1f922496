"""Fills the store with many pings by COPY, as after a month of operation."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from psycopg import errors, sql

from benchmarks.copying import PingCopy
from benchmarks.pings import Fleet, PingPlan

DAYS: Final = 30
STEPS: Final = (1_000_000, 10_000_000, 100_000_000)
_CHUNK_ROWS: Final = 50_000
_DAY: Final = timedelta(days=1)
_NEWEST: Final = timedelta(hours=2)  # pings of the benchmark are newer
_TURN_US: Final = 64  # more than there are days


def steps_to(most: int) -> list[int]:
    """Return the numbers of stored pings at which growth is measured."""
    return [*(step for step in STEPS if step < most), most]


def fill(
    owner_url: str,
    fleet: Fleet,
    lessor_id: int,
    wanted: int,
    now: datetime,
    report: Callable[[str], None],
    *,
    turn: int = 0,
) -> int:
    """Fill ``ping`` up to ``wanted`` rows, spread evenly over thirty days; return the number of rows.

    Every device reports all day. Each day is filled as a whole and vacuumed, like a past day. All writes are
    flushed, so that they do not disturb a later measurement.

    Args:
        owner_url: The database, as the owner.
        now: The end of the thirty days.
        turn: Number of earlier fills; it shifts all times by microseconds.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        row = connection.execute("SELECT count(*) FROM ping").fetchone()
        stored = int(row[0]) if row else 0
        filling = _Filling(connection, fleet, lessor_id)
        for day, plan in enumerate(_days(max(wanted - stored, 0), fleet.devices, turn, now), 1):
            filling.add(plan)
            stored += plan.pings
            report(f"growth: {stored:,} of {wanted:,} pings stored (day {day} of {DAYS}) …")
        _flush(connection)
    return stored


def _days(missing: int, devices: int, turn: int, now: datetime) -> list[PingPlan]:
    """Plan each day's share. Days of different plans may overlap; some microseconds keep their times apart."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    plans = []
    for place in range(DAYS):
        begins = midnight - (DAYS - 1 - place) * _DAY
        ends = min(begins + _DAY, now - _NEWEST)
        pings = missing * (place + 1) // DAYS - missing * place // DAYS
        if pings:
            begins = min(begins, ends - timedelta(hours=1))
            apart_us = turn * _TURN_US + place
            begins_us, ends_us = (round(at.timestamp()) * 1_000_000 + apart_us for at in (begins, ends))
            plans.append(PingPlan(pings=pings, devices=devices, begins_us=begins_us, ends_us=ends_us))
    return plans


class _Filling:
    """One connection that copies plans into ``ping``."""

    def __init__(self, connection: psycopg.Connection, fleet: Fleet, lessor_id: int) -> None:
        self._connection = connection
        self._fleet = fleet
        self._lessor_id = lessor_id
        self._copying = PingCopy(connection)

    def add(self, plan: PingPlan) -> None:
        """Copy a day's pings, then vacuum and analyse its partition."""
        days = {datetime.fromtimestamp(us / 1e6, UTC).date() for us in (plan.begins_us, plan.ends_us - 1)}
        for day in days:
            self._connection.execute("SELECT ping_partition_ensure(%s)", (day,))
        for first in range(0, plan.pings, _CHUNK_ROWS):
            load = self._fleet.load(plan, first, first + _CHUNK_ROWS)
            with self._connection.cursor().copy(self._copying.statement("ping")) as copy:
                copy.write(self._copying.payload(load, self._lessor_id, 1))
        for day in days:
            self._connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(f"ping_{day:%Y%m%d}")))


def _flush(connection: psycopg.Connection) -> None:
    try:
        connection.execute("CHECKPOINT")
    except errors.InsufficientPrivilege:
        return  # a server of another owner runs its own checkpoints
