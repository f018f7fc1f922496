"""True places of the demo's assets: points drawn inside county polygons, so that the county is known.

Nothing here uses the service's locator. A point is in its county by construction. It is at least ``MARGIN_M`` from
any border, several times the drift of a tracker, so that drift cannot change its county.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from app.core.geo.geodesy import BoolArray, FloatArray, destination, metres_per_degree
from app.jurisdictions.court_naming import CAVEATS, PROVINCES, province_adcode
from app.jurisdictions.loading.layer import DivisionArea, Shape

MARGIN_M: Final = 60.0
"""Least distance of an asset from a border, metres."""

NEAR_BORDER_M: Final = 900.0
"""Greatest distance from a border, metres, of the points that should be near one."""

PROVINCE_WEIGHTS: Final = {
    "310000": 6, "320000": 12, "330000": 9, "340000": 11, "370000": 9, "410000": 8, "130000": 7, "120000": 3,
    "430000": 4, "420000": 5, "360000": 4, "350000": 4, "440000": 6, "450000": 3, "510000": 4, "500000": 3,
    "610000": 3, "140000": 3, "210000": 3, "650000": 2,
}  # fmt: skip
"""The twenty provinces of the fleet, with weights."""

GATHERING_SIZES: Final = (
    40, 36, 31, 28, 26, 24, 22, 20, 18, 17, 16, 15, 14, 13, 12, 11, 11, 10, 9, 9, 8, 8, 7, 7, 6, 6, 6, 5, 5, 5,
)  # fmt: skip
"""Number of assets in each yard, depot and site; the others are alone."""

BEYOND: Final = ((120.98, 38.62), (106.76, 21.85))
"""Two points in no county: a ferry in the Bohai strait, and a truck park near Lạng Sơn in Viet Nam."""

_NEAR_BORDER_GATHERINGS: Final = frozenset({4, 9, 15, 21, 26})
_ACROSS_BORDER: Final = (12, 18)  # two gatherings that lie on both sides of one border
_NEAR_BORDER_SHARE: Final = 0.1
_INTERIOR_M: Final = 1_500.0
_CANDIDATES: Final = 512
_ROUNDS: Final = 40


@dataclass(frozen=True, slots=True)
class Spots:
    """Places of assets, arrays of shape ``(n,)``, WGS-84 degrees."""

    lon: FloatArray
    lat: FloatArray
    county_adcode: NDArray[np.int64]  # the county that holds each point, 0 for none
    border_m: FloatArray  # metres to the nearest point of its county's outline, NaN outside every county
    place: NDArray[np.int64]  # number of the shared yard, depot or site; -1 where an asset is alone
    kind: NDArray[np.str_]  # ``yard``, ``depot``, ``site``, ``alone``, or ``beyond`` for the points of ``BEYOND``


@dataclass(frozen=True, slots=True)
class _Cluster:
    county: DivisionArea
    centre: tuple[float, float]
    radius_m: float
    size: int
    place: int
    kind: str


def make_spots(rng: np.random.Generator, counties: Sequence[DivisionArea], count: int) -> Spots:
    """Choose places for ``count`` assets: gatherings by number, then assets alone, then ``BEYOND``.

    ``count`` must exceed the sum of ``GATHERING_SIZES``.
    """
    usable = _usable(counties)
    clusters = [*_gatherings(rng, usable), *_lone(rng, usable, count - sum(GATHERING_SIZES) - len(BEYOND))]
    points = [_scatter(rng, cluster) for cluster in clusters]
    sizes = [cluster.size for cluster in clusters]
    beyond = len(BEYOND)
    return Spots(
        lon=np.concatenate([*(lon for lon, _, _ in points), [lon for lon, _ in BEYOND]]),
        lat=np.concatenate([*(lat for _, lat, _ in points), [lat for _, lat in BEYOND]]),
        county_adcode=np.repeat([*(int(c.county.adcode) for c in clusters), 0], [*sizes, beyond]),
        border_m=np.concatenate([*(border for _, _, border in points), np.full(beyond, np.nan)]),
        place=np.repeat([*(c.place for c in clusters), -1], [*sizes, beyond]),
        kind=np.repeat([*(c.kind for c in clusters), "beyond"], [*sizes, beyond]),
    )


def inside(area: Shape, lon: FloatArray, lat: FloatArray) -> BoolArray:
    """Return for each point whether it lies in the interior of an area."""
    shapely.prepare(area)
    return np.asarray(shapely.contains_xy(area, lon, lat), dtype=np.bool_)


def border_distance_m(area: Shape, lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Measure metres from points to the outline of an area.

    Distances are planar, in a projection that is true to scale at the mean of the points. Within a few kilometres the
    error is below one thousandth.
    """
    scale = np.array([float(v) for v in metres_per_degree(float(np.mean(lat)))])
    outline = shapely.transform(shapely.boundary(area), lambda lonlat: lonlat * scale)
    return np.asarray(shapely.distance(outline, shapely.points(lon * scale[0], lat * scale[1])), dtype=np.float64)


def _usable(counties: Sequence[DivisionArea]) -> dict[str, list[DivisionArea]]:
    """Counties by province, without those whose court is uncertain: the truth must be unique."""
    grouped: dict[str, list[DivisionArea]] = {province: [] for province in PROVINCE_WEIGHTS}
    for county in sorted(counties, key=lambda c: c.adcode):
        group = grouped.get(province_adcode(county.adcode))
        if (
            group is not None
            and county.adcode not in CAVEATS
            and PROVINCES[province_adcode(county.adcode)].abbreviation
        ):
            group.append(county)
    return {province: group for province, group in grouped.items() if group}


