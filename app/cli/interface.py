"""``leasetrace openapi``: prints the OpenAPI document. Needs no database."""

from pydantic import SecretStr

from app.api.openapi import to_text
from app.core.settings import Settings
from app.main import create_app

_NEVER_CONNECTED = SecretStr("postgresql://127.0.0.1:1/none")


def openapi_text() -> str:
    """Return the OpenAPI document as it is committed: JSON, indented, keys sorted."""
    return to_text(create_app(Settings(database_url=_NEVER_CONNECTED, log_level="ERROR")).openapi())


def print_openapi() -> None:
    """Print the OpenAPI document of the service (`make openapi` writes it to openapi.json)."""
    print(openapi_text(), end="")
