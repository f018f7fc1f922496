"""Use cases of run sheets: share one, and open a shared one with the sharer's current visibility."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Principal, Visibility
from app.access.row_security import row_security_of
from app.assets.service import makes_and_models
from app.audit.notes import Note
from app.core.context import Context
from app.core.errors import Conflict, NotFound
from app.dispatch.run_sheets.content import RunSheet, compose
from app.dispatch.shares import service as shares
from app.dispatch.shares.schemas import NewShareOut, ShareOut
from app.dispatch.shares.service import OpenShare
from app.distribution.snapshot.service import snapshot_of
from app.enforcement.delegation.assignments import assignment_in_force, visible_assignment
from app.exports.service import stamp_of
from app.jurisdictions.service import ActiveLayer

_ENDED: Final = NotFound, Conflict
"""Raised for the sharer when the assignment, its case or the sharer's visibility has ended."""


async def share(
    session: AsyncSession,
    principal: Principal,
    assignment_id: int,
    recipient: str,
    expires_at: datetime | None,
    now: datetime,
) -> NewShareOut:
    """Share the run sheet of an assignment with a recipient who has no account.

    Args:
        principal: An officer of the court that handles the case, or the dispatcher of the assignment.
        recipient: Name of the person who opens it.
        expires_at: Default: after a day, or with the assignment if that ends earlier.

    Raises:
        NotFound: No such assignment is visible.
        Conflict: It is not in force, or its case is closed.
        InvalidInput: ``expires_at`` is too late or in the past.
    """
    assignment, _ = await assignment_in_force(session, Visibility(principal), assignment_id, now)
    return await shares.create_share(
        session,
        principal,
        assignment_id,
        assignment.case_id,
        assignment.ends_at,
        recipient=recipient,
        expires_at=expires_at,
        now=now,
    )


async def list_shares(
    session: AsyncSession, principal: Principal, assignment_id: int, now: datetime, *, after: int, limit: int
) -> list[ShareOut]:
    """Return the shares of an assignment, or raise ``NotFound``; a dispatcher sees its own."""
    await visible_assignment(session, Visibility(principal), assignment_id, now)
    return await shares.list_shares(session, principal, assignment_id, now, after=after, limit=limit)


async def shared_sheet(context: Context, token: str) -> OpenShare | None:
    """Return the share of a link while it, its maker and the assignment are in force; None does not say why."""
    now = context.clock.now()
    found = await shares.find_open(context.database, token, now)
    if found is None:
        return None
    visibility = Visibility(found.maker, case_id=found.share.case_id)
    try:
        async with context.database.reading(row_security_of(found.maker, now, found.share.case_id)) as session:
            await assignment_in_force(session, visibility, found.share.assignment_id, now)
    except _ENDED:
        return None
    return found


async def open_sheet(context: Context, found: OpenShare, layer: ActiveLayer, request_id: str) -> RunSheet | None:
    """Read the sheet of a share after a correct PIN, and record the opening; None where it has just ended."""
    now, share_, maker = context.clock.now(), found.share, found.maker
    visibility = Visibility(maker, case_id=share_.case_id)
    try:
        async with context.database.writing(row_security_of(maker, now, share_.case_id)) as session:
            assignment, _ = await assignment_in_force(session, visibility, share_.assignment_id, now)
            snapshot = await snapshot_of(session, visibility, share_.case_id, context, layer)
            sheet = compose(
                snapshot,
                await makes_and_models(session, [asset.asset_id for asset in snapshot.assets]),
                layer.inside,
                stamp := await stamp_of(session, maker, context.clock),
                recipient=share_.recipient,
                window=(assignment.starts_at, assignment.ends_at),
            )
            detail = f"share {share_.share_id} for {share_.recipient}: {sheet.digest} export:{stamp.export_id}"
            opening = Note("share.open", share_.case_id, sheet.asset_ids, results=len(sheet.entries), detail=detail)
            await shares.write_opening(session, found, opening, context.clock, request_id)
            return sheet
    except _ENDED:
        return None