def _draw_counties(
    rng: np.random.Generator, usable: dict[str, list[DivisionArea]], count: int
) -> Iterator[DivisionArea]:
    """Every province once while ``count`` allows, then by weight; counties of a province with equal chance."""
    provinces = list(usable)
    weights = np.array([PROVINCE_WEIGHTS[p] for p in provinces], dtype=np.float64)
    first = rng.permutation(len(provinces))[:count]
    rest = rng.choice(len(provinces), size=count - len(first), p=weights / weights.sum())
    for index in rng.permutation(np.concatenate([first, rest])).tolist():
        group = usable[provinces[index]]
        yield group[int(rng.integers(len(group)))]


def _gatherings(rng: np.random.Generator, usable: dict[str, list[DivisionArea]]) -> list[_Cluster]:
    kinds = ("depot", "yard", "site")
    clusters = []
    for place, (size, county) in enumerate(
        zip(GATHERING_SIZES, _draw_counties(rng, usable, len(GATHERING_SIZES)), strict=True)
    ):
        near = place in _NEAR_BORDER_GATHERINGS
        clusters.append(
            _Cluster(
                county, _point_in(rng, county.area, near=near), 60.0 + 14.0 * size**0.5, size, place, kinds[place % 3]
            )
        )
    everyone = [county for group in usable.values() for county in group]
    pair = _across_border(rng, clusters[_ACROSS_BORDER[0]].county, everyone)
    for place, (county, centre) in zip(_ACROSS_BORDER, pair, strict=True):
        clusters[place] = _Cluster(county, centre, 190.0, GATHERING_SIZES[place], place, "yard")
    return clusters


def _lone(rng: np.random.Generator, usable: dict[str, list[DivisionArea]], count: int) -> Iterator[_Cluster]:
    for county in _draw_counties(rng, usable, count):
        centre = _point_in(rng, county.area, near=rng.random() < _NEAR_BORDER_SHARE)
        yield _Cluster(county, centre, 20.0, 1, -1, "alone")


def _point_in(rng: np.random.Generator, area: Shape, *, near: bool) -> tuple[float, float]:
    """Return a point inside an area: within ``NEAR_BORDER_M`` of its outline, or farther where the area allows it."""
    for _ in range(_ROUNDS):
        lon, lat = _near_outline(rng, area) if near else _in_box(rng, area)
        within = inside(area, lon, lat)
        if not within.any():
            continue
        lon, lat = lon[within][:16], lat[within][:16]
        border = border_distance_m(area, lon, lat)
        good = (border > 3 * MARGIN_M) & (border < NEAR_BORDER_M) if near else border > _INTERIOR_M
        best = int(np.argmax(good)) if good.any() else int(np.argmax(border))
        if good.any() or border[best] > 3 * MARGIN_M:
            return float(lon[best]), float(lat[best])
    raise ValueError("no point was found inside the area: it is too small or too thin for the demo")


def _in_box(rng: np.random.Generator, area: Shape) -> tuple[FloatArray, FloatArray]:
    west, south, east, north = shapely.bounds(area).tolist()
    return rng.uniform(west, east, _CANDIDATES), rng.uniform(south, north, _CANDIDATES)


def _near_outline(rng: np.random.Generator, area: Shape) -> tuple[FloatArray, FloatArray]:
    corners = shapely.get_coordinates(area)
    corner = corners[int(rng.integers(len(corners)))]
    return _disc(rng, float(corner[0]), float(corner[1]), NEAR_BORDER_M)


def _disc(rng: np.random.Generator, lon: float, lat: float, radius_m: float) -> tuple[FloatArray, FloatArray]:
    away = radius_m * np.sqrt(rng.random(_CANDIDATES))
    return destination(lon, lat, rng.uniform(0, 360, _CANDIDATES), away)


def _across_border(
    rng: np.random.Generator, county: DivisionArea, everyone: Sequence[DivisionArea]
) -> Iterator[tuple[DivisionArea, tuple[float, float]]]:
    """Find a border with room on both sides within 400 m; yield both counties with the border point as centre."""
    near_by = [
        c for c in everyone if c is not county and shapely.intersects(shapely.box(*c.area.bounds), county.area)
    ]
    for corner in rng.permutation(shapely.get_coordinates(county.area)).tolist():
        lon, lat = _disc(rng, corner[0], corner[1], 190.0)
        if inside(county.area, lon, lat).mean() < 0.3:  # noqa: PLR2004
            continue
        for other in near_by:
            if inside(other.area, lon, lat).mean() > 0.3:  # noqa: PLR2004
                centre = (float(corner[0]), float(corner[1]))
                yield from ((county, centre), (other, centre))
                return
    raise ValueError(f"{county.name} has no land border with another county of the demo")


def _scatter(rng: np.random.Generator, cluster: _Cluster) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw the points of one cluster in its county, ``MARGIN_M`` from the outline: longitude, latitude, distance."""
    found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    radius_m = cluster.radius_m
    for _ in range(_ROUNDS):
        lon, lat = _disc(rng, *cluster.centre, radius_m)
        within = inside(cluster.county.area, lon, lat)
        lon, lat = lon[within], lat[within]
        border = border_distance_m(cluster.county.area, lon, lat) if len(lon) else np.empty(0)
        clear = border > MARGIN_M
        found.append((lon[clear], lat[clear], border[clear]))
        if sum(len(f[0]) for f in found) >= cluster.size:
            lon, lat, border = (np.concatenate(column)[: cluster.size] for column in zip(*found, strict=True))
            return lon, lat, border
        radius_m *= 1.2
    raise ValueError(f"{cluster.county.name} has no room for {cluster.size} assets at {cluster.centre}")
