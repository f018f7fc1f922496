"""Pings as columns, and the request bodies that a lessor's gateway would post."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.geo.geodesy import BoolArray, FloatArray

IntArray = NDArray[np.int64]

BATCH_ROWS: Final = 1_000
MISSING: Final = -1
"""Marks a missing value in integer columns."""

_SHANGHAI_OFFSET_S: Final = 8 * 3600


@dataclass(frozen=True, slots=True)
class Pings:
    """Pings as columns of shape ``(n,)``; row ``i`` of each column describes the same ping."""

    device: IntArray  # index into the identifiers of the devices
    fixed_s: IntArray  # fix time by the device's clock, seconds since 1970, UTC
    arrival_s: IntArray  # when it leaves the lessor's gateway, seconds since 1970, UTC
    sent_s: IntArray  # send time by the device's clock, seconds since 1970, UTC; ``MISSING`` where not given
    lon: FloatArray  # degrees, in the datum of ``gcj02``
    lat: FloatArray  # degrees, in the datum of ``gcj02``
    gcj02: BoolArray  # the row is in, and declares, GCJ-02; else WGS-84
    cell: BoolArray  # the position comes from cell towers, not from satellites
    accuracy_m: FloatArray  # metres, NaN where missing
    speed_kmh: FloatArray  # kilometres per hour, NaN where missing
    course_deg: IntArray  # degrees from north, ``MISSING`` at rest
    satellites: IntArray  # count, ``MISSING`` for network fixes
    battery_pct: IntArray  # percent, ``MISSING`` for devices on the vehicle's power
    ignition: BoolArray  # meaningful where ``battery_pct`` is missing
    backfill: BoolArray  # sent late, after a gap

    def __len__(self) -> int:
        return len(self.device)

    def take(self, rows: IntArray | BoolArray | slice) -> "Pings":
        """Return some rows: by index, mask or slice."""
        return Pings(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


def concatenate(parts: Sequence[Pings]) -> Pings:
    """Return several parts as one, in their order."""
    return Pings(
        **{column.name: np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Pings)}
    )


class WirePing(msgspec.Struct, omit_defaults=True, gc=False):
    """One ping of ``POST /v1/pings``; missing members are left out."""

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
    """Yield pings as NDJSON bodies, in their order.

    Args:
        identifiers: Identifier of each device, by index.
        rows: Greatest number of rows in a body.
    """
    encoder = msgspec.json.Encoder()
    for start in range(0, len(pings), rows):
        yield encoder.encode_lines(wire_rows(pings.take(slice(start, start + rows)), identifiers))


def wire_rows(pings: Pings, identifiers: Sequence[str]) -> list[WirePing]:
    """Return pings as rows of the wire format. Times carry the offset of China, as a lessor's gateway writes."""
    wireless = (pings.battery_pct != MISSING).tolist()
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
    return [None if s == MISSING else f"{t}+08:00" for s, t in zip(seconds.tolist(), local.tolist(), strict=True)]


def _floats(values: FloatArray) -> list[float | None]:
    return [None if v != v else v for v in np.round(values, 1).tolist()]  # noqa: PLR0124 only NaN differs from itself


def _ints(values: IntArray) -> list[int | None]:
    return [None if v == MISSING else v for v in values.tolist()]
