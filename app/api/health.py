"""Liveness, readiness and metrics, for the operators of the service."""

from typing import Annotated, Literal

import psycopg
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import ProgrammingError

from app.access.domain import Permission
from app.core.db.database import SERVICE
from app.core.db.readiness import Check, check_database
from app.core.errors import NotAuthenticated, NotFound, Unavailable
from app.core.web.parameters import CoreServices, InContext, services_of
from app.core.web.schema_types import ResponseModel
from app.identity.dependencies import bearer, bearer_key, key_holder
from app.jurisdictions.service import boundaries_loaded

router = APIRouter(tags=["health"])


class LiveOut(ResponseModel):
    """The process answers."""

    status: Literal["live"]


class CheckOut(ResponseModel):
    """One readiness check; only operators see its detail."""

    name: str
    ok: bool
    detail: str | None


class ReadinessOut(ResponseModel):
    """Readiness of the service; callers who are not operators see failed checks only."""

    ready: bool
    checks: list[CheckOut]


async def is_operator(request: Request, context: InContext) -> bool:
    """Return whether a request comes from the watch networks or has a key with the permission ``service:read``."""
    clients = services_of(request.app, CoreServices).clients
    if clients.comes_from(request.scope, context.settings.http.watch_networks):
        return True
    key = bearer_key(request)
    if key is None:
        return False
    try:
        principal = await key_holder(request, key)
    except NotAuthenticated:
        return False
    request.state.principal = principal
    return principal.may(Permission.SERVICE_READ)


IsOperator = Annotated[bool, Depends(is_operator)]


@router.get("/livez", summary="Does the process answer?")
async def livez() -> LiveOut:
    """Answer without using the database."""
    return LiveOut(status="live")


async def _checks(context: InContext) -> list[Check]:
    try:
        async with context.database.reading(SERVICE) as session:
            return [*await check_database(session), await boundaries_loaded(session)]
    except Unavailable:
        raise
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        return [Check(name="role", ok=False, detail="permission denied; see `leasetrace database-roles`")]
    except OSError as error:
        raise Unavailable("The database does not answer.") from error


@router.get("/readyz", summary="May requests be sent here?", responses={503: {"model": ReadinessOut}})
async def readyz(
    checks: Annotated[list[Check], Depends(_checks)], response: Response, operator: IsOperator
) -> ReadinessOut:
    """Check the database, its migrations, the application's role and the boundaries.

    Callers who are not operators see the names of failed checks, without details.
    """
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    shown = [
        CheckOut(name=check.name, ok=check.ok, detail=check.detail if operator else None)
        for check in checks
        if operator or not check.ok
    ]
    return ReadinessOut(ready=ready, checks=shown)


@router.get(
    "/metrics",
    summary="What the service counts about itself, for Prometheus",
    response_class=Response,
    dependencies=[Depends(bearer)],
)
async def metrics(context: InContext, operator: IsOperator) -> Response:
    """Return the counters in Prometheus' text format. Outside the watch networks a key is needed.

    Raises:
        NotFound: The caller is not an operator.
    """
    if not operator:
        raise NotFound("Not found.")
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
