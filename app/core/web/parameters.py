"""What routers share: the application's context, and parameters with one meaning everywhere."""

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

    Each room that keeps an object for as long as the application runs extends this class with a frozen dataclass.
    ``app.api.services.Services`` inherits all of them.
    """

    context: Context
    clients: Clients


RoomServices = TypeVar("RoomServices", bound=CoreServices)


def services_of(application: Starlette, part: type[RoomServices]) -> RoomServices:
    """Return the services of an application as the part that one room declares.

    Raises:
        TypeError: The application was not made by ``app.main.create_app``.
    """
    services = application.state.services
    if not isinstance(services, part):
        msg = f"the application's services lack {part.__name__}"
        raise TypeError(msg)
    return services


def context(request: Request) -> Context:
    """Return the context of the application that serves this request."""
    return services_of(request.app, CoreServices).context


def client_address(connection: HTTPConnection) -> IpAddress | None:
    """Return the address of the client that made a request: for limits and for the log, never for trust."""
    return services_of(connection.app, CoreServices).clients.address(connection.scope)


def client_key(connection: HTTPConnection) -> str:
    """Return the key by which limits count a request's client; see ``limit_key``."""
    return limit_key(client_address(connection))


InContext = Annotated[Context, Depends(context)]
"""The application's context, as a parameter of a route."""


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        msg = "expected a time that is within the years 1 to 9999 in UTC too"
        raise ValueError(msg) from error


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A time with an offset on the wire, UTC inside."""

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Nothing that is kept or asked for here happened before: no tracker was on any asset."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""What people set ends by then; who means "for ever" leaves an end out."""


def _settable(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        msg = "expected a time from 1990-01-01 to 2100-01-01 UTC"
        raise ValueError(msg)
    return value


SetMoment = Annotated[Moment, AfterValidator(_settable)]
"""A moment that people set, from 1990 until 2100: far enough from the ends of the calendar to reckon with."""

Longitude = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS-84.")]
Latitude = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS-84.")]
