"""The worker's daily tasks for the audit trail: partitions and anchors."""

import asyncio
from datetime import datetime

import structlog
from psycopg import AsyncConnection

from app.audit import timestamps
from app.audit.anchors import write_day
from app.audit.chain import head_of
from app.core.settings import AuditSettings

_log = structlog.get_logger("leasetrace.trail")


async def anchor(connection: AsyncConnection, settings: AuditSettings, now: datetime) -> None:
    """Store the head once a day (UTC) in ``anchor_dir`` and with the authority ``tsa_url``, where configured.

    The connection is in autocommit, with the service role. Raises ``OSError`` if the folder cannot be written, and
    ``Unavailable`` if the authority returned no time stamp.
    """
    if settings.anchor_dir is None and settings.tsa_url is None:
        return
    head = await head_of(connection)
    if settings.anchor_dir is not None:
        written = await asyncio.to_thread(write_day, settings.anchor_dir, head, now)
        if written is not None:
            _log.info("trail_anchored", trail_no=head.trail_no, file=written.name)
    if settings.tsa_url is not None and head.trail_no:
        last = await timestamps.last_kept_at(connection)
        if last is None or last.astimezone(now.tzinfo).date() < now.date():
            made = await timestamps.stamp(head, settings.tsa_url)
            await timestamps.keep(connection, made, settings.tsa_url, now)
            _log.info("trail_stamped", trail_no=head.trail_no)
