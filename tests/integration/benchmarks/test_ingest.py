"""The benchmark of ingest against a real database and a real service: function only, no time is asserted."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import connect

from app.core.clock import SystemClock
from app.core.errors import AppError
from app.localdb.cluster import ClusterUrls
from benchmarks.copying import PingCopy, bare_copy_rows_per_s
from benchmarks.growth import fill
from benchmarks.ingest import Extent, Target, measure
from benchmarks.load_process import Job, LoadProcess
from benchmarks.pings import Fleet, Load, Timeline
from benchmarks.processes import cpu_s, postmaster_pid, rss_mib
from benchmarks.row_security import without_row_security
from benchmarks.sizes import sizes
from tests.integration.benchmarks.conftest import DEVICES

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
def load() -> Load:
    return Fleet(DEVICES).load(Timeline(DEVICES).plan(1_000, NOW))


def test_a_copy_fills_the_columns_that_ping_has(urls: ClusterUrls, load: Load) -> None:
    with connect(urls.owner_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE like_ping (LIKE ping INCLUDING ALL)")
        copying = PingCopy(connection)
        with connection.cursor().copy(copying.statement("like_ping")) as copy:
            copy.write(copying.payload(load, 7, 3))
        rows = connection.execute(
            "SELECT device_id, fixed_at, lon_e7, lat_e7, speed_tenth_kmh / 10, course_deg, row_index, asset_id,"
            " lessor_id, batch_id, ignition, sent_at FROM like_ping ORDER BY row_index"
        ).fetchall()
    assert len(rows) == 1_000
    for place, row in enumerate(rows):
        device = int(load.device[place])
        assert (row[0], round(row[1].timestamp() * 1e6)) == (device, load.fixed_us[place])
        assert row[2:4] == (load.lon_e7[place], load.lat_e7[place])
        assert row[4:] == (device % 90 + 10, device % 260 + 100, place, device, 7, 3, True, None)


def test_a_copy_follows_the_table_when_its_columns_change(urls: ClusterUrls, load: Load) -> None:
    with connect(urls.owner_url) as connection:
        connection.execute("""
            CREATE TEMPORARY TABLE other (
                device_id integer NOT NULL, variant smallint NOT NULL, fixed_at timestamptz NOT NULL,
                gone integer NOT NULL, speed_tenth_kmh smallint, territory_id smallint, heard_at timestamptz NOT NULL,
                heard_on date NOT NULL, pressure double precision NOT NULL, note text, kind text NOT NULL,
                flag boolean NOT NULL, id uuid NOT NULL, letter "char" NOT NULL, filled integer NOT NULL DEFAULT 5,
                twice integer GENERATED ALWAYS AS (device_id * 2) STORED, number bigint GENERATED ALWAYS AS IDENTITY,
                PRIMARY KEY (device_id, variant, fixed_at))""")
        connection.execute("ALTER TABLE other DROP COLUMN gone")
        copying = PingCopy(connection, "other")
        with connection.cursor().copy(copying.statement("other")) as copy:
            copy.write(copying.payload(load, 7, 3))
        row = connection.execute(
            "SELECT count(*), bool_and(heard_at = fixed_at AND heard_on = fixed_at::date), max(pressure), max(note),"
            " max(kind), bool_and(flag), min(filled), bool_and(twice = 2 * device_id), max(number), max(variant),"
            " max(speed_tenth_kmh) FROM other"
        ).fetchone()
        connection.execute("CREATE TEMPORARY TABLE odd (device_id integer NOT NULL, place point NOT NULL)")
        with pytest.raises(AppError, match="no value for the columns place of odd"):
            PingCopy(connection, "odd")
    assert row == (1_000, True, 1.0, None, "1", True, 5, True, 1_000, 0, load.speed_kmh.max() * 10)


def test_everything_is_measured_once(target: Target) -> None:
    extent = Extent(
        pings=3_000, singles=200, scheduled_s=0.2, row_security_rounds=1, growth=(12_000,), soak_minutes=0.005
    )
    told: list[str] = []
    numbers = measure(target, extent, SystemClock(), told.append)
    assert set(numbers) == {
        "pings", "devices", "batch_rows", "connections", "pings_per_s", "copy_rows_per_s", "ratio", "p50_ms",
        "p99_ms", "p99_ms_half_load", "single_requests_per_s", "single_p99_ms", "single_cpu", "osmand_requests_per_s",
        "growth", "bytes_per_ping", "raw_bytes_per_ping", "heap_bytes_per_ping", "index_bytes_per_ping", "rss_mib",
        "soak", "cpu", "load_cpu_s", "row_security_pings_per_s",
    }  # fmt: skip
    assert set(numbers["cpu"]) == {"service_s", "postgres_s", "load_s"}
    assert [set(step) for step in numbers["growth"]] == [{"stored", "pings_per_s"}]
    assert set(numbers["soak"]) == {"minutes", "rss_mib_start", "rss_mib_end", "rss_mib_max", "pings"}
    assert told
    with connect(target.owner_url) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT (device_id, fixed_at)) FROM ping").fetchone()
    assert row is not None
    assert row[0] == row[1]
    assert row[0] >= 12_000 + 3_000
    assert numbers["growth"][0]["stored"] >= 12_000


def test_row_security_is_switched_while_others_lock_tables_in_another_order(target: Target) -> None:
    def switch() -> None:
        with without_row_security(target.owner_url):
            pass

    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'territory'::regclass AND NOT granted"
    with connect(target.owner_url) as other, connect(target.owner_url, autocommit=True) as watcher:
        other.execute("LOCK TABLE territory IN ACCESS SHARE MODE")
        with ThreadPoolExecutor(1) as pool:
            switching = pool.submit(switch)
            while watcher.execute(waiting).fetchone() == (0,):
                assert not switching.done()
                time.sleep(0.01)
            other.execute(
                "LOCK TABLE asset IN ACCESS SHARE MODE"
            )  # an earlier table: a deadlock if it were still held
            other.commit()
            switching.result(60)


def test_what_was_not_stored_whole_fails_with_the_answer(target: Target) -> None:
    strangers = Timeline(DEVICES + 1).plan(1_000, SystemClock().now())
    where: dict[str, Any] = {"plan": strangers, "host": target.host, "port": target.port, "connections": 1}
    batch = Job(kind="batches", key=target.key, rows=500, **where)
    nobody = Job(kind="singles", key="no", **where)
    with LoadProcess() as process:
        with pytest.raises(AppError, match=r"did not store all batches: .*stored"):
            process.run(batch)
        with pytest.raises(AppError, match="401 Unauthorized"):
            process.run(nobody)


def test_a_store_is_filled_and_measured(target: Target) -> None:
    before = sizes(target.owner_url)
    told: list[str] = []
    now = SystemClock().now()
    for turn, wanted, stored in ((7, before.pings + 900, 900), (8, before.pings + 1_800, 1_800), (9, 1, 1_800)):
        filled = fill(target.owner_url, Fleet(DEVICES), target.lessor_id, wanted, now, told.append, turn=turn)
        assert filled == before.pings + stored
    after = sizes(target.owner_url)
    assert after.pings == before.pings + 1_800
    assert min(after.heap_bytes, after.index_bytes) > 0
    assert len(told) == 60


def test_bare_copies_leave_nothing_behind(target: Target) -> None:
    load = Fleet(DEVICES).load(Timeline(DEVICES).plan(2_500, NOW))
    assert bare_copy_rows_per_s(target.owner_url, load, target.lessor_id, 1_000) > 0
    with connect(target.owner_url) as connection:
        assert connection.execute("SELECT to_regclass('bare_copy')").fetchone() == (None,)


def test_what_a_process_and_its_children_consume_is_counted_after_they_ended(urls: ClusterUrls) -> None:
    burn = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10**7))']); input()"
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE) as process:
        while cpu_s(process.pid) < 0.1:
            assert process.poll() is None
            time.sleep(0.05)
        assert rss_mib(process.pid) > 1
        process.communicate(b"\n")
    assert cpu_s(process.pid) == 0
    assert rss_mib(process.pid) == 0
    if not os.environ.get("TEST_DATABASE_URL"):
        postmaster = postmaster_pid(urls.owner_url)
        assert postmaster is not None
        assert cpu_s(postmaster) > 0


def test_the_load_process_ends_with_its_input() -> None:
    with LoadProcess() as process:
        os.kill(process._child.pid, signal.SIGTERM)
        job = Job(kind="singles", plan=Timeline(1).plan(1, NOW), host="127.0.0.1", port=1, key="k", connections=1)
        with pytest.raises((AppError, BrokenPipeError)):
            process.run(job)
