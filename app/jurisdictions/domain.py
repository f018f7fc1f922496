"""Frozen types of divisions, courts and territories."""

from dataclasses import dataclass
from enum import StrEnum


class DivisionLevel(StrEnum):
    """The three levels of administrative division that have a six-digit code."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class CourtLevel(StrEnum):
    """Levels of the people's courts that have territories of their own."""

    BASIC = "basic"
    INTERMEDIATE = "intermediate"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A boundary layer; ``sha256`` is the hexadecimal hash of its codes, names and areas."""

    layer_id: int
    name: str
    source: str
    source_version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CountyInfo:
    """A county and the divisions above it, each with its six-digit code and full name."""

    adcode: int
    name: str
    prefecture_adcode: int
    prefecture: str
    province_adcode: int
    province: str


@dataclass(frozen=True, slots=True)
class CourtInfo:
    """A court."""

    court_id: int
    code: str  # its court code 代字, for example 沪0105
    name: str
    level: CourtLevel
    province_adcode: int
    verified: bool  # whether a table of real courts has confirmed it
    source: str  # the naming rule, or the name of a table
    caveat: str | None  # why it is doubtful, None where no doubt is known


@dataclass(frozen=True, slots=True)
class TerritoryInfo:
    """The territory of a basic court, with the divisions and courts above it."""

    territory_id: int
    county_adcode: int  # six digits of the county that the territory equals or is part of
    county: str
    prefecture_adcode: int
    prefecture: str
    province_adcode: int
    province: str
    basic: CourtInfo | None
    intermediate: CourtInfo | None  # None where it is not known
    high: CourtInfo | None
    basis: str  # the reason for this court
    verified: bool  # whether a table of real courts has confirmed the territory
    caveat: str | None  # why it is doubtful, None where no doubt is known


@dataclass(frozen=True, slots=True)
class BorderInfo:
    """The nearest border of a point with another county, searched up to a distance limit."""

    distance_m: float | None  # metres to the other county, None beyond the limit
    near: bool  # whether it is within the limit
    other_county: CountyInfo | None  # the other county, where near
    other_territory: TerritoryInfo | None  # its court territory, where near and there is one
    other_court: str | None  # the name of that territory's basic court
