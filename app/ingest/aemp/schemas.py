"""Request and response models of polled sources; a secret is never returned."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from app.core.web.outbound import MAX_URL
from app.core.web.schema_types import Id, RequestModel, ResponseModel, Text
from app.ingest.aemp.domain import DEFAULT_INTERVAL, LEAST_INTERVAL, AempAuth


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        msg = "expected printable ASCII characters only"
        raise ValueError(msg)
    return secret


Address = Annotated[
    str, Field(min_length=1, max_length=MAX_URL, examples=["https://services.maker.example/iso15143"])
]
Secret = Annotated[
    SecretStr,
    Field(min_length=1, max_length=4096, json_schema_extra={"pattern": r"^[\x20-\x7e]+$"}),
    AfterValidator(_sendable),
]
"""A client secret or a bearer token (RFC 6749, appendix A: printable ASCII)."""

Interval = Annotated[timedelta, Field(ge=LEAST_INTERVAL, le=timedelta(days=1), examples=["PT15M"])]


class AempSourceIn(RequestModel):
    """A maker's interface (AEMP 2.0, ISO 15143-3) to be polled."""

    name: Text
    feed_id: Id
    """The lessor's feed of its positions; it must declare a datum."""
    base_url: Address
    """Pages are at `{base_url}/Fleet/{page}`, or at `{base_url}/{page}` where it ends in `/fleet` (in any case)."""
    auth: AempAuth
    client_id: Text | None = None
    """For `oauth2`."""
    token_url: Address | None = None
    """For `oauth2`: the token endpoint of the grant "client credentials"."""
    scope: Text | None = None
    """For `oauth2`, where the maker requires one."""
    secret: Secret
    """The client secret for `oauth2`, the token itself for `bearer`; it is stored encrypted and never shown again."""
    min_interval: Interval = DEFAULT_INTERVAL
    """The least time that the maker allows between two polls."""


class AempSourceChangeIn(RequestModel):
    """The members of a polled source that may change; members left out stay."""

    enabled: bool | None = None
    secret: Secret | None = None
    """A new client secret or token."""
    min_interval: Interval | None = None


class AempSourceOut(ResponseModel):
    """A polled source and the result of its last poll."""

    source_id: int
    lessor_id: int
    feed_id: int
    name: str
    base_url: str
    auth: AempAuth
    client_id: str | None
    token_url: str | None
    scope: str | None
    min_interval: timedelta
    enabled: bool
    next_poll_at: datetime
    last_polled_at: datetime | None
    last_ok_at: datetime | None
    last_error: str | None
    """A status and a short reason; null after a good poll."""
    consecutive_failures: int
    last_machines: int | None
    """Machines on the pages of the last good poll."""
    last_new: int | None
    """Locations that were new then."""
    last_rejected: int | None
    """Machines whose location could not be read then, or whose device is not registered."""
    last_unlocated: int | None
    """Machines that have never reported a location."""
    created_at: datetime
