"""A backup taken under load, the ways of docs/running.md, holds every ping acknowledged before it was begun."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psycopg
import pytest
from psycopg import sql

from app.core.clock import SystemClock
from app.core.db.migration import migrate
from app.core.db.roles import roles_sql
from app.localdb.cluster import OWNER
from app.localdb.postgres import Instance
from benchmarks.fleet import IDENTIFIER
from benchmarks.torture.load import home_of
from benchmarks.torture.run import SETTLE_S
from benchmarks.torture.setup import TortureSetup, lessors_key, service_on
from benchmarks.torture.verdict import compare
from tests.api import free_port
from tests.factories.faults import archive_settings, documented

PROGRESS_S = 60


def run(up: TortureSetup, program: str, *arguments: object) -> None:
    """Run one of PostgreSQL's programs as the server's user."""
    instance = up.made.instance
    command = [str(instance.server.bindir / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **instance.popen_options())
    assert done.returncode == 0, done.stderr


def beside_the_data(up: TortureSetup, name: str) -> Path:
    return up.made.instance.data.with_name(name)


def elsewhere(url: str, *, database: str | None = None, port: int | None = None, login: str | None = None) -> str:
    """Return a URL with another database, port or ``user:password``."""
    parts = urlsplit(url)
    there = f"{login or parts.netloc.rpartition('@')[0]}@{parts.hostname}:{port or parts.port}"
    return parts._replace(netloc=there, path=f"/{database}" if database else parts.path).geturl()


def one(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def a_ping(number: int, days_ago: int) -> dict[str, object]:
    fixed_at = (SystemClock().now() - timedelta(days=days_ago)).isoformat()
    lon_e7, lat_e7 = home_of(np.array([number]))
    where = {"lon": int(lon_e7[0]) / 1e7, "lat": int(lat_e7[0]) / 1e7, "coord_system": "wgs84"}
    return {"device_id": IDENTIFIER.format(number), "fixed_at": fixed_at, **where}


@contextmanager
def started(up: TortureSetup, data: Path, settings: dict[str, str]) -> Iterator[str]:
    """A second server on a copy of the data, taken out of recovery; yields where the owner connects."""
    instance = Instance(up.made.instance.server, data, up.made.instance.user)
    port = instance.start(None, {**up.made.settings, "archive_mode": "off", **settings})
    try:
        superuser_url = elsewhere(up.made.superuser_url, port=port)
        deadline = time.monotonic() + PROGRESS_S
        while one(superuser_url, "SELECT pg_is_in_recovery()"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield elsewhere(up.made.urls.owner_url, port=port)
    finally:
        instance.stop()
        shutil.rmtree(data)


@pytest.fixture
def dump(up: TortureSetup) -> Iterator[Path]:
    path = beside_the_data(up, "leasetrace.dump")
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def another_role(up: TortureSetup) -> Iterator[str]:
    """The login of an application's role that no dump knows."""
    with psycopg.connect(up.made.superuser_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE another_app LOGIN PASSWORD 'another' NOSUPERUSER NOBYPASSRLS")
        connection.execute(roles_sql("another_app"))
        yield "another_app:another"


def test_a_dump_taken_under_load_is_restored_and_goes_on(up: TortureSetup, dump: Path, another_role: str) -> None:
    client_pool = up.targets.client_pool
    client_pool.wait_for_progress(PROGRESS_S)
    before = client_pool.acknowledged()
    run(up, "pg_dump", "-Fc", "-f", dump, up.made.superuser_url)
    posted = client_pool.posted()
    superuser_url = elsewhere(up.made.superuser_url, database="restored")
    run(up, "createdb", "-O", OWNER, f"--maintenance-db={up.made.superuser_url}", "restored")
    run(up, "pg_restore", "--exit-on-error", "-d", superuser_url, dump)
    owner_url = elsewhere(up.made.urls.owner_url, database="restored")
    app_url = elsewhere(up.made.urls.app_url, database="restored", login=another_role)
    migrate(owner_url, app_url)
    assert before
    assert compare(owner_url, client_pool.plan, posted, before).broken() == {}

    service = service_on(app_url, beside_the_data(up, "restored.log"), free_port())
    try:
        service.start()  # until /readyz says ready
        answer = httpx.post(
            f"{service.address}/v1/pings",
            json=[a_ping(1, days_ago=0)],
            headers={"Authorization": f"Bearer {lessors_key(app_url)}"},
            timeout=60,
        )
        assert (answer.status_code, answer.json()["stored"]) == (200, 1)
    finally:
        service.kill()

    # the comparison itself sees one ping gone and one that no client sent
    one(
        owner_url,
        "DELETE FROM ping WHERE (batch_id, row_index) = ("
        "SELECT batch_id, row_index FROM ping ORDER BY batch_id, row_index LIMIT 1) RETURNING 1",
    )
    broken = compare(owner_url, client_pool.plan, posted, before).broken()
    assert broken == {"lost": 1, "strangers": 1, "not_traceable": 1, "wrong_bodies": 1, "wrong_sums": 1}


def test_a_base_backup_taken_under_load_starts_with_every_acknowledged_ping(up: TortureSetup) -> None:
    client_pool, copy = up.targets.client_pool, beside_the_data(up, "base")
    client_pool.wait_for_progress(PROGRESS_S)
    before = client_pool.acknowledged()
    run(up, "pg_basebackup", "-d", up.made.superuser_url, "-D", copy, "-X", "stream", "-c", "fast")
    posted = client_pool.posted()
    with started(up, copy, {}) as owner_url:
        assert before
        assert compare(owner_url, client_pool.plan, posted, before).broken() == {}


def test_the_archived_log_goes_back_to_any_moment_after_the_base_backup(up: TortureSetup) -> None:
    client_pool, copy, url = up.targets.client_pool, beside_the_data(up, "moment"), up.made.superuser_url
    assert archive_settings().items() <= dict(up.made.settings).items()
    run(up, "pg_basebackup", "-d", url, "-D", copy, "-X", "none", "-c", "fast")
    client_pool.wait_for_progress(PROGRESS_S)
    with client_pool.settled(SETTLE_S):
        posted = client_pool.posted()
        moment = one(url, "SELECT clock_timestamp()")
    client_pool.wait_for_progress(PROGRESS_S)
    segment = str(one(url, "SELECT pg_walfile_name(pg_switch_wal())"))
    deadline = time.monotonic() + PROGRESS_S
    while not beside_the_data(up, "archive").joinpath(segment).exists():
        assert time.monotonic() < deadline, one(url, "SELECT pg_stat_archiver FROM pg_stat_archiver")
        time.sleep(0.1)
    (copy / "recovery.signal").touch()
    settings = {"restore_command": documented("restore_command"), "recovery_target_time": f"'{moment}'"}
    with started(up, copy, {**settings, "recovery_target_action": documented("recovery_target_action")}) as owner_url:
        assert compare(owner_url, client_pool.plan, posted, posted).broken() == {}


def test_the_first_ping_of_a_day_is_stored_while_a_dump_holds_its_locks(up: TortureSetup) -> None:
    with psycopg.connect(up.made.superuser_url) as dumping:
        dumping.execute("LOCK TABLE ping, ping_default IN ACCESS SHARE MODE")  # what pg_dump does to every table
        answer = httpx.post(
            f"{up.targets.service.address}/v1/pings",
            json=[a_ping(1, days_ago=100)],
            headers={"Authorization": f"Bearer {up.targets.key}"},
            timeout=60,
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["stored"] == 1
    with psycopg.connect(up.made.superuser_url) as connection:  # the other tests count every ping that no client sent
        for table in ("ping", "ping_batch", "raw_body"):
            statement = sql.SQL("DELETE FROM {} WHERE batch_id = %s").format(sql.Identifier(table))
            connection.execute(statement, (answer.json()["batch_id"],))
