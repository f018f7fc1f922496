"""The frozen types and pure rules of divisions, courts and territories."""

from enum import StrEnum


class DivisionLevel(StrEnum):
    """The three levels of administrative division that carry a six-digit code."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class CourtLevel(StrEnum):
    """Levels of the people's courts; ``special`` are railway, maritime, military and the like."""

    BASIC = "basic"
    INTERMEDIATE = "intermediate"
    HIGH = "high"
    SPECIAL = "special"
