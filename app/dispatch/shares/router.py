"""HTTP routes of shares, and the page that a recipient opens without an account."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.access.domain import Permission, Principal
from app.assets.domain import half_width
from app.core.errors import NotFound, TooManyRequests
from app.core.web.paging import After, Limit, Page, decode_token, page_of
from app.core.web.parameters import InContext
from app.core.web.schema_types import Key
from app.core.web.templates import HTML
from app.dispatch.run_sheets import service as run_sheets
from app.dispatch.run_sheets.page import HEADERS, not_found_page, pin_page, sheet_page
from app.dispatch.shares import service as shares
from app.dispatch.shares.domain import PAGE_PATH
from app.dispatch.shares.schemas import NewShareOut, ShareIn, ShareOut
from app.exports.headers import repr_digest
from app.identity.dependencies import ReadSession, RequirePermission, WriteSession
from app.jurisdictions.service import locators_of

router = APIRouter(tags=["shares"])

MayWriteShares = Annotated[Principal, Depends(RequirePermission(Permission.SHARES_WRITE))]
page_router = APIRouter(include_in_schema=False)
"""HTML pages for recipients, not part of the API document."""

NO_HEADERS: Final[Mapping[str, str]] = {}
_WRONG: Final = "PIN 码不正确 This is not the PIN"
_WAIT: Final = "请 {s} 秒后再试 Try again in {s} s"


@router.post("/assignments/{assignment_id}/shares", status_code=201, summary="Share a run sheet by link and PIN")
async def create_share(
    assignment_id: Key, body: ShareIn, principal: MayWriteShares, session: WriteSession, context: InContext
) -> NewShareOut:
    """Let a recipient without an account open the run sheet of an assignment on a phone, for three days at most.

    For an officer of the court that handles the case, and the dispatcher of the assignment. The recipient sees what
    the sharer may see at the time of opening: nothing once the case is closed or the assignment over. The audit trail
    records each opening with the recipient's name. Ten wrong PINs lock the share.
    """
    return await run_sheets.share(
        session, principal, assignment_id, body.recipient, body.expires_at, context.clock.now()
    )


@router.get("/assignments/{assignment_id}/shares", summary="List the shares of an assignment")
async def list_shares(
    assignment_id: Key,
    principal: MayWriteShares,
    session: ReadSession,
    context: InContext,
    limit: Limit = 100,
    after: After = None,
) -> Page[ShareOut]:
    """The court sees all of them, a dispatcher its own; link and PIN are never shown again."""
    found = await run_sheets.list_shares(
        session, principal, assignment_id, context.clock.now(), after=decode_token(after), limit=limit
    )
    return page_of(found, limit, lambda s: s.share_id)


@router.delete("/shares/{share_id}", status_code=204, summary="Revoke a share")
async def revoke_share(share_id: Key, principal: MayWriteShares, session: WriteSession, context: InContext) -> None:
    """The next opening is refused; a page that is already open stays on the screen. Repeating it has no effect."""
    await shares.revoke_share(session, principal, share_id, context.clock.now())


def _page(body: bytes, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    return Response(body, status, {**HEADERS, **headers}, HTML)


@page_router.get(PAGE_PATH)
async def get_shared_sheet(token: str, context: InContext) -> Response:
    """Show the PIN form; an unknown, expired, revoked or locked link gets one and the same page."""
    found = await run_sheets.shared_sheet(context, token)
    return _page(not_found_page(), HTTPStatus.NOT_FOUND) if found is None else _page(pin_page())


@page_router.post(PAGE_PATH)
async def open_shared_sheet(request: Request, token: str, context: InContext) -> Response:
    """Show the sheet after the correct PIN."""
    pin = _pin_of(await request.body())
    found = await run_sheets.shared_sheet(context, token)
    if found is None:
        return _page(not_found_page(), HTTPStatus.NOT_FOUND)
    layer = await locators_of(request).current()
    try:
        if not await shares.try_pin(context.database, found, pin, context.clock, request.state.request_id):
            return _page(pin_page(_WRONG), HTTPStatus.FORBIDDEN)
    except TooManyRequests as error:
        message = _WAIT.format(s=error.retry_after_s)
        return _page(pin_page(message), HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(error.retry_after_s)})
    except NotFound:
        return _page(not_found_page(), HTTPStatus.NOT_FOUND)
    sheet = await run_sheets.open_sheet(context, found, layer, request.state.request_id)
    if sheet is None:
        return _page(not_found_page(), HTTPStatus.NOT_FOUND)
    body = sheet_page(sheet)
    return _page(body, headers=repr_digest(body))


def _pin_of(body: bytes) -> str:
    """Return the PIN of a form in ASCII digits; any other input compares as wrong."""
    fields = parse_qs(body[:1_000].decode("ascii", "replace"), encoding="utf-8", errors="replace")
    return "".join(half_width(fields.get("pin", [""])[0]).split())[:64]
