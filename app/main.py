"""The application factory: ``create_app(settings, clock)``; nothing is made or read at import."""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

import app as package
from app.api import docs, fast_lane, openapi, problems
from app.api.request_log import RequestRecorder
from app.api.router import router
from app.api.services import Services
from app.audit.writer import TrailWriter
from app.core.clock import Clock, SystemClock
from app.core.context import Context
from app.core.db.database import Database
from app.core.logging import configure_logging
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.core.web.client_address import Clients
from app.identity.auth_throttle import AuthThrottle
from app.identity.keys.credential_cache import CredentialCache
from app.identity.oidc.client import OidcProvider
from app.identity.oidc.domain import registration_of
from app.identity.people.passwords import Passwords
from app.identity.sessions.sign_in import SignInService
from app.ingest.service import Ingest
from app.jurisdictions.service import LocatorProvider

DESCRIPTION = """
Takes in GNSS positions of leased vehicles and equipment and answers for courts: where the seizable assets of a case
are, in which courts' territories, in which yards together, how old and how certain that is.

Longitude comes first, degrees are WGS-84, times carry an offset. Errors are problem documents (RFC 9457).
A court with a territory is a candidate with its basis; no answer is a ruling.
"""

API_VERSION: Final = "1"
"""Version of the interface, as in the paths. The software's version is not disclosed."""


def load_tables() -> None:
    """Import every room's ``tables``, so that the metadata is complete (for migrations and checks)."""
    for room in pkgutil.iter_modules(package.__path__):
        if importlib.util.find_spec(f"app.{room.name}.tables") if room.ispkg else None:
            importlib.import_module(f"app.{room.name}.tables")


Companion = Callable[[Context, LocatorProvider, Ingest], AbstractAsyncContextManager[None]]
"""Runs in the process beside the application."""


def create_app(settings: Settings, clock: Clock | None = None, companion: Companion | None = None) -> FastAPI:
    """Make the application.

    Args:
        clock: The machine's when left out.
        companion: Runs beside it, such as the worker.
    """
    configure_logging(settings.log.level)
    context = Context(settings, clock or SystemClock(), Database(settings), Metrics())

    passwords, locators = Passwords(), LocatorProvider(context.database)
    registration = registration_of(settings)
    services = Services(
        context=context,
        clients=Clients(settings.http.trusted_proxies),
        credential_cache=CredentialCache(context),
        auth_throttle=AuthThrottle(settings),
        trail=TrailWriter(context.database),
        sign_in=SignInService(context, passwords),
        oidc=OidcProvider(registration, context.clock) if registration else None,
        locators=locators,
        ingest=Ingest(context, locators),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        beside = companion(context, locators, services.ingest) if companion else nullcontext()
        async with services.trail, services.ingest, services.credential_cache.kept(), beside:
            yield
        passwords.close()
        await context.database.close()

    application = FastAPI(
        title="LeaseTrace",
        version=API_VERSION,
        summary="Where the seizable leased assets of a court case are, and how certain that is.",
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        docs_url=None,  # ``docs`` serves one that loads nothing from elsewhere: a court may have no internet access
        redoc_url=None,
    )
    application.state.services = services
    application.include_router(router)
    docs.install(application)
    fast_lane.install(application, RequestRecorder(context.metrics, settings, services.clients))
    problems.install(application)
    openapi.install(application)
    return application


def _operation_id(route: APIRoute) -> str:
    return route.name
