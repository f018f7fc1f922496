"""The register of the tables that hold personal data: whose, by which columns, for how long, where it is shown.

Retention and the subject report work from it. ``tests/integration/compliance/test_register.py`` fails when a table
with a device, an asset, a person or a position is missing here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.settings import RetentionSettings


class Subject(StrEnum):
    """Whose data a table holds."""

    LESSEE = "lessee"
    """The lessee and the drivers: an asset's identifiers and positions lead to them."""
    USER = "user"
    """A person who works with the service."""
    OTHER = "other"
    """Another person: debtor, custodian, new owner, recipient of a share."""


class RetentionClass(StrEnum):
    """A class of data with one term. ``retention_log.class`` has the names of those that retention deletes."""

    RAW = "raw"
    PING = "ping"
    DERIVED = "derived"
    SESSION = "session"
    SHARE = "share"
    GRANT = "grant"
    TRAIL = "trail"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long a class is kept.

    Attributes:
        days: The setting with the term; 0 days there: without end. None: the service never deletes the class.
    """

    what: str  # what belongs to the class; the subject report shows this text
    since: str  # the start of the term; of a class without a term: why it is kept
    days: Callable[[RetentionSettings], int] | None = None


# Records of handing personal information to others are kept for three years at least (regulation on network data
# security, article 12), network logs for six months (Cybersecurity Law, article 21).
RULES: Final[Mapping[RetentionClass, RetentionRule]] = {
    RetentionClass.RAW: RetentionRule("bodies of batches as they came", "arrival", lambda s: s.raw_days),
    RetentionClass.PING: RetentionRule("pings", "the later of fix and arrival", lambda s: s.ping_days),
    RetentionClass.DERIVED: RetentionRule("the last position of each day", "the day", lambda s: s.derived_days),
    RetentionClass.SESSION: RetentionRule("sessions of people that ended", "their end", lambda s: s.session_days),
    RetentionClass.SHARE: RetentionRule("shared run sheets that ended", "their expiry", lambda s: s.share_days),
    RetentionClass.GRANT: RetentionRule(
        "to whom assets were opened", "kept: three years at least (PIPL, data regulation)"
    ),
    RetentionClass.TRAIL: RetentionRule("who looked and who changed what", "kept: three years at least; append-only"),
    RetentionClass.KEY: RetentionRule("keys that ended, without their secrets", "kept: the trail names them"),
}
"""Each class with its rule, in the order in which the subject report and ``leasetrace retention`` show them."""


@dataclass(frozen=True, slots=True)
class PersonalTable:
    """A table with personal data.

    Attributes:
        columns: The columns that identify a person, directly or through an asset, device, case or position.
        report: The parts of ``SubjectAssetOut`` that are made from the table; ``stored.x`` is a field of ``stored``.
    """

    whose: frozenset[Subject]  # whose data
    columns: tuple[str, ...]
    retention: RetentionClass | None = None  # the class whose term ends a row; None: ``ends`` says how a row ends
    ends: str = ""  # how a row ends, or that it is kept; empty where ``retention`` says it
    report: tuple[str, ...] = ()
    not_reported: str = ""  # why the subject report has no part for the table; empty where ``report`` names one
    held: str = ""  # what of the table a legal hold keeps from retention; empty: nothing


_LESSEE: Final = frozenset({Subject.LESSEE})
_USER: Final = frozenset({Subject.USER})
_LESSEE_AND_USER: Final = _LESSEE | _USER
_KEPT: Final = "kept"
_NO_USERS: Final = "the report is about assets and names no user"
_COURT_FILE: Final = "the file of the court, which answers for it"
_QUEUE: Final = "a work queue of the worker, empty within seconds"

TABLES: Final[Mapping[str, PersonalTable]] = {
    # access
    "principal": PersonalTable(
        _USER,
        ("principal_id", "name"),
        ends="kept: grants and the audit trail name it by number",
        not_reported=_NO_USERS,
    ),
    "access_grant": PersonalTable(
        _LESSEE_AND_USER,
        ("grantee_id", "case_id", "asset_id", "granted_by", "through_id"),
        RetentionClass.GRANT,
        report=("opened_to",),
    ),
    # audit
    "trail": PersonalTable(
        _LESSEE_AND_USER,
        ("principal_id", "api_key_id", "session_id", "case_id", "assets_sha256", "request_id", "detail"),
        RetentionClass.TRAIL,
        report=("looks",),
    ),
    "trail_assets": PersonalTable(_LESSEE, ("asset_ids",), RetentionClass.TRAIL, report=("looks",)),
    # identity
    "api_key": PersonalTable(
        _USER,
        ("api_key_id", "principal_id", "label", "made_by"),
        RetentionClass.KEY,
        not_reported=_NO_USERS,
    ),
    "account": PersonalTable(
        _USER,
        ("principal_id", "login"),
        ends="kept, disabled: the audit trail names its principal",
        not_reported=_NO_USERS,
    ),
    "session": PersonalTable(
        _USER,
        ("session_id", "principal_id", "user_agent_sha256"),
        RetentionClass.SESSION,
        not_reported=_NO_USERS,
    ),
    "sign_in_failure": PersonalTable(
        _USER,
        ("login_sha256",),
        ends="deleted when the login succeeds, or a day after the last failure",
        not_reported=_NO_USERS,
    ),
    "person_identity": PersonalTable(
        _USER,
        ("principal_id", "issuer", "subject"),
        ends="deleted when an administrator unlinks the person",
        not_reported=_NO_USERS,
    ),
    "awaited_identity": PersonalTable(
        _USER,
        ("principal_id", "login"),
        ends="deleted at the first sign-in through the provider",
        not_reported=_NO_USERS,
    ),
    # assets
    "asset": PersonalTable(
        _LESSEE | {Subject.OTHER},
        (
            "asset_id",
            "plate_no",
            "vin",
            "serial_no",
            "engine_no",
            "lease_contract_no",
            "purchase_contract_no",
            "registration_no",
            "lessee_name",
            "registered_owner",
        ),
        ends=_KEPT,
        report=("asset",),
    ),
    "device": PersonalTable(_LESSEE, ("device_id", "identifier"), ends=_KEPT, report=("devices",)),
    "device_binding": PersonalTable(
        _LESSEE,
        ("device_id", "asset_id"),
        ends="kept; deleted when the lessor takes it back",
        report=("devices",),
    ),
    "binding_change": PersonalTable(
        _LESSEE,
        ("device_id", "asset_id"),
        ends="deleted when the worker has processed the change",
        not_reported=_QUEUE,
    ),
    "asset_transfer": PersonalTable(
        _LESSEE_AND_USER | {Subject.OTHER},
        ("asset_id", "to_name", "recorded_by"),
        ends="kept; deleted when it was recorded by mistake",
        not_reported="it names the new owner, another person",
    ),
    # enforcement
    "enforcement_case": PersonalTable(
        _LESSEE | {Subject.OTHER},
        ("case_id", "case_number", "judgment_debtor"),
        ends=_KEPT,
        report=("opened_to", "holds"),
    ),
    "case_asset": PersonalTable(
        _LESSEE_AND_USER,
        ("case_id", "asset_id", "offered_by", "confirmed_by"),
        ends="kept with its case",
        report=("holds",),
    ),
    "seizure_measure": PersonalTable(
        _LESSEE_AND_USER | {Subject.OTHER},
        ("case_id", "asset_id", "custodian", "created_by"),
        ends="kept with its case",
        not_reported=_COURT_FILE,
    ),
    "seizure_renewal": PersonalTable(
        _USER,
        ("measure_id", "renewed_by"),
        ends="kept with its case",
        not_reported=_COURT_FILE,
    ),
    "planning_assignment": PersonalTable(
        _USER,
        ("case_id", "dispatcher_id", "given_by"),
        ends="kept with its case",
        not_reported="its grants are in opened_to",
    ),
    "entrustment": PersonalTable(
        _LESSEE_AND_USER,
        ("case_id", "asset_ids", "given_by", "withdrawn_by"),
        ends="kept with its case",
        not_reported="its grants are in opened_to",
    ),
    "legal_hold": PersonalTable(
        _LESSEE_AND_USER,
        ("asset_id", "case_id", "reason", "placed_by"),
        ends="kept, released or not",
        report=("holds",),
    ),
    # telemetry
    "ping_batch": PersonalTable(
        _LESSEE_AND_USER,
        ("batch_id", "api_key_id", "results_zstd"),
        ends="kept: the chain of batches is computed from it",
        report=("sources",),
    ),
    "raw_body": PersonalTable(
        _LESSEE,
        ("batch_id", "body_zstd"),
        RetentionClass.RAW,
        report=("stored.raw_bodies", "stored.raw_bodies_emptied"),
        held="a body with a ping of the asset",
    ),
    "ping": PersonalTable(
        _LESSEE,
        ("device_id", "asset_id", "lon_e7", "lat_e7"),
        RetentionClass.PING,
        report=("stored.pings", "stored.first_fixed_at", "stored.last_fixed_at", "stored.doubts", "sources"),
        held="pings of the asset",
    ),
    "ping_extra": PersonalTable(
        _LESSEE,
        ("device_id", "batch_id", "extra"),
        RetentionClass.PING,
        not_reported="counted with its ping",
        held="values of pings of the asset",
    ),
    "later_doubt": PersonalTable(
        _LESSEE,
        ("device_id",),
        RetentionClass.PING,
        report=("stored.later_doubts",),
        held="doubts about pings of the asset",
    ),
    "late_window": PersonalTable(
        _LESSEE, ("device_id",), ends="deleted when the worker has processed the late pings", not_reported=_QUEUE
    ),
    # tracking
    "current_position": PersonalTable(
        _LESSEE,
        ("asset_id", "device_id", "lon_e7", "lat_e7", "candidate_lon_e7", "candidate_lat_e7"),
        ends="replaced by each newer position; the last one is kept",
        report=("stored.current_positions",),
    ),
    "daily_position": PersonalTable(
        _LESSEE,
        ("asset_id", "device_id", "lon_e7", "lat_e7"),
        RetentionClass.DERIVED,
        report=("stored.daily_positions", "stored.first_day", "stored.last_day"),
        held="days of the asset",
    ),
    # ingest
    "aemp_cursor": PersonalTable(
        _LESSEE,
        ("identifier",),
        ends="deleted with its interface",
        not_reported="it repeats the identifier of a device",
    ),
    # dispatch
    "share": PersonalTable(
        _USER | {Subject.OTHER},
        ("case_id", "recipient", "created_by", "api_key_id", "revoked_by"),
        RetentionClass.SHARE,
        not_reported="what it showed is in looks",
    ),
}
"""Each table with personal data, by room."""

NOT_PERSONAL: Final[Mapping[tuple[str, str], str]] = {
    ("case_asset", "matched_by"): "the kind of the identifier, not its value",
    ("depot", "lon_e7"): "a yard of the lessor",
    ("depot", "lat_e7"): "a yard of the lessor",
    ("division", "full_name"): "the name of an administrative division",
    ("division", "geom"): "a published boundary",
}
"""Columns, by table and name, that look like personal data by their name or type and are not; with the reason."""


def is_held(kind: RetentionClass) -> bool:
    """Return whether a legal hold on the asset keeps rows of a class longer than its term."""
    return any(table.held for table in TABLES.values() if table.retention is kind)
