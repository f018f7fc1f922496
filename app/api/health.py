"""Whether the service lives, whether it is ready, and what it counts: for whoever runs it."""

from typing import Annotated, Literal

import psycopg
from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import ProgrammingError

from app.core.database import SERVICE
from app.core.errors import Unavailable
from app.core.http import InContext
from app.core.readiness import Check, check_database
from app.jurisdictions.service import boundaries_loaded

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"]


class Readiness(BaseModel):
    """What must hold before requests are sent here, each with what it found."""

    ready: bool
    checks: list[Check]


@router.get("/livez", summary="Does the process answer?")
async def livez() -> Live:
    """Answer without touching the database."""
    return Live(status="live")


async def _checks(context: InContext) -> list[Check]:
    try:
        async with context.database.reading(SERVICE) as session:
            return [*await check_database(session), await boundaries_loaded(session)]
    except Unavailable:
        raise
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        return [Check(name="role", ok=False, detail="may not look; see `leasetrace database-roles`")]
    except OSError as error:
        raise Unavailable("The database does not answer.") from error


@router.get("/readyz", summary="May requests be sent here?", responses={503: {"model": Readiness}})
async def readyz(checks: Annotated[list[Check], Depends(_checks)], response: Response) -> Readiness:
    """Check the database, its migrations, the application's role and the boundaries."""
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, checks=checks)


@router.get("/metrics", summary="What the service counts about itself, for Prometheus", response_class=Response)
async def metrics(context: InContext) -> Response:
    """Return the counters in Prometheus' text format."""
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
