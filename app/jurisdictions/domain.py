"""The frozen types of divisions, courts and territories."""

from dataclasses import dataclass
from enum import StrEnum


class DivisionLevel(StrEnum):
    """The three levels of administrative division that carry a six-digit code."""

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
    """The boundary layer that an answer rests on.

    Attributes:
        layer_id: Its row.
        name: What it is called.
        source: The package or file that it came from.
        source_version: Which version of that.
        sha256: Hash of its codes, names and areas, in hexadecimal.
    """

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
        court_id: Its row.
        code: Its code 代字, for example 沪0105.
        name: Its full name.
        level: Basic, intermediate or high.
        province_adcode: The province it is in.
        verified: Whether a table of real courts has confirmed it.
        source: Who says that it exists: the naming rule, or a table.
        caveat: What is doubtful about it, None where nothing is known to be.
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
    """The territory of a basic court, with everything above it.

    Attributes:
        territory_id: Its row.
        county_adcode: Six digits of the county that it is (a part of).
        county: The county's name.
        prefecture_adcode: Six digits of its prefecture.
        prefecture: The prefecture's name.
        province_adcode: Six digits of its province.
        province: The province's name.
        basic: The court whose territory it is.
        intermediate: The court above it, None where it is not known.
        high: The high court of the province.
        basis: Why this court.
        verified: Whether a table of real courts has confirmed that.
        caveat: What is doubtful about it, None where nothing is known to be.
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
    """How near a point is to the border of another county.

    Attributes:
        distance_m: Metres to the other county, None where it is further than was asked.
        near: Whether it is within the distance that was asked.
        other_county: The other county, where near.
        other_territory: Its court territory, where near and there is one.
        other_court: The name of that territory's basic court.
    """

    distance_m: float | None
    near: bool
    other_county: CountyInfo | None
    other_territory: TerritoryInfo | None
    other_court: str | None
