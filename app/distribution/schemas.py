"""Response models of distributions and clusters; no field has a default, so every field is always sent.

Types of which one answer holds thousands (rows, clusters, members and their parts) are plain dataclasses. 10,000
members take 3 ms to build as dataclasses and 51 ms as pydantic models. Only this room builds them, so they need no
second check; the contract tests compare responses with the OpenAPI document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

import msgspec

from app.core.web.schema_types import ResponseModel
from app.distribution.domain import CaseSnapshot, RollUpLevel
from app.enforcement.seizable import ReasonCode, State
from app.jurisdictions.domain import CourtInfo, CourtLevel, DivisionLevel
from app.jurisdictions.schemas import LayerOut
from app.tracking.domain import Confidence


@dataclass(slots=True, kw_only=True)
class CourtRef:
    """A court: a candidate by its territory, not a ruling."""

    court_id: int
    code: str
    """Its court code 代字, as in case numbers: 沪0105."""
    name: str
    level: CourtLevel

    @classmethod
    def of(cls, court: CourtInfo) -> Self:
        """Return the reference to a court."""
        return cls(court_id=court.court_id, code=court.code, name=court.name, level=court.level)


@dataclass(slots=True, kw_only=True)
class DivisionOfLevelRef:
    """An administrative division."""

    level: DivisionLevel
    adcode: int
    name: str


class CaseRef(ResponseModel):
    """The case that the answer is about."""

    case_id: int
    case_number: str
    court: CourtRef

    @classmethod
    def of(cls, snapshot: CaseSnapshot) -> Self:
        """Return the reference to the case of a snapshot."""
        return cls(case_id=snapshot.case_id, case_number=snapshot.case_number, court=CourtRef.of(snapshot.court))


@dataclass(slots=True, kw_only=True)
class ConfidenceOut:
    """The number of located assets by confidence of their place."""

    high: int
    medium: int
    low: int


@dataclass(slots=True, kw_only=True)
class TallyOut:
    """Counts and value of a group of assets."""

    n_assets: int
    n_fresh: int
    n_stale: int
    """Located, but the last accepted fix is older than `fresh_within`."""
    n_seizable: int
    n_not_seizable: int
    n_held: int
    value_yuan: float
    """Sum of the estimated values."""
    n_without_value: int
    """Assets without an estimate; they add nothing to `value_yuan`."""
    near_border: int
    """Assets within 150 m of a county border: check the territory before acting."""
    confidence: ConfidenceOut
    oldest_fix: datetime | None
    newest_fix: datetime | None


@dataclass(slots=True, kw_only=True)
class DistributionRowOut(TallyOut):
    """The located assets in the territory of one court, or in one division."""

    court: CourtRef | None
    """Null in a roll-up to divisions, and where no court of that level is known."""
    division: DivisionOfLevelRef | None
    """Set in a roll-up to divisions, and where the court is not known."""
    no_court_reason: str | None
    province: DivisionOfLevelRef
    cross_province: bool
    """Whether it is in another province than the enforcing court: this decides the procedure."""
    verified: bool
    """Whether a table of courts has confirmed the court; otherwise it comes from the naming rule."""
    caveats: list[str]


@dataclass(slots=True, kw_only=True)
class UnplacedOut(TallyOut):
    """Assets that are in no court's territory, were never located, or are no longer visible to the court."""

    presence: Literal["outside", "never_located", "withheld"]


class TotalsOut(ResponseModel):
    """All assets of the case: located (fresh + stale) + outside + never_located + withheld = assets.

    The states (seizable + not_seizable + held) add up to the same.
    """

    assets: int
    located: int
    fresh: int
    stale: int
    outside: int
    never_located: int
    withheld: int
    """Still in the case, but released (or the case is closed): their places are no longer shown."""
    seizable: int
    not_seizable: int
    held: int
    value_yuan: float
    value_located_yuan: float
    value_seizable_yuan: float
    without_value: int
    near_border: int
    confidence: ConfidenceOut
    oldest_fix: datetime | None
    newest_fix: datetime | None


class ReasonCountOut(ResponseModel):
    """A reason why assets may not be seized."""

    state: State
    code: ReasonCode
    clause: str | None
    n_assets: int
    """Assets that have this reason, possibly with others."""
    n_mainly: int
    """Assets whose main reason this is: these add up to the count of the state."""
    example: str


class MainOut(ResponseModel):
    """The main location of the assets."""

    court: CourtRef | None
    division: DivisionOfLevelRef | None
    no_court_reason: str | None
    province: DivisionOfLevelRef
    cross_province: bool
    n_assets: int
    value_yuan: float
    share: float
    """Share of the located assets, or of their value, 0 to 1."""


