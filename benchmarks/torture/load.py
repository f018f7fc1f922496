"""The clients' batches. They are seeded, so that the comparison can make any batch again from its name."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from app.telemetry.domain import E7
from benchmarks.fleet import IDENTIFIER

MAX_ROWS: Final = 300
_SINGLE_EVERY: Final = 4  # batches: many devices post one ping at a time
_OTHER_DAY_EVERY: Final = 8  # batches: a new day without partition occurs under the faults too
_OTHER_DAYS: Final = 20
_DAY_MS: Final = 86_400_000
_SHUFFLE: Final = 0xFF  # pings of a device come out of order, up to this many milliseconds
_FORMATS: Final = (
    ("application/json", "identity"),
    ("application/x-ndjson", "gzip"),
    ("application/json", "zstd"),
    ("application/x-ndjson", "identity"),
)
_PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


@dataclass(frozen=True, slots=True)
class BatchName:
    """Name of a batch; together with the plan it determines the content.

    Attributes:
        lane: The posting client; each lane has devices of its own.
        number: Its place in the lane, from 0.
    """

    lane: int
    number: int


@dataclass(frozen=True, slots=True)
class Rows:
    """The pings of a batch, arrays of one length.

    Attributes:
        device: Numbers of devices in the fleet, from 1.
        fixed_ms: Milliseconds since 1970, UTC; unique per device.
        lon_e7: WGS-84 longitude in 1e-7 degrees.
        lat_e7: WGS-84 latitude in 1e-7 degrees.
    """

    device: NDArray[np.int64]
    fixed_ms: NDArray[np.int64]
    lon_e7: NDArray[np.int64]
    lat_e7: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Message:
    """A batch in its wire format.

    Attributes:
        plain: The body before compression; the service keeps these bytes.
        content: The body as it is sent.
        headers: Its type and encoding.
    """

    plain: bytes
    content: bytes
    headers: dict[str, str]


def home_of(device: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the place of each device, WGS-84 longitude and latitude in 1e-7 degrees."""
    return 105 * E7 + device * 7_919_001 % (16 * E7), 24 * E7 + device * 5_417_003 % (15 * E7)


@dataclass(frozen=True, slots=True)
class Plan:
    """All batches of a run.

    Args:
        devices: Devices of the fleet, at least as many as lanes.
        origin_ms: Time of the earliest fix of today, milliseconds since 1970, UTC; a batch covers 300 ms after it.
    """

    devices: int
    lanes: int
    origin_ms: int
    seed: int = 7

    def rows(self, name: BatchName) -> Rows:
        """Return the pings of a batch: 1 to 300, each unlike every other of the plan."""
        random = np.random.default_rng((self.seed, name.lane, name.number))
        n = int(random.integers(1, MAX_ROWS + 1)) if name.number % _SINGLE_EVERY else 1
        fixed_ms = self.origin_ms + ((name.number * MAX_ROWS + np.arange(n, dtype=np.int64)) ^ _SHUFFLE)
        if name.number % _OTHER_DAY_EVERY == _OTHER_DAY_EVERY - 1:
            fixed_ms -= _DAY_MS * (1 + name.number // _OTHER_DAY_EVERY % _OTHER_DAYS)
        device = 1 + name.lane + self.lanes * random.integers(0, self.devices // self.lanes, n)
        lon_e7, lat_e7 = home_of(device)
        return Rows(  # every device moves within 50 m of its own place: no fix gets a doubt
            device=device,
            fixed_ms=fixed_ms,
            lon_e7=lon_e7 + random.integers(-5_000, 5_000, n),
            lat_e7=lat_e7 + random.integers(-5_000, 5_000, n),
        )

    def message(self, name: BatchName) -> Message:
        """Return a batch as it is posted: a JSON array or NDJSON, plain, gzip or zstd in turn."""
        content_type, encoding = _FORMATS[(name.number // len(_FORMATS) + name.lane) % len(_FORMATS)]
        lines = self._lines(name)
        plain = ("\n".join(lines) if "ndjson" in content_type else f"[{','.join(lines)}]").encode()
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        return Message(plain, _PACK[encoding](plain), headers)

    def line_bodies(self, name: BatchName) -> list[bytes]:
        """Return the lines of a batch as NDJSON, each with its line feed: any prefix of them is a whole body."""
        return [f"{line}\n".encode() for line in self._lines(name)]

    def _lines(self, name: BatchName) -> list[str]:
        rows = self.rows(name)
        times = np.datetime_as_string(rows.fixed_ms.astype("datetime64[ms]"), timezone="UTC")
        return [
            f'{{"device_id":"{IDENTIFIER.format(d)}","fixed_at":"{t}","lon":{x / E7:.7f},"lat":{y / E7:.7f},'
            f'"coord_system":"wgs84","speed_kmh":{d % 90},"satellites":11}}'
            for d, t, x, y in zip(
                rows.device.tolist(), times.tolist(), rows.lon_e7.tolist(), rows.lat_e7.tolist(), strict=True
            )
        ]
