"""Names and codes of courts by a naming rule, used until a table of real courts confirms them.

The rule is right for 2,819 of 2,850 mainland counties (measured against two public court lists). Where it gives no
court, it gives the reason. A doubtful court carries a caveat. See ``docs/decisions/0004-courts-by-rule.md``.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from app.jurisdictions.domain import CourtLevel

NAMING_RULE: Final = "naming rule"
"""The source of every court made here; such a court is never ``verified``."""


class Province(NamedTuple):
    """A province-level division; ``abbreviation`` starts the codes of its courts, None where it has none."""

    name: str
    abbreviation: str | None


PROVINCES: Final[dict[str, Province]] = {
    "110000": Province("北京市", "京"),
    "120000": Province("天津市", "津"),
    "130000": Province("河北省", "冀"),
    "140000": Province("山西省", "晋"),
    "150000": Province("内蒙古自治区", "内"),
    "210000": Province("辽宁省", "辽"),
    "220000": Province("吉林省", "吉"),
    "230000": Province("黑龙江省", "黑"),
    "310000": Province("上海市", "沪"),
    "320000": Province("江苏省", "苏"),
    "330000": Province("浙江省", "浙"),
    "340000": Province("安徽省", "皖"),
    "350000": Province("福建省", "闽"),
    "360000": Province("江西省", "赣"),
    "370000": Province("山东省", "鲁"),
    "410000": Province("河南省", "豫"),
    "420000": Province("湖北省", "鄂"),
    "430000": Province("湖南省", "湘"),
    "440000": Province("广东省", "粤"),
    "450000": Province("广西壮族自治区", "桂"),
    "460000": Province("海南省", "琼"),
    "500000": Province("重庆市", "渝"),
    "510000": Province("四川省", "川"),
    "520000": Province("贵州省", "黔"),
    "530000": Province("云南省", "云"),
    "540000": Province("西藏自治区", "藏"),
    "610000": Province("陕西省", "陕"),
    "620000": Province("甘肃省", "甘"),
    "630000": Province("青海省", "青"),
    "640000": Province("宁夏回族自治区", "宁"),
    "650000": Province("新疆维吾尔自治区", "新"),
    "710000": Province("台湾省", None),
    "810000": Province("香港特别行政区", None),
    "820000": Province("澳门特别行政区", None),
}
MUNICIPALITIES: Final = frozenset({"110000", "120000", "310000", "500000"})
_GOVERNED_BY_PROVINCE: Final = "90"  # the third and fourth digits of units directly under a province

_NOT_IN_LISTS: Final = "Found in neither court list under this name"
_RENAMED: Final = f"{_NOT_IN_LISTS}: the unit was renamed, and its court may keep an older name and code"
_SANYA: Final = f"{_NOT_IN_LISTS}: the districts of Sanya have no courts of their own by name"
_SANSHA: Final = f"{_NOT_IN_LISTS}: the districts of Sansha have no courts of their own by name"
_CORPS: Final = (
    "A city of the Xinjiang Production and Construction Corps: which court is competent depends on the "
    "parties and the reclamation area, not on the place alone"
)

CAVEATS: Final[dict[str, str]] = {
    "350527": f"{_NOT_IN_LISTS}: Kinmen has no mainland court",
    "429021": "The rule doubles the name; the court lists have 神农架林区人民法院",
    "440499": f"{_NOT_IN_LISTS}: the campus of the University of Macau is no county and has no court of its own",
    "441900": "Dongguan is one county-level code with three basic courts; telling them apart needs their areas",
    "442000": "Zhongshan is one county-level code with two basic courts; telling them apart needs their areas",
    "460202": _SANYA,
    "460203": _SANYA,
    "460204": _SANYA,
    "460205": _SANYA,
    "460302": _SANSHA,
    "460303": _SANSHA,
    "530681": _RENAMED,
    "540481": f"{_RENAMED}; one list has 西藏自治区米林市人民法院",
    "540581": _RENAMED,
    "610305": _RENAMED,
    "610681": _RENAMED,
    "610981": _RENAMED,
    "620200": f"{_NOT_IN_LISTS}: Jiayuguan has no districts and one city court under another name",
    "632803": _RENAMED,
    "632825": f"{_NOT_IN_LISTS}: an administrative committee, not a county",
    **{f"6590{number:02}": _CORPS for number in range(1, 13)},
}
"""Counties whose basic court by rule is doubtful, with the reason; see the decision record."""

_ILI: Final = (
    "Ili has a branch of the high court of Xinjiang in the place of an intermediate court; the rule cannot name it"
)
_NO_INTERMEDIATE: Final[dict[str, str]] = {
    "460300": "Sansha is not confirmed to have an intermediate court; a table of courts is needed",
    "460400": "Danzhou belongs to one of Hainan's intermediate courts across divisions; a table of courts is needed",
    "654000": _ILI,
}


@dataclass(frozen=True, slots=True)
class CourtByRule:
    """A court named by the rule: unverified, with ``NAMING_RULE`` as its source."""

    level: CourtLevel
    name: str
    code: str
    caveat: str | None


@dataclass(frozen=True, slots=True)
class NoCourt:
    """The rule gives no court; ``reason`` is a sentence for users."""

    reason: str


def province_adcode(adcode: str) -> str:
    """Return the code of the province that a division lies in."""
    return adcode[:2] + "0000"


def basic_court(adcode: str, name: str, prefecture_name: str) -> CourtByRule | NoCourt:
    """Name the basic court of a county-level division.

    Args:
        name: The county's full name.
        prefecture_name: The prefecture's full name; for a municipality's district, the municipality's.

    Returns:
        The court, or the reason why there is none (Hong Kong, Macau, Taiwan, an unknown province).
    """
    province = _courts_of(adcode)
    if isinstance(province, NoCourt):
        return province
    full_name = f"{prefecture_name}{name}" if name.endswith("区") else name
    code = f"{province.abbreviation}{adcode[2:]}"
    return CourtByRule(CourtLevel.BASIC, f"{full_name}人民法院", code, CAVEATS.get(adcode))


def intermediate_court(adcode: str, name: str) -> CourtByRule | NoCourt:
    """Name the intermediate court of a prefecture-level division, or give the reason why the rule has none.

    Args:
        adcode: Six digits of the prefecture as in GB/T 2260, also in a municipality or directly under a province.
    """
    province = _courts_of(adcode)
    if isinstance(province, NoCourt):
        return province
    if province_adcode(adcode) in MUNICIPALITIES:
        return NoCourt(f"{province.name} has several intermediate courts; a table of their areas is needed")
    if adcode[2:4] == _GOVERNED_BY_PROVINCE:
        return NoCourt(
            "Directly under the province: its intermediate court crosses divisions (codes 87 to 99); "
            "a table of courts is needed"
        )
    if adcode in _NO_INTERMEDIATE:
        return NoCourt(_NO_INTERMEDIATE[adcode])
    code = f"{province.abbreviation}{adcode[2:4]}"
    return CourtByRule(CourtLevel.INTERMEDIATE, f"{province.name}{name}中级人民法院", code, None)


def high_court(adcode: str) -> CourtByRule | NoCourt:
    """Name the high court of the province that a division lies in."""
    province = _courts_of(adcode)
    if isinstance(province, NoCourt):
        return province
    return CourtByRule(CourtLevel.HIGH, f"{province.name}高级人民法院", str(province.abbreviation), None)


def _courts_of(adcode: str) -> Province | NoCourt:
    province = PROVINCES.get(province_adcode(adcode))
    if province is None:
        return NoCourt(f"No province is known for the code {adcode}")
    if province.abbreviation is None:
        return NoCourt(f"{province.name} has no court of the mainland's system")
    return province
