"""``leasetrace openapi``: prints the OpenAPI document. Needs no database."""

from typing import Final

from pydantic import SecretStr

from app.api.openapi import to_text
from app.core.settings import DatabaseSettings, LogSettings, Settings
from app.main import create_app

_SETTINGS: Final = Settings(
    database=DatabaseSettings(url=SecretStr("postgresql://127.0.0.1:1/none")), log=LogSettings(level="ERROR")
)
"""Never connects to the database; the environment has no influence on the document."""


def openapi_text() -> str:
    """Return the OpenAPI document as it is committed: JSON, indented, keys sorted."""
    return to_text(create_app(_SETTINGS).openapi())


def print_openapi() -> None:
    """Print the OpenAPI document of the service (`make openapi` writes it to openapi.json)."""
    print(openapi_text(), end="")
