"""The head is kept elsewhere once a day: in a folder, and by a time stamp authority, a real one by openssl."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from rich.console import Console

from app.assets import service as assets
from app.assets.schemas import LessorIn
from app.audit import timestamps
from app.audit.chain import Head
from app.audit.notes import COMMAND_LINE, Author, Entry, Note
from app.audit.writer import TrailWriter, writing_as
from app.cli.audit import read_head, verify_trail
from app.cli.imports import import_assets
from app.core.clock import FixedClock
from app.core.context import Context
from app.core.db.database import Database
from app.core.errors import AppError, InvalidInput, Unavailable
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.ingest.service import Ingest
from app.jurisdictions.service import LocatorProvider
from app.localdb.cluster import ClusterUrls
from app.worker.jobs import JOBS
from app.worker.loop import JobContext
from tests.factories.constants import NOW
from tests.factories.settings import changed, settings_for

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[tsa_section]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""


@dataclass(frozen=True)
class Authority:
    """A time stamp authority on the loopback address.

    Attributes:
        url: Where it answers.
        root: Its root certificate, PEM.
        asked: How often it was asked.
    """

    url: str
    root: Path
    asked: list[bytes]


def openssl(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], cwd=folder, input=given, check=True, capture_output=True)
    return done.stdout


def make_certificates(folder: Path, name: str) -> None:
    """Make a root and, under it, the certificate of an authority."""
    (folder / "openssl.cnf").write_text(_CONFIG.format(name=name, folder=folder))
    (folder / "serial").write_text("01\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf")
    openssl(folder, "req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-days", "30",
            "-extensions", "root", "-subj", f"/CN={name} root")  # fmt: skip
    openssl(folder, "req", *key, "-keyout", "tsa.key", "-out", "tsa.csr")
    openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
            "-out", "tsa.pem", "-days", "30", "-extfile", "openssl.cnf", "-extensions", "tsa")  # fmt: skip


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "tsa"
    folder.mkdir()
    make_certificates(folder, "Stamps")
    asked: list[bytes] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(query)
            (folder / "query.tsq").write_bytes(query)
            body = openssl(folder, "ts", "-reply", "-queryfile", "query.tsq", "-config", "openssl.cnf",
                           "-section", "tsa_section", "-signer", "tsa.pem", "-inkey", "tsa.key")  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Authority(f"http://127.0.0.1:{server.server_port}/tsr", folder / "root.pem", asked)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def kept_settings(own_urls: ClusterUrls) -> Settings:
    """Settings of the database of this test alone; its trail has three entries."""
    settings = settings_for(own_urls.app_url, log={"level": "WARNING"})
    database = Database(settings)
    async with TrailWriter(database) as writer:
        await writer.write([Entry(Note("x.y", asset_ids=(n,)), Author(1, "auditor"), NOW) for n in range(3)])
    await database.close()
    return settings


async def run_job(settings: Settings, clock: FixedClock) -> None:
    """Run the worker's job as the worker does."""
    context = Context(settings, clock, Database(settings), Metrics())
    locators = LocatorProvider(context.database)
    async with Ingest(context, locators) as ingest:
        job = next(job for job in JOBS if job.name == "trail_anchor")
        await job.run(JobContext(context, locators, ingest), clock.now())
    await context.database.close()


async def verified(kept_settings: Settings, roots: Path | None = None) -> list[str]:
    console = Console(record=True, width=200, force_terminal=False)
    await verify_trail(kept_settings, console, {}, roots)
    return console.export_text().strip().splitlines()[-2:]


