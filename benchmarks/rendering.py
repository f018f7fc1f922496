"""Renders whole HTTP requests with NumPy: all rows have the same width, so digits are written by columns."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.fleet import IDENTIFIER
from benchmarks.pings import Fleet, Load, PingPlan

_DEGREES: Final = 10_000_000
_KMH_PER_KNOT: Final = 1.852
_ROW: Final = (
    f'{{"device_id":"{IDENTIFIER.format(0)}","fixed_at":"0000-00-00T00:00:00.000Z","lat":00.0000000,'
    '"lon":000.0000000,"coord_system":"wgs84","speed_kmh":00,"course_deg":000,"satellites":11,"ignition":true},'
).encode()
_OSMAND: Final = (
    f"/v1/feeds/osmand?id={IDENTIFIER.format(0)}&lat=00.0000000&lon=000.0000000&timestamp=0000000000000&speed=00"
)

Bytes = NDArray[np.uint8]


def request_head(path: str, host: str, key: str, content_length: int) -> bytes:
    """Return the head of a POST request with a JSON body of ``content_length`` bytes, or without a body."""
    kind = "Content-Type: application/json\r\n" if content_length else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"{kind}Content-Length: {content_length}\r\n\r\n"
    ).encode()


def batches(fleet: Fleet, plan: PingPlan, host: str, key: str, rows: int) -> Iterator[bytes]:
    """Render ``POST /v1/pings`` requests of ``rows`` pings each, lazily."""
    for first in range(0, plan.pings, rows):
        body = json_rows(fleet.load(plan, first, first + rows)).tobytes()
        yield request_head("/v1/pings", host, key, len(body) + 1) + b"[" + body[:-1] + b"]"


def singles(fleet: Fleet, plan: PingPlan, host: str, key: str) -> Iterator[bytes]:
    """Render ``POST /v1/pings`` requests of one ping each."""
    rows = json_rows(fleet.load(plan))
    rows[:, -1] = ord("]")
    head = request_head("/v1/pings", host, key, rows.shape[1] + 1) + b"["
    yield from (head + row.tobytes() for row in rows)


def osmand(fleet: Fleet, plan: PingPlan, host: str, key: str) -> Iterator[bytes]:
    """Render requests of OsmAnd's protocol: all values in the query string and no body."""
    load = fleet.load(plan)
    head = request_head(_OSMAND, host, key, 0)
    out = _repeated(head, len(load.device))
    _digits(out, head, b"id=86", 13, load.device)
    _degrees(out, head, load, b"lat=", b"lon=")
    _digits(out, head, b"timestamp=", 13, load.fixed_us // 1_000)
    _digits(out, head, b"speed=", 2, (load.speed_kmh / _KMH_PER_KNOT).astype(np.int64))
    yield from (row.tobytes() for row in out)


def json_rows(load: Load) -> Bytes:
    """Return pings as JSON objects, each followed by a comma, shape ``(n, width)``."""
    out = _repeated(_ROW, len(load.device))
    _digits(out, _ROW, b'"device_id":"86', 13, load.device)
    times = np.datetime_as_string(load.fixed_us.astype("datetime64[us]").astype("datetime64[ms]"))
    at = _ROW.index(b"0000-00-00T")
    out[:, at : at + 23] = times.astype("S23").view(np.uint8).reshape(-1, 23)
    _degrees(out, _ROW, load, b'"lat":', b'"lon":')
    _digits(out, _ROW, b'"speed_kmh":', 2, load.speed_kmh)
    _digits(out, _ROW, b'"course_deg":', 3, load.course_deg)
    return out


def _repeated(template: bytes, n: int) -> Bytes:
    return np.tile(np.frombuffer(template, dtype=np.uint8), (n, 1))


def _degrees(out: Bytes, template: bytes, load: Load, lat: bytes, lon: bytes) -> None:
    _digits(out, template, lat, 2, load.lat_e7 // _DEGREES)
    _digits(out, template, lat + b"00.", 7, load.lat_e7 % _DEGREES)
    _digits(out, template, lon, 3, load.lon_e7 // _DEGREES)
    _digits(out, template, lon + b"000.", 7, load.lon_e7 % _DEGREES)


def _digits(out: Bytes, template: bytes, behind: bytes, width: int, values: NDArray[np.int64]) -> None:
    """Write numbers as ``width`` digits into every row, after ``behind`` in the template."""
    last = template.index(behind) + len(behind) + width - 1
    rest = values
    for place in range(width):
        rest, digit = np.divmod(rest, 10)
        out[:, last - place] = digit + ord("0")
