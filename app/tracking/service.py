"""Use cases of tracking: the position of an asset, positions as of a time, and the track between."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets.service import devices_ever_on, visible_asset
from app.assets.transfers import transferred
from app.audit.notes import Note, note
from app.core.clock import MICROSECOND
from app.core.context import Context
from app.core.errors import InvalidInput
from app.core.web.paging import BIG_KEY, decode_key, encode_key
from app.core.web.parameters import EARLIEST
from app.core.web.schema_types import MAX_ID
from app.jurisdictions.service import ActiveLayer
from app.telemetry.domain import BLOCKING, E7, Source, doubt_names
from app.tracking import queries
from app.tracking.domain import Gap, Position, TrackPoint, confidence_of, gaps_of
from app.tracking.schemas import (
    DevicePositionOut,
    GapOut,
    PointOut,
    PositionBorderOut,
    PositionCourtRef,
    PositionOut,
    TrackOut,
    TrackPointOut,
)

MAX_WINDOW = timedelta(days=366)  # the longest window of a track


async def positions_as_of(session: AsyncSession, asset_ids: Sequence[int], as_of: datetime) -> list[Position]:
    """Return where assets were at an aware moment, from today's data: one position per asset, by its best device.

    Visibility is the caller's task. Assets without a good fix until then are left out.
    """
    return await queries.as_of(session, asset_ids, as_of)


async def position_of(
    session: AsyncSession,
    visibility: Visibility,
    asset_id: int,
    context: Context,
    layer: ActiveLayer,
    fresh_within: timedelta,
) -> PositionOut:
    """Return the current position of an asset, with age, doubts and reasons.

    A former lessor gets the last position before the transfer.

    Raises:
        NotFound: The asset does not exist or is not visible.
    """
    now = context.clock.now()
    await visible_asset(session, visibility, asset_id, now)
    since = (await transferred(session, visibility, [asset_id])).get(asset_id)
    if since is None:
        positions = await queries.current(session, asset_id)
    else:
        positions = await queries.as_of(session, [asset_id], since - MICROSECOND)
    note(session, Note("position.read", visibility.case_id, (asset_id,), results=len(positions)))
    if not positions:
        found = _never_located(asset_id, now)
    else:
        found = _described(positions, now, fresh_within, layer, context.settings.jurisdictions.border_near_m)
    return found if since is None else _of_before(found, since)


def _of_before(found: PositionOut, since: datetime) -> PositionOut:
    """Mark a position as the last one before the asset was transferred."""
    reason = f"transferred at {since.isoformat()}: where it is from then on is not visible to you"
    return found.model_copy(update={"state": "transferred", "reasons": [reason, *found.reasons]})


def _never_located(asset_id: int, now: datetime) -> PositionOut:
    return PositionOut(
        asset_id=asset_id,
        state="never_located",
        point=None,
        fixed_at=None,
        received_at=None,
        age_s=None,
        source=None,
        accuracy_m=None,
        speed_kmh=None,
        course_deg=None,
        doubts=[],
        confidence=None,
        reasons=["no device of this asset has sent a fix that can be believed"],
        county=None,
        county_adcode=None,
        prefecture=None,
        province=None,
        court=None,
        border=None,
        devices=[],
        data_as_of=None,
        computed_at=now,
    )


def _described(
    positions: Sequence[Position], now: datetime, fresh_within: timedelta, layer: ActiveLayer, border_near_m: float
) -> PositionOut:
    best = positions[0]
    territory = None if best.territory_id is None else layer.territory(best.territory_id)
    county = None if best.county_adcode is None else layer.county(best.county_adcode)
    border = _border(best, layer, border_near_m)
    confidence, reasons = confidence_of(best, now, fresh_within, near_border=border.near)
    if territory is None:
        reasons.append("outside every court's territory")
    fresh = now - best.fixed_at <= fresh_within
    basic = territory.basic if territory else None
    return PositionOut(
        asset_id=best.asset_id,
        state="outside" if territory is None else "fresh" if fresh else "stale",
        point=PointOut(lon=best.lon, lat=best.lat),
        fixed_at=best.fixed_at,
        received_at=best.received_at,
        age_s=max(0, int((now - best.fixed_at).total_seconds())),
        source=Source(best.source).name.lower(),
        accuracy_m=best.accuracy_m,
        speed_kmh=best.speed_kmh,
        course_deg=best.course_deg,
        doubts=doubt_names(best.doubts),
        confidence=confidence,
        reasons=reasons,
        county=county.name if county else None,
        county_adcode=best.county_adcode,
        prefecture=county.prefecture if county else None,
        province=county.province if county else None,
        court=PositionCourtRef(
            court_id=basic.court_id,
            code=basic.code,
            name=basic.name,
            basis=territory.basis,
            verified=territory.verified,
            caveat=territory.caveat,
        )
        if territory and basic
        else None,
        border=border,
        devices=[_device(position, best) for position in positions],
        data_as_of=max(position.received_at for position in positions),
        computed_at=now,
    )


def _device(position: Position, best: Position) -> DevicePositionOut:
    preferred = position is best
    if preferred:
        why = "the newest good fix; a network fix must be six hours newer than a satellite fix to be preferred"
    else:
        why = (
            "older than the preferred one" if position.fixed_at <= best.fixed_at else "newer, but not from satellites"
        )
    return DevicePositionOut(
        device_id=position.device_id,
        fixed_at=position.fixed_at,
        source=Source(position.source).name.lower(),
        preferred=preferred,
        why=why,
    )


def _border(position: Position, layer: ActiveLayer, within_m: float) -> PositionBorderOut:
    near = layer.near_border([position.lon], [position.lat], within_m)[0]
    return PositionBorderOut(distance_m=near.distance_m, near=near.near, other_court=near.other_court)


async def track_of(
    session: AsyncSession,
    visibility: Visibility,
    asset_id: int,
    window: tuple[datetime, datetime],
    context: Context,
    *,
    gap_after: timedelta,
    after: str | None,
    limit: int,
) -> TrackOut:
    """Return a page of an asset's pings in a window ``[from, to)``, with gaps and doubts.

    For a former lessor the track ends at the transfer.

    Raises:
        NotFound: The asset does not exist or is not visible.
        InvalidInput: The window begins before 1990, has no positive length or is longer than a year, or the token is
            invalid.
    """
    starts_at, ends_at = window
    if starts_at < EARLIEST:
        raise InvalidInput("from: expected a time from 1990-01-01 UTC on", field="from")
    if not timedelta(0) < ends_at - starts_at <= MAX_WINDOW:  # a sum could pass the year 9999
        raise InvalidInput("to: expected a time after `from`, at most 366 days later", field="to")
    now = context.clock.now()
    await visible_asset(session, visibility, asset_id, now)
    key: queries.TrackKey | None = None
    if after is not None:
        moment, device_id, lon_e7, lat_e7 = decode_key(after, (BIG_KEY, MAX_ID, MAX_ID, MAX_ID))
        key = (moment, device_id, lon_e7, lat_e7)
    since = (await transferred(session, visibility, [asset_id])).get(asset_id)
    if since is not None:  # row-level security hides the rest too
        window = (starts_at, min(ends_at, since))
    devices = await devices_ever_on(session, asset_id)
    points = await queries.track(session, asset_id, devices, window, key, limit + 1)
    page = points[:limit]
    note(session, Note("track.read", visibility.case_id, (asset_id,), window, results=len(page)))
    return TrackOut(
        asset_id=asset_id,
        window_from=starts_at,
        window_to=ends_at,
        points=[_point(point) for point in page],
        gaps=[_gap(gap) for gap in gaps_of(page, gap_after)],
        next=_token(page[-1]) if len(points) > limit else None,
        computed_at=now,
    )


def _token(point: TrackPoint) -> str:
    return encode_key(queries.micros(point.fixed_at), point.device_id, point.lon_e7, point.lat_e7)


def _point(point: TrackPoint) -> TrackPointOut:
    return TrackPointOut(
        fixed_at=point.fixed_at,
        device_id=point.device_id,
        lon=point.lon_e7 / E7,
        lat=point.lat_e7 / E7,
        sent_at=point.sent_at,
        received_at=point.received_at,
        source=Source(point.source).name.lower(),
        believed=not point.doubts & BLOCKING,
        doubts=doubt_names(point.doubts),
        accuracy_m=point.accuracy_m,
        speed_kmh=point.speed_kmh,
        course_deg=point.course_deg,
        county_adcode=point.county_adcode,
        batch_id=point.batch_id,
        row_index=point.row_index,
    )


def _gap(gap: Gap) -> GapOut:
    return GapOut(
        starts_at=gap.starts_at,
        ends_at=gap.ends_at,
        seconds=int((gap.ends_at - gap.starts_at).total_seconds()),
        displacement_m=gap.displacement_m,
    )