async def test_the_worker_keeps_the_head_once_a_day_in_a_folder_and_by_a_stamp(
    kept_settings: Settings, authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "anchors"
    folder.mkdir()
    settings = changed(kept_settings, audit={"anchor_dir": folder, "tsa_url": authority.url})
    clock = FixedClock(NOW)
    head = await read_head(kept_settings)
    for later in (timedelta(0), timedelta(hours=5), timedelta(days=1)):
        clock.set(NOW + later)
        await run_job(settings, clock)
    names = await asyncio.to_thread(lambda: sorted(file.name for file in folder.iterdir()))
    assert names == ["trail-2026-11-23.txt", "trail-2026-11-24.txt"]
    assert (folder / names[0]).read_text() == f"2026-11-23T04:00:00Z {head}\n"
    assert len(authority.asked) == 2
    stamps, last = await verified(kept_settings, authority.root)
    assert stamps.startswith("2 time stamps")
    assert stamps.endswith("signatures checked.")
    assert last.startswith("3 entries hold together; 1 anchors are met")


async def test_without_settings_nothing_is_kept_and_nobody_asked(
    kept_settings: Settings, authority: Authority
) -> None:
    await run_job(kept_settings, FixedClock(NOW))
    assert authority.asked == []


async def test_a_tail_that_was_cut_shows_against_the_stamp(
    kept_settings: Settings, own_urls: ClusterUrls, authority: Authority
) -> None:
    await run_job(changed(kept_settings, audit={"tsa_url": authority.url}), FixedClock(NOW))
    with psycopg.connect(own_urls.owner_url) as connection:
        connection.execute("ALTER TABLE trail DISABLE TRIGGER USER")
        connection.execute("DELETE FROM trail WHERE trail_no > 1")
        connection.execute("UPDATE trail_head SET (trail_no, link) = (SELECT trail_no, link FROM trail)")
    with pytest.raises(AppError, match="Entry 2 of the trail: it is missing, with all up to the anchor, number 3"):
        await verified(kept_settings)


async def test_a_stamp_of_somebody_else_or_on_something_else_is_refused(
    kept_settings: Settings, own_urls: ClusterUrls, authority: Authority, tmp_path: Path
) -> None:
    await run_job(changed(kept_settings, audit={"tsa_url": authority.url}), FixedClock(NOW))
    other = tmp_path / "other"
    other.mkdir()
    make_certificates(other, "Others")
    with pytest.raises(InvalidInput, match="number 3 of the trail is not the authority's"):
        await verified(kept_settings, other / "root.pem")
    with psycopg.connect(own_urls.owner_url) as connection:
        connection.execute("UPDATE trail_anchor SET link = sha256(link)")
    with pytest.raises(InvalidInput, match="stamp on something else"):
        await verified(kept_settings)


async def test_an_authority_that_does_not_answer_is_named(kept_settings: Settings) -> None:
    with pytest.raises(Unavailable, match="time stamp authority"):
        await timestamps.stamp(Head(1, bytes(32)), "http://127.0.0.1:1/")


async def test_the_command_line_signs_what_it_does(
    kept_settings: Settings, own_urls: ClusterUrls, tmp_path: Path
) -> None:
    clock = FixedClock(NOW)
    database = Database(kept_settings)
    async with writing_as(database, COMMAND_LINE, clock) as session:
        await assets.create_lessor(session, LessorIn(code="yuanhai", name="远海"), clock)
    file = tmp_path / "assets.csv"
    file.write_text("asset_type,kind,plate_no,lease_contract_no\nvehicle,car,沪A00001,L-3\n", encoding="utf-8")
    await import_assets(kept_settings, clock, Console(quiet=True), file, "yuanhai", "all_or_nothing")
    await database.close()
    with psycopg.connect(own_urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT action, principal_id, role, request_id FROM trail WHERE trail_no > 3 ORDER BY trail_no"
        ).fetchall()
    assert rows == [
        ("lessor.create", 0, "command_line", None),
        ("asset.import", 0, "command_line", None),
    ]


async def test_an_entry_that_cannot_be_stored_does_not_stop_the_others(kept_settings: Settings) -> None:
    database = Database(kept_settings)
    good = Entry(Note("x.y"), Author(1, "auditor"), NOW)
    bad = Entry(Note("x.y", results=2**40), Author(1, "auditor"), NOW)
    async with TrailWriter(database) as writer:
        results = await asyncio.gather(*(writer.write([e]) for e in (good, bad, good)), return_exceptions=True)
    assert [type(r) for r in results] == [type(None), Unavailable, type(None)]
    assert (await read_head(kept_settings)).trail_no == 5
    await database.close()
