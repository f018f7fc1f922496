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
    """A court.

    Attributes:
        code: Its court code 代字, for example 沪0105.
        verified: Whether a table of real courts has confirmed it.
        source: The naming rule, or the name of a table.
        caveat: Why it is doubtful, None where no doubt is known.
    """

    court_id: int
    code: str
    name: str
    level: CourtLevel
    province_adcode: int
    verified: bool
    source: str
    caveat: str | None


@dataclass(frozen=True, slots=True)
class TerritoryInfo:
    """The territory of a basic court, with the divisions and courts above it.

    Attributes:
        county_adcode: Six digits of the county that the territory equals or is part of.
        intermediate: None where it is not known.
        basis: The reason for this court.
        verified: Whether a table of real courts has confirmed the territory.
        caveat: Why it is doubtful, None where no doubt is known.
    """

    territory_id: int
    county_adcode: int
    county: str
    prefecture_adcode: int
    prefecture: str
    province_adcode: int
    province: str
    basic: CourtInfo | None
    intermediate: CourtInfo | None
    high: CourtInfo | None
    basis: str
    verified: bool
    caveat: str | None


@dataclass(frozen=True, slots=True)
class BorderInfo:
    """The nearest border of a point with another county, searched up to a distance limit.

    Attributes:
        distance_m: Metres to the other county, None beyond the limit.
        near: Whether it is within the limit.
        other_county: The other county, where near.
        other_territory: Its court territory, where near and there is one.
        other_court: The name of that territory's basic court.
    """

    distance_m: float | None
    near: bool
    other_county: CountyInfo | None
    other_territory: TerritoryInfo | None
    other_court: str | None
