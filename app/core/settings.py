"""Settings: environment variables, read once at the start of a process. The import of this module reads none.

Each group is one field of ``Settings`` and holds what one room or concern needs: ``settings.writer.rows``. Each
field names its environment variable.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from app.core.encryption import Encryptor, parse_keys
from app.core.web.client_address import LOOPBACK, IpNetwork, parse_networks
from app.core.web.outbound import check_url


def _empty_is_unset(value: object) -> object:
    return None if value == "" else value


class SettingsGroup(BaseModel):
    """What the groups share: they do not change, refuse unknown names, and show no value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, hide_input_in_errors=True)

    @classmethod
    def variables(cls) -> list[str]:
        """Return the names of the environment variables of this group, in the order of its fields."""
        return [str(field.validation_alias) for field in cls.model_fields.values()]


class DatabaseSettings(SettingsGroup):
    """PostgreSQL. URLs are written ``postgresql://user:password@host:port/name``."""

    url: SecretStr = Field(validation_alias="DATABASE_URL")
    """Where the application connects, as a role that is neither superuser nor owner."""

    owner_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_OWNER_URL")
    """Where migrations and boundary loads connect, as the owner. The running service does not need it."""

    pool_size: PositiveInt = Field(default=10, validation_alias="LEASETRACE_POOL_SIZE")
    """Connections for requests. As many again are opened for a short time under load."""

    statement_timeout_s: PositiveInt = Field(default=30, validation_alias="LEASETRACE_STATEMENT_TIMEOUT_S")
    """A request's statement that takes longer is cancelled, seconds."""


