"""Shares that ended go after their term with a record; what is kept says so, and the command line shows it all."""

import io
from datetime import timedelta

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.compliance import print_retention
from app.core.clock import FixedClock
from app.core.settings import Settings
from tests.api import Principals
from tests.factories.cases import CaseAssets, assign, share
from tests.factories.constants import NOW
from tests.factories.jobs import JobRunner


async def test_shares_go_a_year_after_they_expired(
    case_assets: CaseAssets,
    principals: Principals,
    session: AsyncSession,
    settings: Settings,
    clock: FixedClock,
    run_job: JobRunner,
) -> None:
    dispatcher = await principals.dispatcher()
    assignment_id = await assign(case_assets, dispatcher)
    for hours in (24, 48, 72):
        at = (NOW + timedelta(hours=hours)).isoformat()
        assert (await share(dispatcher.client, assignment_id, expires_at=at)).status_code == 201
    clock.set(NOW + timedelta(days=365 + 2, minutes=-1))
    await run_job("retention")
    left = await session.scalar(text("SELECT count(*) FROM share"))
    assert left == 2
    rows = await session.execute(text("SELECT class, day::text, rows, held_rows FROM retention_log ORDER BY 2"))
    assert rows.all() == [("share", "2026-11-24", 1, 0)]
    out = io.StringIO()
    await print_retention(settings, Console(file=out, width=200))
    told = {line.split()[1]: line for line in out.getvalue().splitlines() if line.startswith("│")}
    assert "2027-11-25 11:59" in told["share"], "Asia/Shanghai"
    assert "365 days from their expiry" in told["share"]
    assert "1095 days from the later of fix and arrival, longer under a legal hold" in told["ping"]
    assert "never" in told["ping"]
    assert "kept: three years at least" in told["grant"]
    assert "append-only" in told["trail"]
    assert "90 days from their end" in told["session"]
