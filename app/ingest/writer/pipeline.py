"""The pipeline of a ping: the steps from decoded rows to what is stored, in the order of ``run``.

1. ``to_reports`` (telemetry.pings.columns): the rows of all batches become columns.
2. ``normalise``: known device, valid time and coordinates, WGS-84; other rows are rejected with a code.
3. ``bind``: the asset that the device was on.
4. ``locate``: court territory and county.
5. ``arrival``: when the batch came in.
6. ``assess``: the doubts that one row and the clock show.

Then follow the speed gate (``tracking.live.last_known``) and the transaction (``commit.commit_group``). Each step
takes the whole group as columns: the same number of NumPy calls for one row as for 20,000. Each returns a new value,
and no row is dropped without a rejection.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.geo.datum import CoordSystem, to_wgs84
from app.ingest.writer.batch import Batch, PipelineContext, PreparedGroup
from app.jurisdictions.service import ActiveLayer
from app.telemetry.domain import (
    DATUM_CODES,
    E7,
    FIRST_US,
    LAST_US,
    NO_INT,
    Doubt,
    Fixes,
    Float,
    Int,
    Mask,
    Measurements,
    PlacedFixes,
    RejectCode,
    Rejection,
    Reports,
    Small,
    Source,
)
from app.telemetry.pings import batches, store
from app.telemetry.pings.columns import to_reports

# A receiver without a fix sends zeros, some with noise in the last digit. 0.001 degrees are 111 m of open sea.
NULL_ISLAND_DEG: Final = 0.001


def run(group: Sequence[Batch], context: PipelineContext) -> PlacedFixes:
    """Run the steps for a group, without the database; a single bad row never raises."""
    reports = to_reports([batch.decoded for batch in group], [batch.declared for batch in group])
    fixes = normalise(reports, group, context)
    asset_id = bind(fixes, group, context)
    territory_id, county_adcode = locate(fixes, context)
    received_us = arrival(fixes, group)
    doubts = assess(fixes, received_us, asset_id, territory_id, group, context)
    return PlacedFixes(fixes, received_us, asset_id, doubts, territory_id, county_adcode)


def prepare_group(group: Sequence[Batch], context: PipelineContext) -> PreparedGroup:
    """Run the pipeline and pack the bodies; needs no database and may run in a thread."""
    placed = run(group, context)
    now = max(batch.received_at for batch in group)
    return PreparedGroup(
        group=tuple(group),
        context=context,
        placed=placed,
        raw=tuple(batches.pack(batch.body) for batch in group),
        days=frozenset(store.days_of(placed.fixes.fixed_us, now)),
    )


def normalise(reports: Reports, group: Sequence[Batch], context: PipelineContext) -> Fixes:
    """Turn reports into fixes: known device, valid coordinates, WGS-84. The only place that converts a datum."""
    device_id = _resolve_devices(reports, group, context)
    keep, rejections = _reject_failing(reports, _row_checks(reports, device_id))
    if keep is None:
        lon, lat = _in_wgs84(reports.lon, reports.lat, reports.datum, context.layer)
        kept: Reports = reports
    else:
        kept = _select_rows(reports, keep)
        device_id = device_id[keep]
        lon, lat = _in_wgs84(kept.lon, kept.lat, kept.datum, context.layer)
    return Fixes(
        batch=kept.batch,
        index=kept.index,
        device_id=device_id,
        fixed_us=kept.fixed_us,
        lon_e7=np.rint(lon * E7).astype(np.int32),
        lat_e7=np.rint(lat * E7).astype(np.int32),
        datum=kept.datum,
        source=kept.source,
        located=kept.located,
        backfill=kept.backfill,
        more=kept.more,
        rejections=rejections,
    )


def bind(fixes: Fixes, group: Sequence[Batch], context: PipelineContext) -> Small:
    """Return the asset that each device was on at the time of its fix, ``NO_INT`` for none."""
    lessors = {batch.lessor_id for batch in group}
    if len(lessors) == 1:
        found = context.devices[lessors.pop()].asset_at(fixes.device_id, fixes.fixed_us)
        return np.where(found < 0, NO_INT, found).astype(np.int32)
    lessor_id = np.array([batch.lessor_id for batch in group], dtype=np.int32)[fixes.batch]
    asset_id = np.full(len(lessor_id), NO_INT, dtype=np.int32)
    for lessor in np.unique(lessor_id).tolist():
        mine = np.flatnonzero(lessor_id == lessor)
        found = context.devices[lessor].asset_at(fixes.device_id[mine], fixes.fixed_us[mine])
        asset_id[mine] = np.where(found < 0, NO_INT, found)
    return asset_id


def locate(fixes: Fixes, context: PipelineContext) -> tuple[Small, Small]:
    """Return court territory and county of each fix, ``NO_INT`` outside; exactly as ``ST_Covers``."""
    county = context.layer.locator.locate(fixes.lon_e7 / E7, fixes.lat_e7 / E7)
    inside = county >= 0
    territory = np.where(inside, context.layer.territory_id[county], -1)
    adcode = np.where(inside, context.layer.county_adcode[county], NO_INT)
    return np.where(territory < 0, NO_INT, territory).astype(np.int32), adcode.astype(np.int32)


def arrival(fixes: Fixes, group: Sequence[Batch]) -> Int:
    """Return when each fix came in, microseconds since 1970."""
    received = [round(batch.received_at.timestamp() * 1_000_000) for batch in group]
    return np.array(received, dtype=np.int64)[fixes.batch]


def assess(
    fixes: Fixes,
    received_us: Int,
    asset_id: Small,
    territory_id: Small,
    group: Sequence[Batch],
    context: PipelineContext,
) -> Small:
    """Return the doubts that the row itself and the clock show, as bits of ``Doubt``; thresholds are settings."""
    settings = context.settings
    age_us = received_us - fixes.fixed_us
    zero = NULL_ISLAND_DEG * E7
    with np.errstate(invalid="ignore"):
        inaccurate = fixes.more.accuracy_m > settings.low_accuracy_m
        impossible = fixes.more.speed_kmh > settings.max_speed_kmh
    rules: list[tuple[Doubt, Mask]] = [
        (Doubt.NULL_ISLAND, (np.abs(fixes.lon_e7) < zero) & (np.abs(fixes.lat_e7) < zero)),
        (Doubt.NOT_LOCATED, ~fixes.located),
        (Doubt.FUTURE_FIX, -age_us > settings.future_tolerance.total_seconds() * 1e6),
        (Doubt.STALE_CLOCK, age_us > settings.stale_clock_before.total_seconds() * 1e6),
        (Doubt.TOO_FAST, impossible),
        (Doubt.DATUM_SUSPECT, _suspects(fixes, group, context)),
        (Doubt.OUTSIDE, territory_id == NO_INT),
        (Doubt.BACKFILL, fixes.backfill | (age_us > settings.backfill_after.total_seconds() * 1e6)),
        (Doubt.LOW_ACCURACY, inaccurate),
        (Doubt.NETWORK_FIX, (fixes.source == Source.CELL) | (fixes.source == Source.WIFI)),
        (Doubt.UNBOUND, asset_id == NO_INT),
    ]
    doubts = np.zeros(len(fixes.index), dtype=np.int32)
    for doubt, holds in rules:
        if holds.any():
            doubts |= np.where(holds, int(doubt), 0).astype(np.int32)
    return doubts


def _suspects(fixes: Fixes, group: Sequence[Batch], context: PipelineContext) -> Mask:
    """Fixes of devices whose declared datum the worker found to be wrong (``tracking.datum.check``)."""
    found = [context.devices[lessor].suspects for lessor in {batch.lessor_id for batch in group}]
    if not any(map(len, found)):
        return np.zeros(len(fixes.index), dtype=np.bool_)
    suspects: Mask = np.isin(fixes.device_id, np.concatenate(found))
    return suspects


def _resolve_devices(reports: Reports, group: Sequence[Batch], context: PipelineContext) -> Small:
    ends = np.cumsum([len(batch.decoded.rows) for batch in group]).tolist()
    device_id: list[int] = []
    for batch, start, end in zip(group, [0, *ends], ends, strict=False):
        device_id += context.devices[batch.lessor_id].resolve(reports.identifiers[start:end])
    return np.array(device_id, dtype=np.int32)


def _row_checks(reports: Reports, device_id: Small) -> list[tuple[Mask, RejectCode, str, str]]:
    bad_time = (reports.fixed_us < FIRST_US) | (reports.fixed_us > LAST_US)
    bad_lat = ~(np.abs(reports.lat) <= 90)  # noqa: PLR2004 degrees; NaN is bad too
    bad_lon = ~(np.abs(reports.lon) <= 180)  # noqa: PLR2004 degrees
    return [
        (device_id < 0, RejectCode.UNKNOWN_DEVICE, "device_id", "device_id: no such device; register it first"),
        (
            bad_time,
            RejectCode.OUT_OF_RANGE,
            "fixed_at",
            "fixed_at: expected a time that is within the years 1 to 9999 in UTC too",
        ),
        (
            bad_lat,
            RejectCode.OUT_OF_RANGE,
            "lat",
            "lat: expected -90 to 90 degrees; longitude and latitude may be swapped",
        ),
        (bad_lon, RejectCode.OUT_OF_RANGE, "lon", "lon: expected -180 to 180 degrees"),
        (
            reports.datum == 0,
            RejectCode.DATUM_MISSING,
            "coord_system",
            "coord_system: name the datum (wgs84, cgcs2000, gcj02 or bd09); this feed declares none",
        ),
    ]


def _reject_failing(
    reports: Reports, checks: Sequence[tuple[Mask, RejectCode, str, str]]
) -> tuple[NDArray[np.intp] | None, tuple[tuple[Rejection, ...], ...]]:
    """Return the rows that pass every check (None for all), and for each other row the first check that failed."""
    failed = np.zeros(len(reports.index), dtype=np.bool_)
    rejections = [list(batch) for batch in reports.rejections]
    for bad, code, field, message in checks:
        if not bad.any():
            continue
        for row in np.flatnonzero(bad & ~failed).tolist():
            rejections[reports.batch[row]].append(Rejection(int(reports.index[row]), code, field, message))
        failed |= bad
    if not failed.any():
        return None, reports.rejections
    in_order = tuple(tuple(sorted(batch, key=lambda rejection: rejection.index)) for batch in rejections)
    return np.flatnonzero(~failed), in_order


def _in_wgs84(lon: Float, lat: Float, datum: Small, layer: ActiveLayer) -> tuple[Float, Float]:
    for system, code in DATUM_CODES.items():
        mask = datum == code
        if system in {CoordSystem.WGS84, CoordSystem.CGCS2000} or not mask.any():
            continue
        lon, lat = lon.copy(), lat.copy()
        lon[mask], lat[mask] = to_wgs84(lon[mask], lat[mask], system, layer.inside)
    return lon, lat


def _select_rows(reports: Reports, keep: NDArray[np.intp]) -> Reports:
    arrays = ("batch", "index", "fixed_us", "lon", "lat", "datum", "source", "located", "backfill")
    more = replace(reports.more, **{f.name: getattr(reports.more, f.name)[keep] for f in fields(Measurements)})
    chosen = {name: getattr(reports, name)[keep] for name in arrays}
    return replace(reports, more=more, identifiers=[], **chosen)
