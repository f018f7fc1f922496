"""What routers share: the application's context, and parameters with one meaning everywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, cast

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime

from app.core.clock import Clock
from app.core.database import Database
from app.core.metrics import Metrics
from app.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """What one running application consists of; made once by ``app.main.create_app``."""

    settings: Settings
    clock: Clock
    database: Database
    metrics: Metrics


def context(request: Request) -> Context:
    """Return the context of the application that serves this request."""
    return cast("Context", request.app.state.context)


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
