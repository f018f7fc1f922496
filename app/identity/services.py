"""Objects of this room that live as long as the application."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from app.audit.writer import TrailWriter
from app.core.web.parameters import CoreServices, services_of
from app.identity.auth_throttle import AuthThrottle
from app.identity.keys.credential_cache import CredentialCache
from app.identity.oidc.client import OidcProvider
from app.identity.sessions.sign_in import SignInService


@dataclass(frozen=True, kw_only=True)
class IdentityServices(CoreServices):
    """This room's part of ``application.state.services``; ``oidc`` is None without an OpenID provider."""

    credential_cache: CredentialCache
    auth_throttle: AuthThrottle
    trail: TrailWriter
    sign_in: SignInService
    oidc: OidcProvider | None


def identity_services(connection: HTTPConnection) -> IdentityServices:
    """Return this room's services from the application that serves a request."""
    return services_of(connection.app, IdentityServices)