class HttpSettings(SettingsGroup):
    """By which names, from where and through which proxies the service is reached."""

    hosts: tuple[str, ...] = Field(default=(), validation_alias="LEASETRACE_HOSTS")
    """Host names that are accepted, comma-separated, without ports; 421 otherwise. Empty: any name.
    ``/livez`` and ``/readyz`` answer to any name."""

    trusted_proxies: tuple[IpNetwork, ...] = Field(default=(), validation_alias="LEASETRACE_TRUSTED_PROXIES")
    """Networks of the proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed, comma-separated."""

    watch_networks: tuple[IpNetwork, ...] = Field(default=LOOPBACK, validation_alias="LEASETRACE_WATCH_NETWORKS")
    """Networks from which ``/metrics`` and the details of ``/readyz`` need no key, comma-separated."""

    hsts_s: NonNegativeInt = Field(default=365 * 86_400, validation_alias="LEASETRACE_HSTS_S")
    """Time for which browsers must use TLS only (Strict-Transport-Security), seconds."""

    public_url: str | None = Field(default=None, validation_alias="LEASETRACE_PUBLIC_URL")
    """The address by which browsers reach the service, such as ``https://leasetrace.court.example``. An institution's
    provider sends people back to it."""

    @field_validator("trusted_proxies", "watch_networks", mode="before")
    @classmethod
    def _networks_of_text(cls, value: object) -> object:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("hosts", mode="before")
    @classmethod
    def _hosts_of_text(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(n.strip().lower() for n in names if n.strip()) if isinstance(names, list | tuple) else value

    @field_validator("public_url", mode="before")
    @classmethod
    def _empty_public_url_is_none(cls, value: object) -> object:
        return _empty_is_unset(value)

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else check_url(value, allow_private=True)


class RequestLimitSettings(SettingsGroup):
    """Sizes and times of requests and connections."""

    max_body_bytes: PositiveInt = Field(default=8 * 1024 * 1024, validation_alias="LEASETRACE_MAX_BODY_BYTES")
    """Size of a body, on the wire and unpacked, bytes."""

    body_pause_s: float = Field(default=20.0, gt=0, validation_alias="LEASETRACE_BODY_PAUSE_S")
    """Longest pause of a client in the middle of a body, seconds; then 408."""

    body_within_s: float = Field(default=120.0, gt=0, validation_alias="LEASETRACE_BODY_WITHIN_S")
    """Time for a whole body, seconds; then 408."""

    head_within_s: float = Field(default=15.0, gt=0, validation_alias="LEASETRACE_HEAD_WITHIN_S")
    """Time for a first line with its headers, seconds; then 408, and the connection is closed."""

    answer_pause_s: float = Field(default=60.0, gt=0, validation_alias="LEASETRACE_ANSWER_PAUSE_S")
    """A client that reads nothing of its answer for this time is cut off, seconds."""

    max_url_bytes: PositiveInt = Field(default=8192, validation_alias="LEASETRACE_MAX_URL_BYTES")
    """Path and query of a request together, bytes; above it 414."""

    max_query_bytes: PositiveInt = Field(default=6144, validation_alias="LEASETRACE_MAX_QUERY_BYTES")
    """The query alone, bytes; above it 414."""

    max_headers: PositiveInt = Field(default=100, validation_alias="LEASETRACE_MAX_HEADERS")
    """Headers of a request; above it 431."""

    max_head_bytes: PositiveInt = Field(default=32 * 1024, validation_alias="LEASETRACE_MAX_HEAD_BYTES")
    """A first line with its headers, bytes; above it 431 or 414."""

    max_connections: PositiveInt = Field(default=4000, validation_alias="LEASETRACE_MAX_CONNECTIONS")
    """Connections to a process; more get 503 and are closed. Needs as many file descriptors."""


class AuthThrottleSettings(SettingsGroup):
    """Limits against guessing, counted in each process by address (IPv6: by /64); above them 429."""

    failures_per_minute: NonNegativeInt = Field(default=120, validation_alias="LEASETRACE_FAILURES_PER_MINUTE")
    """Refused keys and unknown sessions a minute from one address. 0: no limit."""

    sign_in_attempts_per_minute: PositiveInt = Field(
        default=30, validation_alias="LEASETRACE_SIGN_IN_ATTEMPTS_PER_MINUTE"
    )
    """Sign-in attempts a minute from one address."""


class SessionSettings(SettingsGroup):
    """Sessions of people who signed in."""

    idle: Annotated[timedelta, Field(ge=timedelta(minutes=2), le=timedelta(days=1))] = Field(
        default=timedelta(minutes=30), validation_alias="LEASETRACE_SESSION_IDLE"
    )
    """A person without a request for this time is signed out."""

    lifetime: Annotated[timedelta, Field(ge=timedelta(minutes=2), le=timedelta(days=30))] = Field(
        default=timedelta(hours=12), validation_alias="LEASETRACE_SESSION_LIFETIME"
    )
    """A person is signed out this long after signing in."""

    cookie_over_http: bool = Field(default=False, validation_alias="LEASETRACE_SESSION_COOKIE_OVER_HTTP")
    """Permit the session cookie over plain http at ``localhost`` and other loopback names, for development."""


class OidcSettings(SettingsGroup):
    """The OpenID provider of the one institution whose people sign in here."""

    issuer: str | None = Field(default=None, validation_alias="LEASETRACE_OIDC_ISSUER")
    """The provider's issuer, character by character as in its discovery document. None: no such sign-in."""

    client_id: str | None = Field(default=None, validation_alias="LEASETRACE_OIDC_CLIENT_ID")
    """The id of the service at the provider."""

    client_secret: SecretStr | None = Field(default=None, validation_alias="LEASETRACE_OIDC_CLIENT_SECRET")
    """The secret of the service at the provider; a public client has none."""

    scopes: str = Field(default="openid profile email", validation_alias="LEASETRACE_OIDC_SCOPES")
    """Scopes that are requested, separated by spaces; ``openid`` is always added."""

    name: str = Field(default="your institution", validation_alias="LEASETRACE_OIDC_NAME")
    """What the page calls the provider."""

    ca_file: FilePath | None = Field(default=None, validation_alias="LEASETRACE_OIDC_CA_FILE")
    """Authorities (PEM) for the provider's certificate, besides the public ones."""

    allow_private: bool = Field(default=False, validation_alias="LEASETRACE_OIDC_ALLOW_PRIVATE")
    """Permit a provider at a private address, and at loopback without TLS."""

    @field_validator("issuer", "client_id", "client_secret", "ca_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return _empty_is_unset(value)

    @model_validator(mode="after")
    def _issuer_is_an_address(self) -> Self:
        try:
            if self.issuer is not None:
                check_url(self.issuer, allow_private=self.allow_private)
        except ValueError as error:
            msg = f"LEASETRACE_OIDC_ISSUER: {error}"
            raise ValueError(msg) from error
        return self


class EncryptionSettings(SettingsGroup):
    """Encryption of the secrets of makers' interfaces, feeds and authenticators."""

    secret_keys: SecretStr | None = Field(default=None, validation_alias="LEASETRACE_SECRET_KEYS")
    """Keys, comma-separated: the first encrypts, all decrypt. ``leasetrace secrets new-key`` prints one."""

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parse_keys(value.get_secret_value())
        return value

    def encryptor(self) -> Encryptor:
        """Return what encrypts and decrypts secrets.

        Raises:
            NoSecretKey: No key is set.
        """
        return Encryptor.of(self.secret_keys.get_secret_value() if self.secret_keys else None)


class AuditSettings(SettingsGroup):
    """Where the head of the audit trail is kept outside the database, once a day (UTC)."""

    anchor_dir: Path | None = Field(default=None, validation_alias="LEASETRACE_ANCHOR_DIR")
    """A folder for the head of the audit trail, best on another machine's disk."""

    tsa_url: str | None = Field(default=None, validation_alias="LEASETRACE_TSA_URL")
    """A time stamp authority (RFC 3161) that stamps the head of the audit trail."""


class JurisdictionSettings(SettingsGroup):
    """Borders of territories."""

    border_near_m: float = Field(default=150.0, validation_alias="LEASETRACE_BORDER_NEAR_M")
    """A point this close to a border names both territories, metres."""


class FeedSettings(SettingsGroup):
    """Limits of a feed that has none of its own."""

    rows_per_s: PositiveInt = Field(default=200_000, validation_alias="LEASETRACE_FEED_ROWS_PER_S")
    """Rows that a process accepts through one feed in a second; above it 429."""

    requests_per_s: PositiveInt = Field(default=20_000, validation_alias="LEASETRACE_FEED_REQUESTS_PER_S")
    """Requests that a process accepts through one feed in a second; above it 429."""

    silent_after: timedelta = Field(default=timedelta(hours=6), validation_alias="LEASETRACE_FEED_SILENT_AFTER")
    """Time without a batch after which a feed is silent."""

    device_silent_after: timedelta = Field(
        default=timedelta(days=1), validation_alias="LEASETRACE_DEVICE_SILENT_AFTER"
    )
    """Time without a good fix after which a device is listed as silent."""


class TrackingSettings(SettingsGroup):
    """Thresholds of the doubts about a fix, and of what counts as current."""

    fresh_within: timedelta = Field(default=timedelta(days=7), validation_alias="LEASETRACE_FRESH_WITHIN")
    """An older position is stale, unless the question says otherwise."""

    future_tolerance: timedelta = Field(default=timedelta(minutes=10), validation_alias="LEASETRACE_FUTURE_TOLERANCE")
    """A fix further ahead of the service's clock is doubted as ``future_fix``."""

    stale_clock_before: timedelta = Field(
        default=timedelta(days=366 * 2), validation_alias="LEASETRACE_STALE_CLOCK_BEFORE"
    )
    """A fix older than this on arrival is doubted as ``stale_clock``. Trackers that lost their clock report 1980,
    2000 or the last roll-over of the GPS week (19.6 years ago)."""

    low_accuracy_m: float = Field(default=100.0, validation_alias="LEASETRACE_LOW_ACCURACY_M")
    """A fix whose ``accuracy_m`` is above this is doubted as ``low_accuracy``, metres."""

    max_speed_kmh: float = Field(default=250.0, validation_alias="LEASETRACE_MAX_SPEED_KMH")
    """A fix that is, or must have been reached, faster is doubted as ``too_fast``, km/h."""

    noise_m: float = Field(default=300.0, validation_alias="LEASETRACE_NOISE_M")
    """Error of a satellite fix that is not yet ``too_fast``, metres."""

    network_noise_m: float = Field(default=5_000.0, validation_alias="LEASETRACE_NETWORK_NOISE_M")
    """The same for a fix from cell towers or Wi-Fi, metres."""

    jump_m: float = Field(default=500_000.0, validation_alias="LEASETRACE_JUMP_M")
    """A fix farther than this from the device's last trusted position is a ``jump``, metres."""

    jump_ends_after: PositiveInt = Field(default=3, validation_alias="LEASETRACE_JUMP_ENDS_AFTER")
    """Fixes in a row that must agree with each other to end ``jump`` and ``too_fast``."""

    backfill_after: timedelta = Field(default=timedelta(hours=1), validation_alias="LEASETRACE_BACKFILL_AFTER")
    """A fix that arrives later than this is marked ``backfill``."""

    datum_matches: PositiveInt = Field(default=5, validation_alias="LEASETRACE_DATUM_MATCHES")
    """Resting places one GCJ-02 shift away from where they should be that make a device's datum suspect."""


class IngestSettings(SettingsGroup):
    """Batches of pings."""

    max_batch_rows: int = Field(default=10_000, ge=1, le=32_767, validation_alias="LEASETRACE_MAX_BATCH_ROWS")
    """Rows in a batch of pings."""


class WriterSettings(SettingsGroup):
    """The ping writer, which commits batches in groups."""

    rows: PositiveInt = Field(default=20_000, validation_alias="LEASETRACE_WRITER_ROWS")
    """Most rows that are committed together."""

    gather_ms: float = Field(default=2.0, ge=0, le=1000, validation_alias="LEASETRACE_WRITER_GATHER_MS")
    """Time for which the writer waits for more batches before it begins a group, milliseconds."""

    queue_rows: PositiveInt = Field(default=400_000, validation_alias="LEASETRACE_WRITER_QUEUE_ROWS")
    """Above this many waiting rows a batch is refused with 503, and memory stays bounded."""

    queue_bytes: PositiveInt = Field(default=256 * 1024 * 1024, validation_alias="LEASETRACE_WRITER_QUEUE_BYTES")
    """The same for the bytes of waiting batches, unpacked."""


class AempSettings(SettingsGroup):
    """Polling of makers' interfaces (AEMP, ISO 15143-3)."""

    allow_private: bool = Field(default=False, validation_alias="LEASETRACE_AEMP_ALLOW_PRIVATE")
    """Permit makers' interfaces at loopback, private and link-local addresses, and at loopback without TLS. For
    tests, and for a gateway in the same network."""


class RetentionSettings(SettingsGroup):
    """Days after which data are deleted; 0: never."""

    raw_days: NonNegativeInt = Field(default=730, validation_alias="LEASETRACE_RETENTION_RAW_DAYS")
    """The bodies of batches are emptied this many days after arrival; their digests stay."""

    ping_days: NonNegativeInt = Field(default=1095, validation_alias="LEASETRACE_RETENTION_PING_DAYS")
    """Pings are deleted this many days after their fix or their arrival, whichever is later."""

    derived_days: NonNegativeInt = Field(default=1825, validation_alias="LEASETRACE_RETENTION_DERIVED_DAYS")
    """The last position of each day is deleted after this many days."""

    session_days: NonNegativeInt = Field(default=90, validation_alias="LEASETRACE_RETENTION_SESSION_DAYS")
    """Sessions of people are deleted this many days after they ended."""

    share_days: NonNegativeInt = Field(default=365, validation_alias="LEASETRACE_RETENTION_SHARE_DAYS")
    """Shared run sheets are deleted this many days after they expired."""


class WorkerSettings(SettingsGroup):
    """Background work."""

    in_process: bool = Field(default=True, validation_alias="LEASETRACE_WORKER_IN_PROCESS")
    """Whether ``leasetrace serve`` does the background work too; if not, ``leasetrace worker`` must run."""


class LogSettings(SettingsGroup):
    """Logging."""

    level: str = Field(default="INFO", validation_alias="LEASETRACE_LOG_LEVEL")
    """Least severity that is logged: DEBUG, INFO, WARNING, ERROR."""


class Settings(BaseModel):
    """All settings of a process. ``from_environment`` reads them; tests construct them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database: DatabaseSettings
    http: HttpSettings = HttpSettings()
    limits: RequestLimitSettings = RequestLimitSettings()
    auth_throttle: AuthThrottleSettings = AuthThrottleSettings()
    session: SessionSettings = SessionSettings()
    oidc: OidcSettings = OidcSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    audit: AuditSettings = AuditSettings()
    jurisdictions: JurisdictionSettings = JurisdictionSettings()
    feeds: FeedSettings = FeedSettings()
    tracking: TrackingSettings = TrackingSettings()
    ingest: IngestSettings = IngestSettings()
    writer: WriterSettings = WriterSettings()
    aemp: AempSettings = AempSettings()
    retention: RetentionSettings = RetentionSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def groups(cls) -> dict[str, type[SettingsGroup]]:
        """Return the types of the groups by the names of their fields."""
        return {name: cast("type[SettingsGroup]", field.annotation) for name, field in cls.model_fields.items()}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, database_url: str | None = None) -> Self:
        """Read the settings; upper and lower case of a variable's name are the same.

        Args:
            environ: The environment, such as ``os.environ``. Other variables are ignored.
            database_url: Used in place of the variable ``DATABASE_URL``.

        Raises:
            ValidationError: A value is wrong, or ``DATABASE_URL`` is missing. The location ends in the variable.
        """
        found = {name.upper(): value for name, value in environ.items()}
        if database_url is not None:
            found["DATABASE_URL"] = database_url
        return cls.model_validate(
            {
                name: {variable: found[variable] for variable in group.variables() if variable in found}
                for name, group in cls.groups().items()
            }
        )

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        """Refuse to start with half a provider: people would only learn of it when they want to sign in."""
        if self.oidc.issuer is None:
            return self
        needed = {
            "LEASETRACE_OIDC_CLIENT_ID": self.oidc.client_id,
            "LEASETRACE_PUBLIC_URL": self.http.public_url,
            "LEASETRACE_SECRET_KEYS": self.encryption.secret_keys,  # encrypts the cookie of a sign-in that has begun
        }
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            msg = f"LEASETRACE_OIDC_ISSUER needs {', '.join(missing)} too"
            raise ValueError(msg)
        return self
