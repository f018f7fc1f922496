"""True movement of the assets: trips that end at each asset's final place, without device errors.

Times are seconds relative to the demo's moment, so negative. Coordinates are WGS-84 degrees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from app.core.geo.geodesy import FloatArray, destination, distance_m
from app.demo.places import inside
from app.jurisdictions.loading.layer import Shape

HOUR_S: Final = 3600.0


class Habits(NamedTuple):
    """Movement pattern of a kind of asset; ranges are least and most.

    With ``hauls``, trips lead from one stop to the next. Otherwise every second trip leads home.
    """

    trips: tuple[int, int]
    rest_h: tuple[float, float]
    speed_kmh: tuple[float, float]
    distance_km: tuple[float, float]
    hauls: bool


HABITS: Final = {
    "heavy_truck": Habits((1, 4), (2, 14), (52, 76), (40, 380), hauls=True),
    "light_truck": Habits((2, 6), (1, 9), (35, 60), (12, 110), hauls=False),
    "car": Habits((2, 7), (1, 11), (25, 55), (3, 45), hauls=False),
    "mixer": Habits((2, 8), (1, 5), (22, 42), (4, 22), hauls=False),
}
_STANDS_STILL_SHARE: Final = 0.25
_LAST_REST_H: Final = (1.5, 30.0)
_BENDS: Final = 9  # knots of a road between its ends
_CANDIDATES: Final = 32
_WINDING: Final = 0.04  # greatest distance from the straight line, as a share of the trip's length


@dataclass(frozen=True, slots=True)
class Leg:
    """One trip: start and end, average speed, and direction in degrees from north."""

    start_s: float
    end_s: float
    speed_kmh: float
    course_deg: float


@dataclass(frozen=True, slots=True)
class Journey:
    """True track of one asset: straight between knots, at rest between legs."""

    from_s: float
    until_s: float  # end; the last knot is the asset's final place
    knot_s: FloatArray  # times of the knots, ascending, shape ``(k,)``
    lon: FloatArray  # longitudes of the knots, shape ``(k,)``
    lat: FloatArray  # latitudes of the knots, shape ``(k,)``
    legs: tuple[Leg, ...]  # in the order of time

    def at(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return true longitudes and latitudes at those times."""
        return np.interp(time_s, self.knot_s, self.lon), np.interp(time_s, self.knot_s, self.lat)

    def motion(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return speed (km/h, 0 at rest) and course (degrees) at those times."""
        speed, course = np.zeros(len(time_s)), np.zeros(len(time_s))
        for leg in self.legs:
            on = (time_s > leg.start_s) & (time_s <= leg.end_s)
            speed[on], course[on] = leg.speed_kmh, leg.course_deg
        return speed, course


@dataclass(frozen=True, slots=True)
class Terrain:
    """Stops of long hauls, longitudes and latitudes of shape ``(n,)``, all on land."""

    lon: FloatArray
    lat: FloatArray


def journey_at_rest(lon: float, lat: float, from_s: float, until_s: float) -> Journey:
    """Return the journey of an asset at rest."""
    return Journey(from_s, until_s, np.array([from_s, until_s]), np.array([lon, lon]), np.array([lat, lat]), ())


def journey_to(
    rng: np.random.Generator,
    kind: str,
    end: tuple[float, float],
    home: Shape | None,
    terrain: Terrain,
    window_s: tuple[float, float],
    *,
    under_way: bool = False,
) -> Journey:
    """Generate a journey that ends at a place.

    Args:
        kind: Kind of asset; one without habits stays at rest.
        end: Longitude and latitude of the end.
        home: The county of the end, in which short trips stay; None for no limit.
        terrain: The stops of long hauls.
        window_s: Start and end.
        under_way: The last trip ends with the window: the asset is moving then.
    """
    from_s, until_s = window_s
    habits = HABITS.get(kind)
    if habits is None or (not under_way and rng.random() < _STANDS_STILL_SHARE):
        return journey_at_rest(*end, from_s, until_s)
    trips = list(_trips_backwards(rng, habits, end, home, terrain, window_s, under_way=under_way))[::-1]
    if not trips:
        return journey_at_rest(*end, from_s, until_s)
    first_lon, first_lat = trips[0].lon[0], trips[0].lat[0]
    return Journey(
        from_s,
        until_s,
        np.concatenate([[from_s], *[t.knot_s for t in trips], [until_s]]),
        np.concatenate([[first_lon], *[t.lon for t in trips], [end[0]]]),
        np.concatenate([[first_lat], *[t.lat for t in trips], [end[1]]]),
        tuple(t.leg for t in trips),
    )


class _Trip(NamedTuple):
    leg: Leg
    knot_s: FloatArray
    lon: FloatArray
    lat: FloatArray


def _trips_backwards(
    rng: np.random.Generator,
    habits: Habits,
    end: tuple[float, float],
    home: Shape | None,
    terrain: Terrain,
    window_s: tuple[float, float],
    *,
    under_way: bool,
) -> Iterator[_Trip]:
    from_s, arrives_s = window_s
    if not under_way:
        arrives_s -= rng.uniform(*_LAST_REST_H) * HOUR_S
    place = end
    for number in range(int(rng.integers(habits.trips[0], habits.trips[1] + 1))):
        origin = _origin(rng, habits, place, end, home, terrain, number)
        if origin is None:
            return
        trip = _trip(rng, habits, origin, place, arrives_s)
        if trip.leg.start_s < from_s + 0.5 * HOUR_S:
            return
        yield trip
        place = origin
        arrives_s = trip.leg.start_s - rng.uniform(*habits.rest_h) * HOUR_S


def _origin(
    rng: np.random.Generator,
    habits: Habits,
    place: tuple[float, float],
    end: tuple[float, float],
    home: Shape | None,
    terrain: Terrain,
    number: int,
) -> tuple[float, float] | None:
    """Return the start of a trip to ``place``, on land; None where no start fits the habits."""
    nearest_m, farthest_m = (1000.0 * km for km in habits.distance_km)
    if habits.hauls or home is None:
        away_m = distance_m(*place, terrain.lon, terrain.lat)
        reachable = np.flatnonzero((away_m > nearest_m) & (away_m < farthest_m))
        lon, lat = terrain.lon[reachable], terrain.lat[reachable]
    elif number % 2:
        return end
    else:
        away_m = rng.triangular(nearest_m, nearest_m, farthest_m, _CANDIDATES)
        lon, lat = destination(*place, rng.uniform(0, 360, _CANDIDATES), away_m)
        within = inside(home, lon, lat)
        lon, lat = lon[within], lat[within]
    if len(lon) == 0:
        return None
    pick = int(rng.integers(len(lon)))
    return float(lon[pick]), float(lat[pick])


def _trip(
    rng: np.random.Generator, habits: Habits, start: tuple[float, float], end: tuple[float, float], arrives_s: float
) -> _Trip:
    length_m = float(distance_m(*start, *end))
    speed_kmh = rng.uniform(*habits.speed_kmh)
    departs_s = arrives_s - length_m / (speed_kmh / 3.6)
    share = np.linspace(0.0, 1.0, _BENDS)
    off = rng.uniform(-_WINDING, _WINDING) * np.sin(np.pi * share) + rng.uniform(-0.01, 0.01) * np.sin(
        2 * np.pi * share
    )
    d_lon, d_lat = end[0] - start[0], end[1] - start[1]
    east = d_lon * np.cos(np.radians(end[1]))
    course = float(np.degrees(np.arctan2(east, d_lat)) % 360)
    return _Trip(
        Leg(departs_s, arrives_s, speed_kmh, course),
        departs_s + share * (arrives_s - departs_s),
        start[0] + share * d_lon - off * d_lat,
        start[1] + share * d_lat + off * d_lon,
    )
