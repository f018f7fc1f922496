"""Routes of sign-in through an OpenID provider."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app.core.web.parameters import InContext
from app.core.web.templates import templates_of
from app.identity.oidc.client import OidcProvider
from app.identity.oidc.domain import FLOW_LIFE
from app.identity.oidc.errors import OidcNotSetUp
from app.identity.oidc.service import FLOW_COOKIE, MAX_FLOWS, AuthorizationResponse, begin, finish, flow_cookie
from app.identity.schemas import InstitutionOut, SignInOptionsOut
from app.identity.services import identity_services
from app.identity.sessions.cookies import session_token, set_session_cookie
from app.identity.sessions.router import PAUSED

PATH = "/session/oidc"
COOKIE_PATH = f"/v1{PATH}"
router = APIRouter()
_TEMPLATES = templates_of("app.identity.oidc")


def provider_of(request: Request) -> OidcProvider:
    """Return the application's provider. Raises ``OidcNotSetUp`` without one."""
    provider = identity_services(request).oidc
    if provider is None:
        raise OidcNotSetUp
    return provider


@router.get("/session/ways", summary="How can one sign in here?")
async def sign_in_ways(request: Request) -> SignInOptionsOut:
    """Return the available sign-in methods, without authentication."""
    provider = identity_services(request).oidc
    institution = None if provider is None else InstitutionOut(name=provider.registration.name, start=COOKIE_PATH)
    return SignInOptionsOut(password=True, institution=institution)


@router.get(
    PATH,
    summary="Sign in through the institution",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: {"description": "To the institution's provider."}},
)
async def begin_oidc_sign_in(
    request: Request,
    context: InContext,
    return_to: Annotated[
        str, Query(max_length=2000, description="A path of this service, to be at afterwards.", examples=["/"])
    ] = "/",
) -> Response:
    """Redirect to the institution's provider; it must redirect to the callback within ten minutes.

    The sign-in's state is in an encrypted cookie that only the callback receives. A session that the browser still
    has ends when the new one begins.
    """
    provider = provider_of(request)
    begun = await begin(provider, context, return_to, session_token(request))
    answer = RedirectResponse(begun.url, status_code=303)
    earlier = [name for name in request.cookies if name.startswith(FLOW_COOKIE)]
    for name in earlier if len(earlier) >= MAX_FLOWS else ():
        answer.delete_cookie(name, path=COOKIE_PATH)
    answer.set_cookie(
        begun.cookie,
        begun.sealed,
        max_age=int(FLOW_LIFE.total_seconds()),
        path=COOKIE_PATH,
        secure=provider.registration.secure,
        httponly=True,
        samesite="lax",  # browsers withhold a strict cookie after the provider's redirect
    )
    return answer


@router.get(
    f"{PATH}/callback",
    summary="Back from the institution's provider",
    response_class=HTMLResponse,
    responses=PAUSED | {200: {"description": "Signed in; the page goes on by itself."}},
)
async def finish_oidc_sign_in(
    request: Request,
    context: InContext,
    code: Annotated[str | None, Query(max_length=4000)] = None,
    state: Annotated[str | None, Query(max_length=200)] = None,
    iss: Annotated[str | None, Query(max_length=500)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Check the provider's response, open a session and continue to the requested path.

    The request comes from another site, so the browser would withhold the session's ``SameSite=Strict`` cookie after
    a redirect. The response is therefore a page that continues by itself.
    """
    provider = provider_of(request)
    cookie = flow_cookie(state)
    sealed = None if cookie is None else request.cookies.get(cookie)
    answered = AuthorizationResponse(state, code, error, iss, sealed)
    identity_services(request).auth_throttle.count_sign_in(request)
    arrived = await finish(provider, context, answered, request.headers.get("user-agent"))
    request.state.principal = (
        await identity_services(request).credential_cache.signed_in(arrived.opened.token)
    ).principal
    answer = HTMLResponse(_TEMPLATES.get_template("signed_in.html").render(path=arrived.return_to))
    set_session_cookie(answer, request, arrived.opened.token)
    if cookie is not None:
        answer.delete_cookie(cookie, path=COOKIE_PATH)
    return answer
