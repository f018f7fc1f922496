"""Silent feeds: an alert is raised after too long without a batch, and cleared when batches come again.

The worker calls ``check_silence`` about every minute; each call is idempotent.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.core.context import Context
from app.core.web.paging import Page, page_of
from app.telemetry.feeds import queries
from app.telemetry.feeds.schemas import FeedAlertOut

_log = structlog.get_logger("leasetrace.telemetry")


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """An alert that was raised (``silent``) or cleared just now; ``last_batch_at`` is UTC."""

    alert_id: int
    feed_id: int
    lessor_id: int
    last_batch_at: datetime
    silent: bool


async def check_silence(session: AsyncSession, now: datetime, context: Context) -> list[SilenceChange]:
    """Raise alerts for feeds that fell silent and clear those of feeds that send again; three statements.

    A feed that has never sent is not silent. Two processes may call it at once. Sets the gauge ``feeds_silent``. The
    caller commits. Returns the changes, cleared alerts first.
    """
    usual = context.settings.feeds.silent_after
    changes = [SilenceChange(*row, silent=False) for row in await queries.clear_silence(session, now, usual)]
    changes += [SilenceChange(*row, silent=True) for row in await queries.raise_silence(session, now, usual)]
    for change in changes:
        log, event = (_log.warning, "feed_silent") if change.silent else (_log.info, "feed_heard_again")
        log(
            event,
            feed_id=change.feed_id,
            lessor_id=change.lessor_id,
            alert_id=change.alert_id,
            last_batch_at=change.last_batch_at.isoformat(),
        )
    context.metrics.feeds_silent.set(await queries.open_alerts(session))
    return changes


async def list_alerts(
    session: AsyncSession, visibility: Visibility, after: int, limit: int, *, cleared_too: bool
) -> Page[FeedAlertOut]:
    """Return a page of the alerts of the visible feeds, in the order in which they were raised."""
    rows = await queries.alerts_after(session, visibility.lessor_id, after, limit + 1, cleared_too=cleared_too)
    return page_of([FeedAlertOut.model_validate(row) for row in rows], limit, lambda alert: alert.alert_id)
