"""Checks of county areas before a layer is accepted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem, everywhere, to_wgs84
from app.core.geo.geodesy import metres_per_degree
from app.jurisdictions.errors import BoundaryFileRefused, DatumMismatch
from app.jurisdictions.loading.layer import DivisionArea
from app.jurisdictions.locator.locator import Locator

SAME_BORDER_M: Final = 150.0
"""Median distance between the borders of good layers: about 100 m; in a wrong datum 180 to 480 m (measured)."""

_SAMPLE: Final = 600
_NAMED: Final = 5
_SLIVER_KM2: Final = 0.01
_POLYGONS: Final = (3, 6)


@dataclass(frozen=True, slots=True)
class DatumCheck:
    """Distance between a file's borders and the installed ones, for each candidate coordinate system."""

    median_m: dict[CoordSystem, float]  # median distance in metres by coordinate system (CGCS2000 counts as WGS-84)
    likely: CoordSystem  # the system with the smallest distance


def check_counties(adcodes: Sequence[str], areas: NDArray[np.object_]) -> None:
    """Refuse missing, invalid or repeated areas; ``BoundaryFileRefused`` names the first few codes."""
    repeated = [f"{code} ({count} times)" for code, count in Counter(adcodes).items() if count > 1]
    if repeated:
        raise BoundaryFileRefused(f"Division codes must not repeat: {_some(repeated)}", field="adcode")
    kinds = shapely.get_type_id(areas)
    wrong = [code for code, kind in zip(adcodes, kinds, strict=True) if kind not in _POLYGONS]
    wrong += [code for code, empty in zip(adcodes, shapely.is_empty(areas), strict=True) if empty]
    if wrong:
        raise BoundaryFileRefused(f"Expected a polygon for every division; not so: {_some(wrong)}", field="geometry")
    reasons = [
        f"{code} ({reason})"
        for code, reason in zip(adcodes, shapely.is_valid_reason(areas), strict=True)
        if reason != "Valid Geometry"
    ]
    if reasons:
        raise BoundaryFileRefused(f"Invalid polygons: {_some(reasons)}; repair them first", field="geometry")


def overlaps_and_gaps(counties: Sequence[DivisionArea]) -> list[str]:
    """Return one sentence each for overlapping counties and for holes in their union, both over 1 hectare."""
    areas = np.array([county.area for county in counties], dtype=object)
    found: list[str] = []
    if shapely.coverage_is_valid(areas):  # all borders are shared lines: no overlap, and the union is fast
        whole = shapely.coverage_union_all(areas)
    else:
        first, second = shapely.STRtree(areas).query(areas, predicate="intersects")
        first, second = first[first < second], second[first < second]
        size = _km2(shapely.intersection(areas[first], areas[second]))
        order = [n for n in np.argsort(-size) if size[n] > _SLIVER_KM2]
        pairs = [f"{counties[first[n]].adcode} and {counties[second[n]].adcode} ({size[n]:.2f} km²)" for n in order]
        if pairs:
            found.append(f"{len(pairs)} overlaps, the lower code is taken: {_some(pairs)}")
        whole = shapely.union_all(areas)
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(whole) for ring in part.interiors]
    size = _km2(np.array(holes, dtype=object))
    gaps = [
        f"at {hole.centroid.x:.4f}, {hole.centroid.y:.4f} ({km2:.2f} km²)"
        for hole, km2 in sorted(zip(holes, size, strict=True), key=lambda pair: -pair[1])
        if km2 > _SLIVER_KM2
    ]
    if gaps:
        found.append(f"{len(gaps)} gaps, points in them are outside: {_some(gaps)}")
    return found


def check_datum(areas: NDArray[np.object_], declared: CoordSystem, installed: Locator) -> DatumCheck:
    """Compare a file's borders with those of an installed layer, in each candidate coordinate system.

    Args:
        areas: Polygons in the coordinates of the file.
        declared: The coordinate system that the user declared for them.
        installed: Locator of a layer in WGS-84 that is known to be right.

    Raises:
        DatumMismatch: Another system fits better, or none fits; the message has the distances.
    """
    points = shapely.get_coordinates(areas)
    points = points[:: max(1, len(points) // _SAMPLE)]
    median_m: dict[CoordSystem, float] = {}
    for system in (CoordSystem.WGS84, CoordSystem.GCJ02, CoordSystem.BD09):
        lon, lat = to_wgs84(points[:, 0], points[:, 1], system, everywhere)
        median_m[system] = float(np.median(installed.border_distance_m(lon, lat).distance_m))
    likely = min(median_m, key=lambda system: median_m[system])
    meant = CoordSystem.WGS84 if declared is CoordSystem.CGCS2000 else declared
    numbers = ", ".join(f"{metres:.0f} m as {system}" for system, metres in median_m.items())
    if median_m[likely] > SAME_BORDER_M:
        raise DatumMismatch(
            f"The borders fit the installed ones in no coordinate system: median distance {numbers}; "
            f"expected at most {SAME_BORDER_M:.0f} m",
            field="datum",
        )
    if likely is not meant:
        raise DatumMismatch(
            f"Declared as {declared}, but the borders fit the installed ones best as {likely} "
            f"(median distance {numbers})",
            field="datum",
        )
    return DatumCheck(median_m, likely)


def _km2(areas: NDArray[np.object_]) -> NDArray[np.float64]:
    if not len(areas):
        return np.empty(0)
    bounds = shapely.bounds(areas)
    east, north = metres_per_degree(np.nan_to_num((bounds[:, 1] + bounds[:, 3]) / 2))
    km2: NDArray[np.float64] = shapely.area(areas) * east * north / 1e6
    return km2


def _some(things: Sequence[str]) -> str:
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")
