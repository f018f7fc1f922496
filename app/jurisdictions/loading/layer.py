"""A boundary layer in memory: divisions with their areas, independent of the file format."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem
from app.jurisdictions.court_naming import MUNICIPALITIES, PROVINCES, province_adcode
from app.jurisdictions.domain import DivisionLevel

Shape: TypeAlias = shapely.Polygon | shapely.MultiPolygon


@dataclass(frozen=True, slots=True)
class DivisionArea:
    """One division and its area."""

    level: DivisionLevel  # with `adcode` the key, since some codes exist at two levels
    adcode: str  # six digits
    name: str
    parent: str | None  # code of the division above, None for a province
    area: Shape  # WGS-84, longitude first


@dataclass(frozen=True)
class BoundaryLayer:
    """Divisions of all three levels from one source."""

    name: str  # for example `amap`
    source: str  # a package or a file name
    source_version: str  # the package's version, or the hash of the file
    declared_datum: CoordSystem  # the coordinate system of the source; the areas here are WGS-84
    divisions: Sequence[DivisionArea]  # provinces, prefectures, counties, each level ordered by code
    caveats: Sequence[str] = ()  # findings of the reader, one sentence each

    def at(self, level: DivisionLevel) -> list[DivisionArea]:
        """Return the divisions of one level, ordered by code."""
        return sorted((d for d in self.divisions if d.level is level), key=lambda d: d.adcode)

    @cached_property
    def counties(self) -> list[DivisionArea]:
        """The counties ordered by code: a locator of this layer numbers them in this order."""
        return self.at(DivisionLevel.COUNTY)

    @cached_property
    def county_areas(self) -> NDArray[np.object_]:
        """The areas of ``counties``, in the same order, shape ``(n,)``."""
        return np.array([county.area for county in self.counties], dtype=object)

    @cached_property
    def sha256(self) -> str:
        """Hash of everything an answer can depend on: levels, codes, names, parents and areas."""
        digest = hashlib.sha256()
        for division in sorted(self.divisions, key=lambda d: (d.level, d.adcode)):
            head = (division.level, division.adcode, division.name, division.parent or "")
            digest.update("\x1f".join(head).encode() + b"\x1e")
            digest.update(shapely.to_wkb(division.area, byte_order=1))
        return digest.hexdigest()


def upper_levels(
    counties: Sequence[DivisionArea], prefecture_names: dict[str, str]
) -> tuple[list[DivisionArea], list[str]]:
    """Build the prefectures and provinces of a layer that has only counties, as unions of county areas.

    Args:
        counties: Counties with their prefecture as parent.
        prefecture_names: Names by prefecture code.

    Returns:
        The divisions, and a caveat for each prefecture without a known name.
    """
    made: list[DivisionArea] = []
    caveats: list[str] = []
    by_prefecture: dict[str, list[Shape]] = {}
    for county in counties:
        by_prefecture.setdefault(str(county.parent), []).append(county.area)
    by_province: dict[str, list[Shape]] = {}
    for adcode, areas in sorted(by_prefecture.items()):
        joined = shapely.union_all(areas)
        by_province.setdefault(province_adcode(adcode), []).append(joined)
        name = prefecture_names.get(adcode) or _municipality_name(adcode)
        if name is None:
            name = adcode
            caveats.append(f"prefecture {adcode}: no name given, its code is used instead")
        made.append(DivisionArea(DivisionLevel.PREFECTURE, adcode, name, province_adcode(adcode), joined))
    made.extend(
        DivisionArea(DivisionLevel.PROVINCE, adcode, PROVINCES[adcode].name, None, shapely.union_all(areas))
        for adcode, areas in sorted(by_province.items())
    )
    return made, caveats


def prefecture_adcode(adcode: str) -> str:
    """Return the prefecture code of a county, derived from the county's code alone.

    In a municipality, and in Hong Kong, Macau and Taiwan, it is the province's code. A unit directly under a province
    (third and fourth digit 90) is its own prefecture.
    """
    province = province_adcode(adcode)
    if province in MUNICIPALITIES or PROVINCES.get(province, PROVINCES["110000"]).abbreviation is None:
        return province
    return adcode if adcode[2:4] == "90" else adcode[:4] + "00"


def _municipality_name(adcode: str) -> str | None:
    own_prefecture = adcode in MUNICIPALITIES or (adcode in PROVINCES and not PROVINCES[adcode].abbreviation)
    return PROVINCES[adcode].name if own_prefecture else None
