"""How many pings a second the service stores, beside what one connection's bare binary COPY does in the same run."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import numpy as np
import psycopg
from numpy.typing import NDArray

from app.bench.fleet import IDENTIFIER
from app.bench.numbers import percentile_ms
from app.telemetry.pgcopy import HEADER, TRAILER, FixedRow, pg_micros

BATCH_ROWS: Final = 1_000
CONNECTIONS: Final = 8
_BARE: Final = FixedRow(
    {
        "fixed_at": ">i8", "batch_id": ">i8", "device_id": ">i4", "asset_id": ">i4",
        "lessor_id": ">i4", "lon_e7": ">i4", "lat_e7": ">i4", "territory_id": ">i4",
        "doubts": ">i2", "row_index": ">i2", "variant": ">i2", "origin": ">i2", "speed_tenth_kmh": ">i2",
        "course_deg": ">i2", "satellites": ">i2", "ignition": ">i1",
    }
)  # fmt: skip
"""The columns of ``ping`` in the table's order."""


@dataclass(frozen=True, slots=True)
class Load:
    """Pings of a synthetic fleet, in batches that mix devices.

    Attributes:
        device: Number of the device of each ping, shape ``(n,)``.
        fixed_us: Microseconds since 1970, shape ``(n,)``.
        lon: WGS-84 degrees, shape ``(n,)``.
        lat: WGS-84 degrees, shape ``(n,)``.
    """

    device: NDArray[np.int64]
    fixed_us: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def make_load(pings: int, devices: int, ending: datetime, seed: int = 7) -> Load:
    """Make pings of devices that walk about eastern China, in the order of time, every device in turn."""
    random = np.random.default_rng(seed)
    device = np.concatenate([random.permutation(devices) + 1 for _ in range(-(-pings // devices))])[:pings]
    homes = np.random.default_rng(0)  # the same in every load: a device does not jump between two of them
    home_lon, home_lat = homes.uniform(105, 121, devices + 1), homes.uniform(24, 39, devices + 1)
    span = timedelta(hours=1) / timedelta(microseconds=1)
    fixed = round(ending.timestamp() * 1e6) - np.linspace(span, 0, pings).astype(np.int64)
    return Load(
        device,
        fixed // 1_000 * 1_000,
        np.round(home_lon[device] + random.normal(0, 0.01, pings), 7),
        np.round(home_lat[device] + random.normal(0, 0.01, pings), 7),
    )


def bodies(load: Load) -> list[bytes]:
    """Render the load as JSON batches, before the clock starts."""
    times = np.datetime_as_string(load.fixed_us.astype("datetime64[us]").astype("datetime64[ms]"), timezone="UTC")
    rows = [
        f'{{"device_id":"{IDENTIFIER.format(d)}","fixed_at":"{t}","lat":{lat},"lon":{lon},"coord_system":"wgs84",'
        f'"speed_kmh":{d % 90},"course_deg":{d % 360},"satellites":11,"ignition":true}}'
        for d, t, lat, lon in zip(
            load.device.tolist(), times.tolist(), load.lat.tolist(), load.lon.tolist(), strict=True
        )
    ]
    return [f"[{','.join(rows[i : i + BATCH_ROWS])}]".encode() for i in range(0, len(rows), BATCH_ROWS)]


async def post_all(address: str, key: str, batches: Sequence[bytes]) -> tuple[float, list[float]]:
    """Post every batch over ``CONNECTIONS`` connections as fast as they are answered.

    Returns:
        Seconds in all, and the seconds of each request.

    Raises:
        RuntimeError: A batch was not stored whole.
    """
    waiting = list(reversed(batches))
    seconds: list[float] = []
    limits = httpx.Limits(max_connections=CONNECTIONS)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def connection(client: httpx.AsyncClient) -> None:
        while waiting:
            began = time.perf_counter()
            answer = await client.post("/v1/pings", content=waiting.pop())
            seconds.append(time.perf_counter() - began)
            if not answer.is_success or answer.json()["stored"] != answer.json()["received"]:
                msg = f"a batch was not stored whole: {answer.status_code} {answer.text[:300]}"
                raise RuntimeError(msg)

    async with httpx.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=60) as client:
        began = time.perf_counter()
        await asyncio.gather(*(connection(client) for _ in range(CONNECTIONS)))
        return time.perf_counter() - began, seconds


def bare_copy_rows_per_s(owner_url: str, load: Load, lessor_id: int) -> float:
    """Return the rows a second of one connection's binary COPY, a commit per batch, into a table like ``ping``."""
    chunks = [
        HEADER + _bare_rows(load, slice(i, i + BATCH_ROWS), lessor_id) + TRAILER
        for i in range(0, len(load.device), BATCH_ROWS)
    ]
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare_copy")
        connection.execute("CREATE TABLE bare_copy (LIKE ping INCLUDING ALL)")
        began = time.perf_counter()
        for chunk in chunks:
            with connection.cursor().copy(
                f"COPY bare_copy ({', '.join(_BARE.columns)}) FROM STDIN (FORMAT binary)"
            ) as copy:
                copy.write(chunk)
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE bare_copy")
    return len(load.device) / seconds


def _bare_rows(load: Load, part: slice, lessor_id: int) -> bytes:
    values: dict[str, Any] = dict.fromkeys(_BARE.columns, 1)
    values |= {
        "fixed_at": pg_micros(load.fixed_us[part]),
        "device_id": load.device[part],
        "asset_id": load.device[part],
        "lessor_id": lessor_id,
        "lon_e7": np.rint(load.lon[part] * 1e7),
        "lat_e7": np.rint(load.lat[part] * 1e7),
        "row_index": np.arange(len(load.device[part])),
    }
    return _BARE.rows(len(load.device[part]), values)


def bytes_per_ping(owner_url: str) -> dict[str, float]:
    """Return the bytes that a stored ping takes, indexes included, and apart from it those of its raw body."""
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "SELECT count(*), (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('ping')),"
            " pg_total_relation_size('raw_body') FROM ping"
        ).fetchone()
    count, size, raw = row or (0, 0, 0)
    return {"bytes_per_ping": round(float(size) / count, 1), "raw_bytes_per_ping": round(float(raw) / count, 1)}


def measure(address: str, owner_url: str, key: str, lessor_id: int, devices: int, pings: int) -> dict[str, Any]:
    """Measure ingest over HTTP and the bare COPY of the same rows.

    Args:
        address: The service, on a database that holds the fleet of ``register_fleet``.
        owner_url: That database.
        key: The lessor's key.
        lessor_id: The lessor.
        devices: How many devices the fleet has.
        pings: How many pings are measured; a fifth as many go before, to warm up.
    """
    now = datetime.now(UTC)  # noqa: TID251 a benchmark runs in real time
    warm_up = make_load(max(pings // 5, BATCH_ROWS), devices, now - timedelta(hours=2), seed=1)
    asyncio.run(post_all(address, key, bodies(warm_up)))
    load = make_load(pings, devices, now)
    seconds, each = asyncio.run(post_all(address, key, bodies(load)))
    copy_rows_per_s = bare_copy_rows_per_s(owner_url, load, lessor_id)
    pings_per_s = pings / seconds
    return {
        "pings": pings,
        "devices": devices,
        "batch_rows": BATCH_ROWS,
        "connections": CONNECTIONS,
        "pings_per_s": round(pings_per_s),
        "copy_rows_per_s": round(copy_rows_per_s),
        "ratio": round(pings_per_s / copy_rows_per_s, 3),
        "p50_ms": percentile_ms(each, 50),
        "p99_ms": percentile_ms(each, 99),
        **bytes_per_ping(owner_url),
    }
