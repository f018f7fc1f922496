"""What the application keeps for this room while it runs."""

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
    """This room's part of ``application.state.services``.

    Attributes:
        oidc: None where the settings name no OpenID provider.
    """

    credential_cache: CredentialCache
    auth_throttle: AuthThrottle
    trail: TrailWriter
    sign_in: SignInService
    oidc: OidcProvider | None


def identity_services(connection: HTTPConnection) -> IdentityServices:
    """Return the services of this room, from the application that serves a request."""
    return services_of(connection.app, IdentityServices)
