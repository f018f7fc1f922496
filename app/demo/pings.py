"""Pings as columns, and how they become the bodies that a lessor's machine would post."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.geo.geodesy import BoolArray, FloatArray

IntArray = NDArray[np.int64]

BATCH_ROWS: Final = 1_000
NOT_TOLD: Final = -1
"""Stands in integer columns for a member that the row does not have."""

_SHANGHAI_OFFSET_S: Final = 8 * 3600


@dataclass(frozen=True, slots=True)
class Pings:
    """A stretch of pings, every column of shape ``(n,)``, row ``i`` of each about the same ping."""

    device: IntArray  # index into the identifiers of the devices
    fixed_s: IntArray  # fix time as the device tells it, seconds since 1970, UTC
    arrival_s: IntArray  # when it leaves the lessor's gateway, seconds since 1970, UTC
    sent_s: IntArray  # when the device says that it sent it, ``NOT_TOLD`` where it does not say
    lon: FloatArray  # degrees, in the datum of ``gcj02``
    lat: FloatArray  # degrees, in the datum of ``gcj02``
    gcj02: BoolArray  # the row is in, and declares, GCJ-02; else WGS-84
    cell: BoolArray  # the position comes from cell towers, not from satellites
    accuracy_m: FloatArray  # metres, NaN where not told
    speed_kmh: FloatArray  # kilometres an hour, NaN where not told
    course_deg: IntArray  # degrees from north, ``NOT_TOLD`` at rest
    satellites: IntArray  # count, ``NOT_TOLD`` for network fixes
    battery_pct: IntArray  # percent, ``NOT_TOLD`` for devices on the vehicle's power
    ignition: BoolArray  # meaningful where ``battery_pct`` is not told
    backfill: BoolArray  # sent late, after a gap

    def __len__(self) -> int:
        return len(self.device)

    def take(self, rows: IntArray | BoolArray | slice) -> "Pings":
        """Return some rows: by index, by mask, or a stretch."""
        return Pings(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


def concatenate(parts: Sequence[Pings]) -> Pings:
    """Return several stretches as one, in their order."""
    return Pings(
        **{column.name: np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Pings)}
    )


class WirePing(msgspec.Struct, omit_defaults=True, gc=False):
    """One ping as ``POST /v1/pings`` takes it; members that are not told are left out."""

    device_id: str
    fixed_at: str
    lat: float
    lon: float
    coord_system: Literal["wgs84", "gcj02"]
    source: Literal["gnss", "cell"]
    accuracy_m: float | None = None
    speed_kmh: float | None = None
    course_deg: int | None = None
    satellites: int | None = None
    sent_at: str | None = None
    backfill: bool = False
    ignition: bool | None = None
    external_power: bool | None = None
    battery_pct: int | None = None


def batches(pings: Pings, identifiers: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[bytes]:
    """Render pings as NDJSON bodies in the order in which they stand.

    Args:
        pings: The pings, in the order of arrival.
        identifiers: What each device calls itself.
        rows: Rows of a body.
    """
    encoder = msgspec.json.Encoder()
    for start in range(0, len(pings), rows):
        yield encoder.encode_lines(wire_rows(pings.take(slice(start, start + rows)), identifiers))


def wire_rows(pings: Pings, identifiers: Sequence[str]) -> list[WirePing]:
    """Return pings as rows of the wire; times carry the offset of China, as the lessor's gateway writes them."""
    wireless = (pings.battery_pct != NOT_TOLD).tolist()
    columns = zip(
        [identifiers[d] for d in pings.device.tolist()],
        _times(pings.fixed_s),
        np.round(pings.lat, 6).tolist(),
        np.round(pings.lon, 6).tolist(),
        ["gcj02" if shifted else "wgs84" for shifted in pings.gcj02.tolist()],
        ["cell" if cell else "gnss" for cell in pings.cell.tolist()],
        _floats(pings.accuracy_m),
        _floats(pings.speed_kmh),
        _ints(pings.course_deg),
        _ints(pings.satellites),
        _times(pings.sent_s),
        pings.backfill.tolist(),
        [None if no else on for on, no in zip(pings.ignition.tolist(), wireless, strict=True)],
        [None if no else True for no in wireless],
        _ints(pings.battery_pct),
        strict=True,
    )
    return [WirePing(*row) for row in columns]


def _times(seconds: IntArray) -> list[str | None]:
    local = np.datetime_as_string((seconds + _SHANGHAI_OFFSET_S).astype("datetime64[s]"))
    return [None if s == NOT_TOLD else f"{t}+08:00" for s, t in zip(seconds.tolist(), local.tolist(), strict=True)]


def _floats(values: FloatArray) -> list[float | None]:
    return [None if v != v else v for v in np.round(values, 1).tolist()]  # noqa: PLR0124 only NaN differs from itself


def _ints(values: IntArray) -> list[int | None]:
    return [None if v == NOT_TOLD else v for v in values.tolist()]
