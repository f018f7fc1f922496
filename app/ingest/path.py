"""The path of a ping, from bytes to what is stored, as one list (``judge``); design.md, section 2.

Every step takes a batch and returns the next; nothing is changed in place, nothing is dropped in silence. What cannot
be a fix at all is rejected with a code; everything else is stored, with its doubts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.assets.bindings import DeviceIndex
from app.core.datum import CoordSystem, to_wgs84
from app.core.settings import Settings
from app.ingest.entrance import Body
from app.jurisdictions.service import LocatedLayer
from app.telemetry import json_pings
from app.telemetry.domain import (
    DATUM_CODES,
    E7,
    NO_INT,
    Doubt,
    Fixes,
    Float,
    Mask,
    Measurements,
    PlacedFixes,
    RejectCode,
    Rejection,
    Reports,
    Small,
    Source,
)

NULL_ISLAND_DEG: Final = 0.001
"""A receiver without a fix sends zeros; some add the noise of the last digit. 0.001 degrees are 111 m of open sea."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is judged against.

    Attributes:
        settings: Limits and thresholds.
        received_at: When the batch came in, UTC.
        feed_datum: What the feed declares for rows that declare no datum; None when it declares nothing.
        devices: The lessor's devices and their bindings.
        layer: The boundary layer and its locator.
    """

    settings: Settings
    received_at: datetime
    feed_datum: CoordSystem | None
    devices: DeviceIndex
    layer: LocatedLayer


def judge(body: Body, around: Surroundings) -> PlacedFixes:
    """Walk one batch along the path, up to the door of the store.

    Raises:
        AppError: The batch as a whole cannot be taken; one bad row never is a reason.
    """
    reports = decode(body, around)
    fixes = normalise(reports, around)
    asset_id = bind(fixes, around)
    territory_id, county_adcode = locate(fixes, around)
    doubts = assess(fixes, asset_id, territory_id, around)
    return PlacedFixes(fixes, asset_id, doubts, territory_id, county_adcode)


def decode(body: Body, around: Surroundings) -> Reports:
    """Read what the devices said, in their own units, datum and clock."""
    return json_pings.decode(body.data, ndjson=body.is_ndjson, max_rows=around.settings.max_batch_rows)


def normalise(reports: Reports, around: Surroundings) -> Fixes:
    """Turn reports into fixes: a device that is known, coordinates that can be, WGS-84.

    This is the one place where a datum is converted.
    """
    device_id = around.devices.resolve(reports.identifiers)
    datum = np.where(reports.datum == 0, json_pings.declared_datum(around.feed_datum), reports.datum)
    bad_lat = ~(np.abs(reports.lat) <= 90)  # noqa: PLR2004 degrees; NaN is bad too
    bad_lon = ~(np.abs(reports.lon) <= 180)  # noqa: PLR2004 degrees
    checks: list[tuple[Mask, RejectCode, str, str]] = [
        (device_id < 0, RejectCode.UNKNOWN_DEVICE, "device_id", "device_id: no such device; register it first"),
        (
            bad_lat,
            RejectCode.OUT_OF_RANGE,
            "lat",
            "lat: expected -90 to 90 degrees; longitude and latitude may be swapped",
        ),
        (bad_lon, RejectCode.OUT_OF_RANGE, "lon", "lon: expected -180 to 180 degrees"),
        (
            datum == 0,
            RejectCode.DATUM_MISSING,
            "coord_system",
            "coord_system: name the datum (wgs84, cgcs2000, gcj02 or bd09); this feed declares none",
        ),
    ]
    keep, rejections = _sieve(reports.index, checks)
    lon, lat = _in_wgs84(reports.lon[keep], reports.lat[keep], datum[keep], around.layer)
    return Fixes(
        index=reports.index[keep],
        device_id=device_id[keep],
        fixed_us=reports.fixed_us[keep],
        lon_e7=np.rint(lon * E7).astype(np.int32),
        lat_e7=np.rint(lat * E7).astype(np.int32),
        datum=datum[keep],
        source=reports.source[keep],
        located=reports.located[keep],
        backfill=reports.backfill[keep],
        more=_kept(reports.more, keep),
        rejections=tuple(sorted((*reports.rejections, *rejections), key=lambda r: r.index)),
        received=reports.received,
    )


def bind(fixes: Fixes, around: Surroundings) -> Small:
    """Return the asset that each device was on at the time of its fix, ``NO_INT`` where on none."""
    found = around.devices.asset_at(fixes.device_id, fixes.fixed_us)
    return np.where(found < 0, NO_INT, found).astype(np.int32)


def locate(fixes: Fixes, around: Surroundings) -> tuple[Small, Small]:
    """Return court territory and county of each fix, ``NO_INT`` outside; exact, the same as ``ST_Covers``."""
    county = around.layer.locator.locate(fixes.lon_e7 / E7, fixes.lat_e7 / E7)
    inside = county >= 0
    territory = np.where(inside, around.layer.territory_id[county], -1)
    adcode = np.where(inside, around.layer.county_adcode[county], NO_INT)
    return np.where(territory < 0, NO_INT, territory).astype(np.int32), adcode.astype(np.int32)


def assess(fixes: Fixes, asset_id: Small, territory_id: Small, around: Surroundings) -> Small:
    """Return the doubts about each fix that its row and the clock tell; thresholds are settings."""
    settings = around.settings
    age_us = round(around.received_at.timestamp() * 1_000_000) - fixes.fixed_us
    zero = NULL_ISLAND_DEG * E7
    with np.errstate(invalid="ignore"):
        inaccurate = fixes.more.accuracy_m > settings.low_accuracy_m
    rules: list[tuple[Doubt, Mask]] = [
        (Doubt.NULL_ISLAND, (np.abs(fixes.lon_e7) < zero) & (np.abs(fixes.lat_e7) < zero)),
        (Doubt.NOT_LOCATED, ~fixes.located),
        (Doubt.FUTURE_FIX, -age_us > settings.future_tolerance.total_seconds() * 1e6),
        (Doubt.STALE_CLOCK, age_us > settings.stale_clock_before.total_seconds() * 1e6),
        (Doubt.OUTSIDE, territory_id == NO_INT),
        (Doubt.BACKFILL, fixes.backfill | (age_us > settings.backfill_after.total_seconds() * 1e6)),
        (Doubt.LOW_ACCURACY, inaccurate),
        (Doubt.NETWORK_FIX, (fixes.source == Source.CELL) | (fixes.source == Source.WIFI)),
        (Doubt.UNBOUND, asset_id == NO_INT),
    ]
    doubts = np.zeros(len(fixes.index), dtype=np.int32)
    for doubt, holds in rules:
        doubts |= np.where(holds, int(doubt), 0).astype(np.int32)
    return doubts


def _sieve(
    index: Small, checks: Sequence[tuple[Mask, RejectCode, str, str]]
) -> tuple[NDArray[np.intp], list[Rejection]]:
    """Return the rows that pass every check, and for each other row the first check that it failed."""
    failed = np.zeros(len(index), dtype=np.bool_)
    rejections: list[Rejection] = []
    for bad, code, field, message in checks:
        rejections += [Rejection(int(i), code, field, message) for i in index[bad & ~failed]]
        failed |= bad
    return np.flatnonzero(~failed), rejections


def _in_wgs84(lon: Float, lat: Float, datum: Small, layer: LocatedLayer) -> tuple[Float, Float]:
    for system, code in DATUM_CODES.items():
        mask = datum == code
        if system in {CoordSystem.WGS84, CoordSystem.CGCS2000} or not mask.any():
            continue
        lon, lat = lon.copy(), lat.copy()
        lon[mask], lat[mask] = to_wgs84(lon[mask], lat[mask], system, layer.inside)
    return lon, lat


def _kept(more: Measurements, keep: NDArray[np.intp]) -> Measurements:
    return replace(more, **{f.name: getattr(more, f.name)[keep] for f in fields(more)})
