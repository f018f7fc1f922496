"""Use cases of shares: a run sheet opened by link and PIN, for a named recipient, for a limited time.

This module does not decide what is shown: that is read with the sharer's visibility at the time of opening. The
link's token is random, so its SHA-256 is enough. A PIN can be guessed, so its hash is slow, attempts are counted
before they are checked, and ten wrong ones lock the share.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Permission, Principal, PrincipalKind
from app.audit.notes import Author, Entry, Note, author_of, note
from app.audit.writer import append
from app.core.clock import Clock, in_shanghai
from app.core.db.database import SERVICE, Database, as_service
from app.core.errors import InvalidInput, NotFound, TooManyRequests
from app.dispatch.shares import queries as share_queries
from app.dispatch.shares.domain import PAGE_PATH, ShareState
from app.dispatch.shares.queries import SHARES, delete_shares
from app.dispatch.shares.schemas import NewShareOut, ShareOut
from app.identity import attempts
from app.identity.keys.credentials import principal_in_force
from app.identity.sessions.service import token_digest

__all__ = [
    "OpenShare",
    "create_share",
    "delete_shares",
    "find_open",
    "list_shares",
    "revoke_share",
    "try_pin",
    "write_opening",
]

MAX_LIFETIME: Final = timedelta(hours=72)
DEFAULT_LIFETIME: Final = timedelta(hours=24)
PIN_DIGITS: Final = 6
_TOKEN_BYTES: Final = 32
_NOT_FOUND: Final = "There is no such share."
_hasher: Final = PasswordHasher()
RECIPIENT: Final = Author(0, "recipient")
"""The author in the audit trail for a person with the link and without an account."""


@dataclass(frozen=True, slots=True)
class OpenShare:
    """A share that may be opened now, and its maker with the maker's current permissions."""

    share: ShareOut
    maker: Principal


async def create_share(
    session: AsyncSession,
    principal: Principal,
    assignment_id: int,
    case_id: int,
    ends_at: datetime,
    *,
    recipient: str,
    expires_at: datetime | None,
    now: datetime,
) -> NewShareOut:
    """Share the run sheet of an assignment; the caller has checked that the principal may share it.

    ``ends_at`` is the assignment's end. ``expires_at`` is by default a day from now, or that end if it is earlier.

    Raises:
        InvalidInput: It would end in the past, after the assignment, or more than 72 hours from now.
    """
    until = min(now + DEFAULT_LIFETIME, ends_at) if expires_at is None else expires_at
    latest = min(now + MAX_LIFETIME, ends_at)
    if not now < until <= latest:
        latest_at = in_shanghai(latest).isoformat(timespec="seconds")
        raise InvalidInput(f"expires_at: expected a moment in the future, at most {latest_at}", field="expires_at")
    token, pin = secrets.token_urlsafe(_TOKEN_BYTES), f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
    share_id = await share_queries.add_share(
        session,
        {
            "assignment_id": assignment_id,
            "case_id": case_id,
            "recipient": recipient,
            "token_sha256": token_digest(token),
            "pin_argon2": await asyncio.to_thread(_hasher.hash, pin),
            "created_by": principal.principal_id,
            "api_key_id": principal.api_key_id,
            "created_at": now,
            "expires_at": until,
            "wrong_pins": 0,
            "opened": 0,
        },
    )
    share = await visible_share(session, share_id, now)
    note(session, Note("share.create", case_id, detail=f"share {share_id} for {recipient} until {until.isoformat()}"))
    return NewShareOut(**dict(share), path=PAGE_PATH.format(token=token), pin=pin)


async def visible_share(session: AsyncSession, share_id: int, now: datetime) -> ShareOut:
    """Return a share, or raise ``NotFound`` where it is not visible."""
    found = await share_queries.share_by_id(session, share_id, now)
    if found is None:
        raise NotFound(_NOT_FOUND)
    return found


async def list_shares(
    session: AsyncSession, principal: Principal, assignment_id: int, now: datetime, *, after: int, limit: int
) -> list[ShareOut]:
    """Return up to ``limit + 1`` shares of an assignment after a key; a dispatcher sees its own."""
    own = None if principal.kind is PrincipalKind.COURT else principal.principal_id
    return await share_queries.shares_of(session, assignment_id, now, created_by=own, after=after, limit=limit)


async def revoke_share(session: AsyncSession, principal: Principal, share_id: int, now: datetime) -> None:
    """Revoke a share, or raise ``NotFound``: the next opening is refused. Repeating it has no effect."""
    share = await visible_share(session, share_id, now)
    if await share_queries.revoke(session, share_id, principal.principal_id, now):
        note(session, Note("share.revoke", share.case_id, detail=f"share {share_id} for {share.recipient}"))


async def find_open(database: Database, token: str, now: datetime) -> OpenShare | None:
    """Return the share of a link if it may be opened; None does not say why not.

    It is open only while its maker's account is in force and may share and read positions.
    """
    async with database.reading(SERVICE) as session:
        found = await share_queries.share_by_token(session, token_digest(token), now)
        if found is None or found[0].state is not ShareState.OPEN:
            return None
        share, api_key_id = found
        maker = await principal_in_force(session, share.created_by, api_key_id, now)
    if maker is None or not (maker.may(Permission.SHARES_WRITE) and maker.may(Permission.POSITIONS_READ)):
        return None
    return OpenShare(share, maker)


async def try_pin(database: Database, opened: OpenShare, pin: str, clock: Clock, request_id: str) -> bool:
    """Check a PIN; the attempt counts even when the request fails later, and the audit trail records a wrong PIN.

    Raises:
        TooManyRequests: Not checked, as another attempt was made a moment ago.
        NotFound: The share is no longer open.
    """
    share_id, now = opened.share.share_id, clock.now()
    async with database.writing(SERVICE) as session:
        attempt = await attempts.count(session, SHARES, share_id, now, share_queries.is_open(now))
        expected = await share_queries.pin_hash(session, share_id) if attempt.counted else ""
    if not attempt.counted:
        if not attempt.wait_s(now):
            raise NotFound(_NOT_FOUND)
        raise TooManyRequests("Wait before the next attempt.", retry_after_s=attempt.wait_s(now))
    correct = await asyncio.to_thread(_matches, expected, pin)
    async with database.writing(SERVICE) as session:
        if correct:
            await attempts.revert(session, SHARES, share_id, attempt)
        else:
            wrong = Note(
                "share.wrong_pin", opened.share.case_id, detail=f"share {share_id} for {opened.share.recipient}"
            )
            await append(session, [Entry(wrong, RECIPIENT, now, request_id)])
    return correct


async def write_opening(
    session: AsyncSession, opened: OpenShare, opening: Note, clock: Clock, request_id: str
) -> None:
    """Count an opening and append it to the audit trail: the last statement before the commit.

    ``session`` is the transaction that read the content. The author of ``opening`` is the sharer; its detail names
    the recipient.
    """
    now = clock.now()
    async with as_service(session):
        await share_queries.count_opening(session, opened.share.share_id, now)
    await append(session, [Entry(opening, author_of(opened.maker), now, request_id)])


def _matches(expected: str, pin: str) -> bool:
    try:
        return _hasher.verify(expected, pin)
    except VerificationError:
        return False
