"""Response models of this room; every field is always present."""

from datetime import date

from pydantic import Field

from app.core.web.schema_types import ResponseModel
from app.jurisdictions.domain import CourtLevel, DivisionLevel


class LayerOut(ResponseModel):
    """The boundary layer behind an answer."""

    layer_id: int
    name: str
    source: str
    source_version: str
    sha256: str


class DivisionRef(ResponseModel):
    """A division by code and name."""

    adcode: int = Field(examples=[310105])
    name: str = Field(examples=["长宁区"])


class DivisionsOut(ResponseModel):
    """The divisions that contain a point."""

    province: DivisionRef
    prefecture: DivisionRef
    county: DivisionRef


class CourtCandidateRef(ResponseModel):
    """A court, with its source and the reason for any doubt."""

    court_id: int
    code: str = Field(examples=["沪0105"])
    name: str = Field(examples=["上海市长宁区人民法院"])
    level: CourtLevel
    verified: bool
    source: str
    caveat: str | None


class CourtOfLevelOut(ResponseModel):
    """The court of one level, or why none is known."""

    court: CourtCandidateRef | None
    reason: str | None


class CourtsOut(ResponseModel):
    """The courts whose territory contains a point: candidates with their basis, not a ruling."""

    basic: CourtOfLevelOut
    intermediate: CourtOfLevelOut
    high: CourtOfLevelOut
    territory_id: int | None
    basis: str | None
    verified: bool
    caveat: str | None


class OtherSideOut(ResponseModel):
    """The county across a near border, and its court."""

    distance_m: float
    province: DivisionRef
    county: DivisionRef
    basic: CourtCandidateRef | None
    cross_province: bool


class BorderOut(ResponseModel):
    """The nearest border of the county; for a point outside, the nearest county."""

    distance_m: float | None
    """Metres; null for a point outside that is more than 100 km from every county."""
    near: bool
    within_m: float
    """A border closer than this is near, and the other side is named."""
    other: OtherSideOut | None


class LocationOut(ResponseModel):
    """The divisions and courts of a point."""

    lon: float
    lat: float
    located: bool
    """Whether the point is in the territory of a court."""
    reason: str | None
    """Why the point is in no territory."""
    divisions: DivisionsOut | None
    courts: CourtsOut | None
    border: BorderOut
    layer: LayerOut


class CourtOut(CourtCandidateRef):
    """A court in the register of courts."""

    parent_court_id: int | None
    province_adcode: int
    adcode: int
    valid_from: date
    valid_to: date | None


class CourtDetailOut(CourtOut):
    """A court in the register of courts, with its territory in the active layer."""

    county_adcodes: list[int]


class DivisionOut(ResponseModel):
    """A division of the active boundary layer."""

    division_id: int
    level: DivisionLevel
    adcode: int
    name: str
    full_name: str
    province_adcode: int
    prefecture_adcode: int | None
    valid_from: date
    valid_to: date | None
    layer_id: int
    source: str
    source_version: str
