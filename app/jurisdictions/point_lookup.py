"""The answer to "which divisions and courts does this point belong to"."""

from typing import Final

import numpy as np

from app.jurisdictions.active_layer import ActiveLayer
from app.jurisdictions.court_naming import CourtByRule, NoCourt, basic_court, high_court, intermediate_court
from app.jurisdictions.domain import BorderInfo, CountyInfo, CourtInfo, TerritoryInfo
from app.jurisdictions.locator.raster import OUTSIDE
from app.jurisdictions.schemas import (
    BorderOut,
    CourtCandidateRef,
    CourtOfLevelOut,
    CourtsOut,
    DivisionRef,
    DivisionsOut,
    LayerOut,
    LocationOut,
    OtherSideOut,
)

OUTSIDE_REASON: Final = "The point is outside every county of the boundary layer."
_UNKNOWN: Final = "Not in the register of courts."


def locate_point(layer: ActiveLayer, lon: float, lat: float, within_m: float) -> LocationOut:
    """Return the divisions, courts and nearest border of a point (WGS-84 degrees).

    A border closer than ``within_m`` metres is near.
    """
    lons, lats = np.array([lon]), np.array([lat])
    number = int(layer.locator.locate(lons, lats)[0])
    county = territory = None
    if number != OUTSIDE:
        county = layer.county(int(layer.county_adcode[number]))
        territory = layer.territories.get(int(layer.territory_id[number]))
    distance_m = float(layer.locator.border_distance_m(lons, lats).distance_m[0])
    near = layer.near_border(lons, lats, within_m)[0]
    courts = None if county is None else _courts(county, territory)
    return LocationOut(
        lon=lon,
        lat=lat,
        located=territory is not None,
        reason=OUTSIDE_REASON if courts is None else None if territory else courts.basic.reason,
        divisions=None if county is None else _divisions(county),
        courts=courts,
        border=BorderOut(
            distance_m=distance_m if np.isfinite(distance_m) else None,
            near=near.near or distance_m <= within_m,
            within_m=within_m,
            other=_other_side(near, county),
        ),
        layer=LayerOut(
            layer_id=layer.info.layer_id,
            name=layer.info.name,
            source=layer.info.source,
            source_version=layer.info.source_version,
            sha256=layer.info.sha256,
        ),
    )


def _divisions(county: CountyInfo) -> DivisionsOut:
    return DivisionsOut(
        province=DivisionRef(adcode=county.province_adcode, name=county.province),
        prefecture=DivisionRef(adcode=county.prefecture_adcode, name=county.prefecture),
        county=DivisionRef(adcode=county.adcode, name=county.name),
    )


def _courts(county: CountyInfo, territory: TerritoryInfo | None) -> CourtsOut:
    return CourtsOut(
        basic=_of_level(
            territory.basic if territory else None, basic_court(str(county.adcode), county.name, county.prefecture)
        ),
        intermediate=_of_level(
            territory.intermediate if territory else None,
            intermediate_court(str(county.prefecture_adcode), county.prefecture),
        ),
        high=_of_level(territory.high if territory else None, high_court(str(county.adcode))),
        territory_id=territory.territory_id if territory else None,
        basis=territory.basis if territory else None,
        verified=territory.verified if territory else False,
        caveat=territory.caveat if territory else None,
    )


def _of_level(court: CourtInfo | None, by_rule: CourtByRule | NoCourt) -> CourtOfLevelOut:
    if court is not None:
        return CourtOfLevelOut(court=court_ref(court), reason=None)
    return CourtOfLevelOut(court=None, reason=by_rule.reason if isinstance(by_rule, NoCourt) else _UNKNOWN)


def _other_side(border: BorderInfo, here: CountyInfo | None) -> OtherSideOut | None:
    there, territory = border.other_county, border.other_territory
    if there is None or border.distance_m is None:
        return None
    return OtherSideOut(
        distance_m=border.distance_m,
        province=DivisionRef(adcode=there.province_adcode, name=there.province),
        county=DivisionRef(adcode=there.adcode, name=there.name),
        basic=court_ref(territory.basic) if territory and territory.basic else None,
        cross_province=here is not None and here.province_adcode != there.province_adcode,
    )


def court_ref(court: CourtInfo) -> CourtCandidateRef:
    """Convert a court to its response model."""
    return CourtCandidateRef(
        court_id=court.court_id,
        code=court.code,
        name=court.name,
        level=court.level,
        verified=court.verified,
        source=court.source,
        caveat=court.caveat,
    )
