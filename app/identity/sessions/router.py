"""Routes of sign-in, sign-out, and one's own password and authenticator."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from app.access.domain import Principal, PrincipalKind
from app.audit.notes import Note, author_of, note
from app.audit.writer import writing_as
from app.core.web.parameters import InContext
from app.identity.dependencies import InSession, bearer, bearer_key, cookie, key_holder, signed_in_of
from app.identity.domain import ActiveSession
from app.identity.people.self_service import SelfService
from app.identity.schemas import (
    CredentialsIn,
    PasswordChangeIn,
    RenewedSessionOut,
    SessionOut,
    TotpCodeIn,
    TotpEnrolledOut,
    TotpEnrolmentIn,
    TotpEnrolmentOut,
)
from app.identity.services import identity_services
from app.identity.sessions.cookies import check_same_origin, drop_session_cookie, session_token, set_session_cookie
from app.identity.sessions.service import SessionTokens, csrf_of, end_session
from app.identity.sessions.sign_in import ClientInfo, Credentials

router = APIRouter()
PAUSED: Final[dict[int | str, dict[str, Any]]] = {429: {}}
"""Too many attempts; ``app.api.openapi`` adds the response."""


def self_service_of(request: Request, context: InContext, who: InSession) -> SelfService:
    """Return the account of the signed-in person."""
    return SelfService(context, identity_services(request).sign_in, who)


Own = Annotated[SelfService, Depends(self_service_of)]


@router.post("/session", status_code=201, summary="Sign in", responses=PAUSED)
async def sign_in(request: Request, response: Response, context: InContext, body: CredentialsIn) -> SessionOut:
    """Sign in with login and password, and a code if the account has an authenticator; sets the session cookie.

    401 `totp_required`: the password is right, send the same with `totp`. Complete the steps in `pending` before any
    other request. A session that the browser still had ends.
    """
    check_same_origin(request)
    given = Credentials(body.login, body.password.get_secret_value(), body.totp)
    identity_services(request).auth_throttle.count_sign_in(request)
    client_info = ClientInfo(request.headers.get("user-agent"), session_token(request))
    opened = await identity_services(request).sign_in.open(given, client_info)
    set_session_cookie(response, request, opened.token)
    signed_in = await identity_services(request).credential_cache.signed_in(opened.token)
    request.state.principal = signed_in.principal
    return _session(signed_in, opened.csrf, context)


@router.get("/session", summary="Who is asking")
async def read_session(
    request: Request,
    context: InContext,
    _key: Annotated[object, Depends(bearer)],
    _cookie: Annotated[str | None, Depends(cookie)],
) -> SessionOut:
    """Return the caller of this request, by session or key: role, court or lessor, permissions, and expiry."""
    if (key := bearer_key(request)) is not None:
        request.state.principal = principal = await key_holder(request, key)
        return _of_key(principal)
    signed_in = await signed_in_of(request, None)
    return _session(signed_in, csrf_of(session_token(request) or ""), context)


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(request: Request, response: Response, context: InContext, who: InSession) -> None:
    """End the session; it takes effect at once in every process."""
    async with writing_as(context.database, author_of(who.principal), context.clock) as session:
        await end_session(session, who.session_id, context.clock.now())
        note(session, Note("session.end", detail=f"principal {who.principal.principal_id}"))
    identity_services(request).credential_cache.forget_principal(who.principal.principal_id)
    drop_session_cookie(response, request)


@router.post("/session/password", summary="Change one's password", responses=PAUSED)
async def change_password(
    request: Request, response: Response, who: InSession, account: Own, body: PasswordChangeIn
) -> RenewedSessionOut:
    """Replace the password; every other session ends, and this one gets a new cookie."""
    opened = await account.change_password(body.old_password.get_secret_value(), body.new_password.get_secret_value())
    return _renewed(request, response, who, opened)


@router.post("/session/totp", summary="Begin to enrol an authenticator", responses=PAUSED)
async def begin_totp(account: Own, body: TotpEnrolmentIn) -> TotpEnrolmentOut:
    """Return the secret of a new authenticator, only once; it becomes active after its first code is confirmed."""
    return await account.begin_totp(body.password.get_secret_value() if body.password else None)


@router.post("/session/totp/confirm", summary="Confirm an authenticator")
async def confirm_totp(
    request: Request, response: Response, who: InSession, account: Own, body: TotpCodeIn
) -> TotpEnrolledOut:
    """Activate the authenticator with its first code; returns recovery codes, only once."""
    enrolled = await account.confirm_totp(body.code)
    renewed = _renewed(request, response, who, enrolled.opened)
    return TotpEnrolledOut(csrf_token=renewed.csrf_token, recovery_codes=enrolled.recovery_codes)


def _renewed(request: Request, response: Response, who: ActiveSession, opened: SessionTokens) -> RenewedSessionOut:
    identity_services(request).credential_cache.forget_principal(who.principal.principal_id)
    set_session_cookie(response, request, opened.token)
    return RenewedSessionOut(csrf_token=opened.csrf)


def _session(signed_in: ActiveSession, csrf: str, context: InContext) -> SessionOut:
    principal = signed_in.principal
    return SessionOut(
        principal_id=principal.principal_id,
        name=signed_in.name,
        role=principal.role,
        court_id=principal.subject_id if principal.kind is PrincipalKind.COURT else None,
        lessor_id=principal.subject_id if principal.kind is PrincipalKind.LESSOR else None,
        permissions=[] if signed_in.pending else sorted(principal.permissions),
        method=signed_in.method,
        pending=list(signed_in.pending),
        signed_in_at=signed_in.created_at,
        idle_after_s=round(context.settings.session.idle.total_seconds()),
        expires_at=signed_in.expires_at,
        csrf_token=csrf,
    )


def _of_key(principal: Principal) -> SessionOut:
    return SessionOut(
        principal_id=principal.principal_id,
        name=None,
        role=principal.role,
        court_id=principal.subject_id if principal.kind is PrincipalKind.COURT else None,
        lessor_id=principal.subject_id if principal.kind is PrincipalKind.LESSOR else None,
        permissions=sorted(principal.permissions),
        method=None,
        pending=[],
        signed_in_at=None,
        idle_after_s=None,
        expires_at=None,
        csrf_token=None,
    )