class MainCourtOut(ResponseModel):
    """The court of the main location; null where nothing is located (or, by value, nothing has a value)."""

    by_count: MainOut | None
    by_value: MainOut | None


class NotifyOut(ResponseModel):
    """A high court of another province that has assets of the case."""

    court: CourtRef | None
    province: DivisionOfLevelRef
    n_assets: int
    n_seizable: int
    value_yuan: float


class ParametersOut(ResponseModel):
    """The parameters of the query, with defaults filled in."""

    level: RollUpLevel
    fresh_within: timedelta
    as_of: datetime | None
    near_border_m: float


class DistributionOut(ResponseModel):
    """The assets of a case by court or division."""

    case: CaseRef
    as_of: datetime
    data_as_of: datetime | None
    """When the newest data behind the answer was received; null without any."""
    computed_at: datetime
    parameters: ParametersOut
    layer: LayerOut
    totals: TotalsOut
    rows: list[DistributionRowOut]
    """Most assets first; together with `unplaced` they are the totals."""
    unplaced: list[UnplacedOut]
    main_court: MainCourtOut
    high_courts_to_notify: list[NotifyOut]
    reasons: list[ReasonCountOut]
    notes: list[str]
    """Explanations."""


Position2D = tuple[float, float]
"""Longitude, latitude; WGS-84 degrees, at most seven decimals."""


@dataclass(slots=True, kw_only=True)
class PointGeometryOut:
    """A GeoJSON point."""

    type: Literal["Point"]
    coordinates: Position2D


@dataclass(slots=True, kw_only=True)
class PolygonGeometryOut:
    """A GeoJSON polygon, counter-clockwise."""

    type: Literal["Polygon"]
    coordinates: list[list[Position2D]]


@dataclass(slots=True, kw_only=True)
class MemberOut:
    """An asset of a cluster."""

    asset_id: int
    kind: str
    plate_no: str | None
    vin: str | None
    serial_no: str | None
    value_yuan: float | None
    state: State
    point: Position2D
    fixed_at: datetime
    age_s: int
    fresh: bool
    source: str
    """gnss, cell, wifi or manual."""
    near_border: bool
    confidence: Confidence
    reasons: Sequence[str]
    """Why the confidence is not higher."""


@dataclass(slots=True, kw_only=True)
class TouchOut:
    """A cluster across a territory's border, within the radius of this one: possibly one yard."""

    cluster_id: str
    court: CourtRef | None
    county: DivisionOfLevelRef


@dataclass(slots=True, kw_only=True)
class ClusterPropertiesOut:
    """The properties of a cluster."""

    court: CourtRef | None
    """The basic court with the territory: a candidate with its basis."""
    basis: str
    verified: bool
    caveat: str | None
    county: DivisionOfLevelRef
    prefecture: DivisionOfLevelRef
    province: DivisionOfLevelRef
    cross_province: bool
    centroid: Position2D
    n: int
    kinds: dict[str, int]
    value_yuan: float
    n_without_value: int
    newest_fix: datetime
    oldest_fix: datetime
    fresh: int
    stale: int
    near_border: int
    """Members within 150 m of a county border."""
    touches: list[TouchOut]
    members: list[MemberOut]


@dataclass(slots=True, kw_only=True)
class ClusterFeatureOut:
    """A cluster as a GeoJSON feature: its convex hull, or its centroid where the hull has no area."""

    type: Literal["Feature"]
    id: str
    """16 hexadecimal digits, of the parameters and the sorted members: the same yard keeps its id."""
    geometry: PolygonGeometryOut | PointGeometryOut
    properties: ClusterPropertiesOut


class ClusterParametersOut(ResponseModel):
    """The parameters of the query, with defaults filled in."""

    court: int | None
    radius_m: float
    min_assets: int
    state: Literal["seizable", "all"]
    fresh_within: timedelta
    within: str | None
    near_border_m: float


class ClustersOut(ResponseModel):
    """The clusters of a case (RFC 7946: WGS-84, longitude first)."""

    type: Literal["FeatureCollection"]
    features: list[ClusterFeatureOut]
    """Most members first."""
    case: CaseRef
    as_of: datetime
    data_as_of: datetime | None
    computed_at: datetime
    parameters: ClusterParametersOut
    layer: LayerOut
    considered: int
    """Located assets that passed the filters."""
    clustered: int
    """The number of them in a cluster listed here."""


def to_json(answer: DistributionOut | ClustersOut) -> bytes:
    """Encode an answer: times as RFC 3339, durations as ISO 8601."""
    return msgspec.json.encode(answer, enc_hook=vars)  # pydantic models by their fields
