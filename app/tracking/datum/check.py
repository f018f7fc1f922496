"""Finds a device that sends another datum than it declares, from where it rests; pure.

A device that declares WGS-84 and sends GCJ-02 is stored one local shift away from its real place: about 430 m, with a
direction and length that are known for every place. One that declares GCJ-02 and sends WGS-84 is stored one shift the
other way. A single fix does not show it. It shows in one of two ways:

* The device rests, several times, exactly one shift away from its earlier stays or its lessor's depots, and never
  again at those places themselves.
* Another device on the same asset reports a place one shift away, at the same moments.

Only the shift of a wrong declaration counts, and only against places of the same declaration. So a corrected
declaration, or a gateway that stops shifting, raises no suspicion. The data exclude chance: the same shift turned
into other directions must not match as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem, Inside, from_wgs84, to_wgs84
from app.core.geo.geodesy import metres_per_degree
from app.telemetry.domain import DATUM_CODES, Float, Int, Mask, Small

REST_M: Final = 50.0  # fixes this close to the first one are one stay
REST_US: Final = 10 * 60 * 1_000_000  # the shortest stay: shorter ones are traffic lights
REST_FIXES: Final = 3
MATCH_M: Final = 40.0  # how close to the exact shift: two averages of satellite fixes on one parking space
DEPOT_M: Final = 100.0  # the most of a depot's radius that counts: the shift must be larger than the yard
APART_M: Final = 200.0  # stays farther apart are at two places
STAYS: Final = 3
"""Stays that must match, at two places: with two stays, an estimated 1 % of devices a year would match by chance."""
SHARE: Final = 0.25  # the part of the stays since then that must match; the others may be at new places
PAIRS: Final = 10  # pairs of fixes with another device on the same asset that must match
SAME_TIME_US: Final = 60 * 1_000_000
CHANCE: Final = 1e-4  # the matches must be less probable than this by chance
_TURNS: Final = np.radians(np.arange(0, 360, 30))  # the first is the shift itself
_NEVER: Final = 10**9
_WGS84: Final = (DATUM_CODES[CoordSystem.WGS84], DATUM_CODES[CoordSystem.CGCS2000])
_GCJ02: Final = DATUM_CODES[CoordSystem.GCJ02]


@dataclass(frozen=True, slots=True)
class Fixes:
    """Good satellite fixes of one device below 5 km/h, in the order of time; columns ``(n,)``."""

    fixed_us: Int  # microseconds since 1970, UTC
    lon: Float  # WGS-84 degrees east, as stored; ``lat`` is degrees north
    lat: Float
    datum: Small  # ``DATUM_CODES`` of the declaration
    flagged: Mask  # whether the fix is ``DATUM_SUSPECT`` already


@dataclass(frozen=True, slots=True)
class Stays:
    """The stays of a device; columns ``(n,)``, in the order of time.

    Medians in degrees; the first fix in microseconds since 1970, UTC. ``datum`` is as declared; CGCS2000 counts as
    WGS-84. ``flagged``: ``DATUM_SUSPECT`` already.
    """

    lon: Float  # median of its fixes, degrees east; ``lat`` is degrees north
    lat: Float
    from_us: Int  # time of the first fix, microseconds since 1970, UTC
    fixes: Small  # their number
    datum: Small  # as declared; CGCS2000 counts as WGS-84
    flagged: Mask  # whether its fixes are ``DATUM_SUSPECT`` already


@dataclass(frozen=True, slots=True)
class Places:
    """Depots of a lessor; columns ``(m,)``, WGS-84 degrees and metres."""

    lon: Float
    lat: Float
    radius_m: Float


def find_stays(fixes: Fixes) -> tuple[Stays, Mask]:
    """Return the stays of a device, and which of its fixes belong to one."""
    datum = np.where(np.isin(fixes.datum, _WGS84), _WGS84[0], fixes.datum)
    east, north = metres_per_degree(fixes.lat)
    kept: list[slice] = []
    start, n = 0, len(fixes.fixed_us)
    while start < n:
        end = start + 1
        while (
            end < n
            and datum[end] == datum[start]
            and fixes.flagged[end] == fixes.flagged[start]
            and abs((fixes.lon[end] - fixes.lon[start]) * east[start]) <= REST_M
            and abs((fixes.lat[end] - fixes.lat[start]) * north[start]) <= REST_M
        ):
            end += 1
        if end - start >= REST_FIXES and fixes.fixed_us[end - 1] - fixes.fixed_us[start] >= REST_US:
            kept.append(slice(start, end))
        start = end
    member = np.zeros(n, dtype=np.bool_)
    for stay in kept:
        member[stay] = True
    first = [stay.start for stay in kept]
    stays = Stays(
        lon=np.array([np.median(fixes.lon[stay]) for stay in kept], dtype=np.float64),
        lat=np.array([np.median(fixes.lat[stay]) for stay in kept], dtype=np.float64),
        from_us=fixes.fixed_us[first],
        fixes=np.array([stay.stop - stay.start for stay in kept], dtype=np.int32),
        datum=datum[first].astype(np.int32),
        flagged=fixes.flagged[first],
    )
    return stays, member


def wrongly_declared(lon: Float, lat: Float, datum: Small, inside: Inside) -> tuple[Float, Float]:
    """Return where points are stored when their declaration is wrong; NaN where that shifts nothing.

    Args:
        lon: True WGS-84 degrees east, shape ``(n,)``; ``lat`` is degrees north.
        datum: ``DATUM_CODES`` of the declaration, shape ``(n,)``.
        inside: Where GCJ-02 is shifted.
    """
    as_gcj = from_wgs84(lon, lat, CoordSystem.GCJ02, inside)
    back = to_wgs84(lon, lat, CoordSystem.GCJ02, inside)
    plain, gcj = np.isin(datum, _WGS84), datum == _GCJ02
    there = [np.where(plain, a, np.where(gcj, b, np.nan)) for a, b in zip(as_gcj, back, strict=True)]
    moved = (there[0] != lon) | (there[1] != lat)
    return np.where(moved, there[0], np.nan), np.where(moved, there[1], np.nan)


@dataclass(frozen=True, slots=True)
class _Matches:
    """The first earlier stay that each stay matches: its number, -1 for a depot, ``_NEVER`` for none.

    Attributes:
        turned: One shift away, by rotation of the shift and by stay, shape ``(12, n)``; the first rotation is none.
    """

    turned: NDArray[np.int64]
    plain: NDArray[np.int64]  # at the place itself, of any declaration, shape ``(n,)``


def _match(stays: Stays, depots: Places, inside: Inside) -> _Matches:
    n = len(stays.lon)
    lon, lat = np.concatenate((stays.lon, depots.lon)), np.concatenate((stays.lat, depots.lat))
    number = np.concatenate((np.arange(n), np.full(len(depots.lon), -1)))
    within = np.concatenate((np.full(n, MATCH_M), np.clip(depots.radius_m, MATCH_M, DEPOT_M)))
    usable = np.concatenate((~stays.flagged, np.ones(len(depots.lon), dtype=np.bool_)))
    east, north = metres_per_degree(lat)
    x, y = (stays.lon[:, None] - lon) * east, (stays.lat[:, None] - lat) * north
    earlier = (number < np.arange(n)[:, None]) & usable
    at_place = (np.hypot(x, y) <= within) & earlier
    same = np.concatenate((stays.datum, np.zeros(len(depots.lon), dtype=np.int32)))
    turned = np.full((len(_TURNS), n), _NEVER, dtype=np.int64)
    for datum in np.unique(stays.datum):
        there_lon, there_lat = wrongly_declared(lon, lat, np.full(len(lon), datum), inside)
        dx, dy = (there_lon - lon) * east, (there_lat - lat) * north
        rows = stays.datum == datum
        comparable = earlier & ~at_place & ((same == datum) | (number < 0)) & rows[:, None]
        for turn, angle in enumerate(_TURNS):
            tx, ty = dx * np.cos(angle) - dy * np.sin(angle), dx * np.sin(angle) + dy * np.cos(angle)
            hit = (np.hypot(x - tx, y - ty) <= within) & comparable
            turned[turn, rows] = _first(hit, number)[rows]
    return _Matches(turned, _first(at_place, number))


def _first(hit: Mask, number: NDArray[np.int64]) -> NDArray[np.int64]:
    first: NDArray[np.int64] = np.where(hit, number, _NEVER).min(axis=1, initial=_NEVER)
    return first


def shifted_since(stays: Stays, depots: Places, inside: Inside, matches: int) -> int | None:
    """Return since when a device rests one shift away from its places, None when it does not.

    Args:
        stays: Flagged ones are judged, but nothing is compared with them.
        matches: The least number of matching fixes, in ``STAYS`` stays at two places.

    Returns:
        The time of the first matching fix, microseconds since 1970.
    """
    if len(stays.lon) < STAYS:
        return None
    found = _match(stays, depots, inside)
    for onset in range(len(stays.lon) - STAYS + 1):
        matched = found.turned[0, onset:] < onset
        if (found.plain[onset:] < onset).any() or not matched.any():
            continue
        rows = onset + np.flatnonzero(matched)
        enough = len(rows) >= max(STAYS, len(matched) * SHARE) and int(stays.fixes[rows].sum()) >= matches
        by_chance = int((found.turned[1:, onset:] < onset).sum())
        if enough and _two_places(stays, rows) and _improbable(len(rows), len(matched), by_chance):
            return int(stays.from_us[rows[0]])
    return None


def _two_places(stays: Stays, rows: NDArray[np.intp]) -> bool:
    east, north = metres_per_degree(stays.lat[rows[0]])
    far = np.hypot((stays.lon[rows] - stays.lon[rows[0]]) * east, (stays.lat[rows] - stays.lat[rows[0]]) * north)
    return bool(far.max() > APART_M)


def _improbable(hits: int, stays: int, turned_hits: int) -> bool:
    """Return whether this many hits are no chance, given how often the turned shifts hit (Laplace's rule)."""
    turns = len(_TURNS) - 1
    p = (turned_hits + 1) / (turns * stays + turns)
    return sum(comb(stays, k) * p**k * (1 - p) ** (stays - k) for k in range(hits, stays + 1)) < CHANCE


def shift_has_ended(stays: Stays, depots: Places, inside: Inside, matches: int) -> bool:
    """Return whether a suspected device rests at its places again, and no longer one shift away.

    ``matches``: the least number of fixes at the places, in two stays after the last that matched the shift.
    """
    if not stays.flagged.any():
        return False
    found = _match(stays, depots, inside)
    begins = int(np.flatnonzero(stays.flagged)[0])
    shifted = np.flatnonzero((found.turned[0] < begins) & stays.flagged)
    after = np.arange(len(stays.lon)) > (shifted[-1] if len(shifted) else begins - 1)
    back = after & (found.plain < begins) & stays.flagged
    return int(np.count_nonzero(back)) >= 2 and int(stays.fixes[back].sum()) >= matches  # noqa: PLR2004 see above


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """The result of a comparison with another device on the same asset.

    Attributes:
        agrees: Whether the two agree in ``PAIRS`` pairs of fixes, and never differ by the shift after the first of
            them.
    """

    since_us: int | None  # since when the device is one shift away from it; None when it is not
    agrees: bool


def compare_with_reference(fixes: Fixes, reference: Fixes, inside: Inside) -> DeviceComparison:
    """Compare a device's stays with those of another device on the same asset, none flagged, at the same times."""
    mine, other = _pairs(fixes, reference)
    lon, lat = reference.lon[other], reference.lat[other]
    datum = np.where(np.isin(fixes.datum, _WGS84), _WGS84[0], fixes.datum)[mine]
    others = np.where(np.isin(reference.datum, _WGS84), _WGS84[0], reference.datum)[other]
    east, north = metres_per_degree(lat)
    x, y = (fixes.lon[mine] - lon) * east, (fixes.lat[mine] - lat) * north
    there_lon, there_lat = wrongly_declared(lon, lat, datum, inside)
    together = np.hypot(x, y) <= MATCH_M
    shifted = np.hypot(x - (there_lon - lon) * east, y - (there_lat - lat) * north) <= MATCH_M
    shifted &= ~together & (datum == others)
    since = _run(shifted, ~together)
    return DeviceComparison(
        since_us=None if since is None else int(fixes.fixed_us[mine[since]]),
        agrees=_run(together, ~shifted) is not None,
    )


def _pairs(fixes: Fixes, reference: Fixes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each fix the fix of the other device that is nearest in time, where it is near enough."""
    if not len(reference.fixed_us):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    after = np.searchsorted(reference.fixed_us, fixes.fixed_us).clip(0, len(reference.fixed_us) - 1)
    before = (after - 1).clip(0)
    nearer = np.abs(reference.fixed_us[before] - fixes.fixed_us) <= np.abs(reference.fixed_us[after] - fixes.fixed_us)
    other = np.where(nearer, before, after)
    mine = np.flatnonzero(np.abs(reference.fixed_us[other] - fixes.fixed_us) <= SAME_TIME_US)
    return mine, other[mine]


def _run(hit: Mask, allowed: Mask) -> int | None:
    """Return the first hit after the last pair that contradicts it, if there are ``PAIRS`` of them."""
    against = np.flatnonzero(~allowed)
    hits: Sequence[int] = np.flatnonzero(hit[(int(against[-1]) + 1 if len(against) else 0) :]).tolist()
    first = int(against[-1]) + 1 if len(against) else 0
    return first + hits[0] if len(hits) >= PAIRS else None
