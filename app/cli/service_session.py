"""Runs one use case in one transaction, as the service itself: access to the database is the authorization."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Role
from app.access.roles import permissions_of
from app.audit.notes import COMMAND_LINE
from app.audit.writer import writing_as
from app.core.clock import SystemClock, in_shanghai
from app.core.context import Context
from app.core.db.database import Database
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.localdb.cluster import database_urls

OPERATOR: Final = Principal(
    0, Role.PLATFORM_ADMINISTRATOR, None, api_key_id=None, permissions=permissions_of(Role.PLATFORM_ADMINISTRATOR)
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
Answer = TypeVar("Answer")


def run_as_service(use: Callable[[AsyncSession, Context], Awaitable[Answer]]) -> Answer:
    """Run a use case in one transaction on the database that the environment names."""
    settings = Settings.from_environment(os.environ, database_url=database_urls(os.environ).app_url)

    async def run() -> Answer:
        context = Context(settings, SystemClock(), Database(settings), Metrics())
        try:
            async with writing_as(context.database, COMMAND_LINE, context.clock) as session:
                return await use(session, context)
        finally:
            await context.database.close()

    return asyncio.run(run())


def moment(at: datetime | None) -> str:
    """Return a time to the minute, Asia/Shanghai; a dash where there is none."""
    return "–" if at is None else in_shanghai(at).strftime("%Y-%m-%d %H:%M")
