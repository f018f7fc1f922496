"""Dependencies and parameter types that all routers share."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from app.core.context import Context
from app.core.web.client_address import Clients, IpAddress, limit_key


@dataclass(frozen=True, kw_only=True)
class CoreServices:
    """This room's part of ``application.state.services``.

    A room that keeps objects for the lifetime of the application extends this class with a frozen dataclass;
    ``app.api.services.Services`` inherits all of them.
    """

    context: Context
    clients: Clients


RoomServices = TypeVar("RoomServices", bound=CoreServices)


def services_of(application: Starlette, part: type[RoomServices]) -> RoomServices:
    """Return an application's services as the part that one room declares; raises ``TypeError`` without it."""
    services = application.state.services
    if not isinstance(services, part):
        msg = f"the application's services lack {part.__name__}"
        raise TypeError(msg)
    return services


def context(request: Request) -> Context:
    """Return the context of the application that serves this request."""
    return services_of(request.app, CoreServices).context


def client_address(connection: HTTPConnection) -> IpAddress | None:
    """Return the client's address: for rate limits and the log, never for trust."""
    return services_of(connection.app, CoreServices).clients.address(connection.scope)


def client_key(connection: HTTPConnection) -> str:
    """Return the rate limit key of a request's client; see ``limit_key``."""
    return limit_key(client_address(connection))


InContext = Annotated[Context, Depends(context)]


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        msg = "expected a time that is within the years 1 to 9999 in UTC too"
        raise ValueError(msg) from error


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A time with an offset in requests, converted to UTC."""

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Lower limit of times in requests: earlier positions do not exist."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Upper limit of times in requests; omit an end for "no end"."""


def _settable(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        msg = "expected a time from 1990-01-01 to 2100-01-01 UTC"
        raise ValueError(msg)
    return value


BoundedMoment = Annotated[Moment, AfterValidator(_settable)]
"""A moment from 1990 to 2100, so that arithmetic with it cannot overflow."""

Longitude = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS-84.")]
Latitude = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS-84.")]
