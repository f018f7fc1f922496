"""The quality of a feed: counts, shares and lag by hour, and silent devices."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.core.context import Context
from app.core.errors import InvalidInput, NotFound
from app.core.settings import FeedSettings
from app.telemetry.domain import Doubt
from app.telemetry.feeds import queries
from app.telemetry.feeds.schemas import DoubtShareOut, FeedHourOut, FeedQualityOut, SilentDeviceOut, SilentDevicesOut
from app.telemetry.tables import FeedHourRow, FeedRow

MAX_WINDOW: Final = timedelta(days=31)
LISTED_DEVICES: Final = 100
_HOUR: Final = timedelta(hours=1)
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DOUBTED_CLOCK: Final = [i for i, doubt in enumerate(Doubt) if doubt in {Doubt.FUTURE_FIX, Doubt.STALE_CLOCK}]

Window = tuple[datetime, datetime]


def hours_of(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> Window:
    """Return the whole hours (UTC) of a window, by default the last 24.

    Raises ``InvalidInput`` if it is empty, begins in the future, or is longer than 31 days.
    """
    after_now = _full_hour(now) + _HOUR
    last = after_now
    if ends_at is not None and ends_at < after_now:
        last = _full_hour(ends_at)
        last += _HOUR if last < ends_at else timedelta(0)
    if last < _FIRST:
        raise InvalidInput(f"to: expected a time after {_FIRST.year}", field="to")
    first = _full_hour(starts_at) if starts_at is not None else last - timedelta(days=1)
    if not first < last:
        raise InvalidInput("from: expected a time before `to` that is not in the future", field="from")
    if last - first > MAX_WINDOW:
        raise InvalidInput(f"from: expected at most {MAX_WINDOW.days} days before `to`", field="from")
    return first, last


def _full_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


async def quality_of(
    session: AsyncSession, visibility: Visibility, feed_id: int, window: Window, context: Context
) -> FeedQualityOut:
    """Return the quality of a feed in a window of ``hours_of``. ``NotFound``: no such feed, or another lessor's."""
    found = await queries.feed_hours(session, visibility, feed_id, window)
    if found is None:
        raise NotFound("There is no such feed.")
    feed, last_batch_at, hours = found
    now, settings = context.clock.now(), context.settings.feeds
    silent_since = now - (feed.device_silent_after or settings.device_silent_after)
    rows = await queries.silent_devices(session, feed, silent_since, LISTED_DEVICES)
    devices = [SilentDeviceOut(**row, silent_s=int((now - row["received_at"]).total_seconds())) for _, row in rows]
    return FeedQualityOut(
        feed_id=feed_id,
        name=feed.name,
        state=state_of(feed, last_batch_at, now, settings),
        last_batch_at=last_batch_at,
        window_from=window[0],
        window_to=window[1],
        **_counts(hours),
        **_shares(hours),
        **_lag(hours),
        hours=_series(hours, window),
        silent_devices=SilentDevicesOut(
            count=rows[0][0] if rows else 0,
            silent_after=feed.device_silent_after or settings.device_silent_after,
            devices=devices,
        ),
        computed_at=now,
    )


def state_of(
    feed: FeedRow, last_batch_at: datetime | None, now: datetime, settings: FeedSettings
) -> Literal["live", "silent", "never"]:
    """Return whether a feed sends, has fallen silent, or has never sent."""
    if last_batch_at is None:
        return "never"
    return "live" if now - last_batch_at < (feed.silent_after or settings.silent_after) else "silent"


def _total(hours: Sequence[FeedHourRow], name: str) -> int:
    return int(sum(getattr(hour, name) for hour in hours))


def _counts(hours: Sequence[FeedHourRow]) -> dict[str, int]:
    names = ("batches", "received", "stored", "duplicates", "rejected", "doubted")
    return {name: _total(hours, name) for name in names}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _by_doubt(hours: Sequence[FeedHourRow]) -> list[int]:
    return [sum(column) for column in zip(*(hour.doubts for hour in hours), strict=True)] or [0] * len(Doubt)


def _shares(hours: Sequence[FeedHourRow]) -> dict[str, object]:
    received, stored = _total(hours, "received"), _total(hours, "stored")
    counted = sorted(zip(_by_doubt(hours), Doubt, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return {
        "duplicate_share": _share(_total(hours, "duplicates"), received),
        "rejected_share": _share(_total(hours, "rejected"), received),
        "doubted_share": _share(_total(hours, "doubted"), stored),
        "doubts": [
            DoubtShareOut(doubt=str(doubt.name).lower(), count=count, share=count / stored)
            for count, doubt in counted
            if count
        ],
    }


def _lag(hours: Sequence[FeedHourRow]) -> dict[str, float | None]:
    """Return mean and largest lag of the fixes whose clock is not doubted: a fix of 1980 would hide all others."""
    by_doubt = _by_doubt(hours)
    timed = _total(hours, "stored") - sum(by_doubt[i] for i in _DOUBTED_CLOCK)
    if timed <= 0:
        return {"lag_mean_s": None, "lag_max_s": None}
    return {
        "lag_mean_s": sum(hour.lag_s for hour in hours) / timed,
        "lag_max_s": max(hour.lag_max_s for hour in hours),
    }


def _series(hours: Sequence[FeedHourRow], window: Window) -> list[FeedHourOut]:
    """Return every hour of a window, also those without batches."""
    came = {hour.hour: hour for hour in hours}
    first, last = window
    series = []
    for number in range((last - first) // _HOUR):
        at = first + number * _HOUR
        hour = came.get(at)
        series.append(
            FeedHourOut(
                hour=at,
                batches=hour.batches if hour else 0,
                received=hour.received if hour else 0,
                stored=hour.stored if hour else 0,
            )
        )
    return series
