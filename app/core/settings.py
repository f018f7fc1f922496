"""Settings, read once by whoever starts the service; nothing reads the environment at import."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AliasChoices,
    Field,
    FilePath,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.core.encryption import Encryptor, parse_keys
from app.core.web.client_address import LOOPBACK, IpNetwork, parse_networks
from app.core.web.outbound import check_url


class Settings(BaseSettings):
    """What can be set from outside, each as an environment variable of the same name, ``LEASETRACE_`` before it.

    ``DATABASE_URL`` and ``DATABASE_OWNER_URL`` go without the prefix: ``postgresql://user:password@host:port/name``.
    """

    model_config = SettingsConfigDict(env_prefix="LEASETRACE_", extra="ignore", populate_by_name=True)

    database_url: Annotated[SecretStr, Field(validation_alias=AliasChoices("DATABASE_URL", "database_url"))]
    """Where the application connects, as a role that is neither superuser nor owner."""

    database_owner_url: Annotated[
        SecretStr | None,
        Field(validation_alias=AliasChoices("DATABASE_OWNER_URL", "database_owner_url")),
    ] = None
    """Where migrations and boundary loads connect, as the owner; the running service does not need it."""

    pool_size: PositiveInt = 10
    """Connections for requests that read and write registers and answers."""

    statement_timeout_s: PositiveInt = 30
    """A statement of a request that takes longer is cancelled."""

    max_body_bytes: PositiveInt = 8 * 1024 * 1024
    """A request's body, unpacked, may be this large."""

    body_pause_s: Annotated[float, Field(gt=0)] = 20.0
    """So long a client may pause in the middle of a body, seconds; then 408."""

    body_within_s: Annotated[float, Field(gt=0)] = 120.0
    """A whole body must come within so many seconds; then 408."""

    head_within_s: Annotated[float, Field(gt=0)] = 15.0
    """A request's first line and headers must come within so many seconds; then 408, and the connection is closed."""

    answer_pause_s: Annotated[float, Field(gt=0)] = 60.0
    """A client that takes nothing of its answer for so long is cut off, seconds."""

    max_url_bytes: PositiveInt = 8192
    """Path and query of a request together, bytes; past it 414."""

    max_query_bytes: PositiveInt = 6144
    """The query alone, bytes; past it 414."""

    max_headers: PositiveInt = 100
    """Headers of a request; past it 431."""

    max_head_bytes: PositiveInt = 32 * 1024
    """A request's first line and headers, bytes; past it 431 or 414."""

    max_connections: PositiveInt = 4000
    """Connections to a process; more are answered 503 and closed."""

    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names by which the service may be asked for, comma-separated, without ports; any when left out. ``/livez`` and
    ``/readyz`` are answered by any name."""

    trusted_proxies: Annotated[tuple[IpNetwork, ...], NoDecode] = ()
    """Networks of the proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed, comma-separated."""

    watch_networks: Annotated[tuple[IpNetwork, ...], NoDecode] = LOOPBACK
    """From here ``/metrics`` and the details of ``/readyz`` are shown without a key, comma-separated networks."""

    hsts_s: NonNegativeInt = 365 * 86_400
    """So long browsers shall come by TLS only (Strict-Transport-Security), seconds."""

    failures_per_minute: NonNegativeInt = 120
    """So many refused keys a minute from one address (IPv6: one /64), and so many sessions that never were; past it
    429. 0: no limit."""

    max_batch_rows: Annotated[int, Field(ge=1, le=32_767)] = 10_000
    """A batch of pings may have this many rows."""

    writer_rows: PositiveInt = 20_000
    """The ping writer commits at most so many rows together."""

    writer_gather_ms: Annotated[float, Field(ge=0, le=1000)] = 2.0
    """So long the ping writer waits for more batches before it begins a group, milliseconds."""

    writer_queue_rows: PositiveInt = 400_000
    """Past this many waiting rows a batch is refused with 503, and memory stays flat."""

    feed_rows_per_s: PositiveInt = 200_000
    """Rows that a process takes through one feed in a second, where the feed has no limit of its own; past it 429."""

    feed_requests_per_s: PositiveInt = 20_000
    """The same for requests."""

    feed_silent_after: timedelta = timedelta(hours=6)
    """So long without a batch a feed is silent, where it has no limit of its own."""

    device_silent_after: timedelta = timedelta(days=1)
    """So long without a good fix a device is listed as silent, where its feed has no limit of its own."""

    writer_queue_bytes: PositiveInt = 256 * 1024 * 1024
    """The same for the bytes of waiting batches, unpacked."""

    fresh_within: timedelta = timedelta(days=7)
    """A position older than this is stale, unless the question says otherwise."""

    future_tolerance: timedelta = timedelta(minutes=10)
    """A fix further ahead of our clock than this is doubted as ``future_fix``."""

    stale_clock_before: timedelta = timedelta(days=366 * 2)
    """A fix that is older than this when it arrives is doubted as ``stale_clock``: trackers that lost their clock
    report 1980, 2000 or the last roll-over of the GPS week (19.6 years ago)."""

    low_accuracy_m: float = 100.0
    """A fix that says itself that it is less accurate than this is doubted as ``low_accuracy``, metres."""

    max_speed_kmh: float = 250.0
    """No vehicle is faster: a fix that says so, or that the device could only have reached so, is ``too_fast``."""

    noise_m: float = 300.0
    """By so much a satellite fix may be wrong without being doubted as ``too_fast``, metres."""

    network_noise_m: float = 5_000.0
    """The same for a fix from cell towers or Wi-Fi, metres."""

    jump_m: float = 500_000.0
    """Farther than this from where the device was last believed to be, a fix is a ``jump``, metres."""

    jump_ends_after: PositiveInt = 3
    """So many fixes in a row that agree with each other end ``jump`` and ``too_fast``: the device really is there."""

    backfill_after: timedelta = timedelta(hours=1)
    """A fix that arrives later than this is marked ``backfill``."""

    border_near_m: float = 150.0
    """A point this close to a border names both territories, metres."""

    secret_keys: SecretStr | None = None
    """Keys that secrets for other systems are sealed with, comma-separated: the first seals, all open. Without one no
    source with a secret can be created. ``leasetrace secrets new-key`` prints one."""

    aemp_allow_private: bool = False
    """Let makers' interfaces be at loopback, private and link-local addresses, and at loopback without TLS; for tests
    and for a gateway in the same network."""

    public_url: str | None = None
    """The address by which people's browsers reach the service, such as ``https://leasetrace.court.example``; needed
    to sign in through an institution's provider, which sends them back there."""

    oidc_issuer: str | None = None
    """The OpenID provider of the one institution whose people sign in here: its issuer, letter by letter as its
    discovery document says it. Without one nobody signs in that way."""

    oidc_client_id: str | None = None
    """As whom the service is registered at the provider."""

    oidc_client_secret: SecretStr | None = None
    """Its secret there; a public client has none."""

    oidc_scopes: str = "openid profile email"
    """What the provider is asked for, separated by spaces; ``openid`` is always among it."""

    oidc_name: str = "your institution"
    """What the page calls the provider."""

    oidc_ca_file: FilePath | None = None
    """Authorities (PEM) that may vouch for the provider besides the public ones: an institution's own."""

    oidc_allow_private: bool = False
    """Let the provider be at a private address, and at loopback without TLS: it is often in the same network."""

    worker_in_process: bool = True
    """Whether ``leasetrace serve`` does the background work too; if not, ``leasetrace worker`` must run somewhere."""

    datum_matches: PositiveInt = 5
    """So many resting places must lie just one GCJ-02 shift from where they should before a datum is suspected."""

    retention_raw_days: NonNegativeInt = 730
    """The bodies of batches are emptied after so many days, their digests stay; 0 keeps them for ever."""

    retention_ping_days: NonNegativeInt = 1095
    """Pings are deleted so many days after their fix and their arrival; 0 keeps them for ever."""

    retention_derived_days: NonNegativeInt = 1825
    """The last position of each day is deleted after so many days; 0 keeps it for ever."""

    anchor_dir: Path | None = None
    """A folder, best on another machine's disk, into which the head of the audit trail is written once a day."""

    tsa_url: str | None = None
    """A time stamp authority (RFC 3161) that stamps the head of the audit trail once a day."""

    session_idle: Annotated[timedelta, Field(ge=timedelta(minutes=2), le=timedelta(days=1))] = timedelta(minutes=30)
    """A person that does nothing for so long is signed out."""

    session_lifetime: Annotated[timedelta, Field(ge=timedelta(minutes=2), le=timedelta(days=30))] = timedelta(
        hours=12
    )
    """A person is signed out so long after signing in, whatever it does."""

    session_cookie_over_http: bool = False
    """Let the session's cookie go over plain http to ``localhost`` and other names of loopback; for development."""

    sign_in_attempts_per_minute: PositiveInt = 30
    """So many attempts to sign in each process looks at from one address in a minute; past it 429. An address of IPv6
    counts by its network of 64 bits."""
    retention_session_days: NonNegativeInt = 90
    """Sessions of people are deleted so many days after they ended; 0 keeps them for ever."""

    retention_share_days: NonNegativeInt = 365
    """Shared run sheets are deleted so many days after they expired; 0 keeps them for ever."""

    log_level: str = "INFO"
    """Least severity that is logged: DEBUG, INFO, WARNING, ERROR."""

    @field_validator(
        "public_url", "oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_ca_file", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else check_url(value, allow_private=True)

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        """Refuse to start with half a provider: people would only learn of it when they want to sign in."""
        if self.oidc_issuer is None:
            return self
        try:
            check_url(self.oidc_issuer, allow_private=self.oidc_allow_private)
        except ValueError as error:
            msg = f"oidc_issuer: {error}"
            raise ValueError(msg) from error
        needed = {
            "oidc_client_id": self.oidc_client_id,
            "public_url": self.public_url,
            "secret_keys": self.secret_keys,  # what a browser holds while it is at the provider is sealed
        }
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            msg = f"oidc_issuer needs {', '.join(missing)} too"
            raise ValueError(msg)
        return self

    def encryptor(self) -> Encryptor:
        """Return what seals and opens secrets.

        Raises:
            NoSecretKey: No key is set.
        """
        return Encryptor.of(self.secret_keys.get_secret_value() if self.secret_keys else None)

    @field_validator("trusted_proxies", "watch_networks", mode="before")
    @classmethod
    def _networks_of_text(cls, value: object) -> object:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("hosts", mode="before")
    @classmethod
    def _hosts_of_text(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(n.strip().lower() for n in names if n.strip()) if isinstance(names, list | tuple) else value

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parse_keys(value.get_secret_value())
        return value
