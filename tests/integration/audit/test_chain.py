"""Whatever is done to the trail afterwards is found and named; a cut tail and a trail written anew by an anchor."""

import asyncio
import json
import re
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql
from rich.console import Console
from sqlalchemy import text

from app.audit.anchors import anchors_of, append_to, read_anchors, write_day
from app.audit.chain import FIRST_LINK, Head, TrailFault, digest_of
from app.audit.notes import Author, Entry, Note
from app.audit.writer import TrailWriter, ensure_month, ensure_partitions
from app.cli.audit import read_head, verify_trail
from app.core.db.database import SERVICE, Database
from app.core.db.roles import ROW_SECURITY_ROLES
from app.core.errors import AppError, InvalidInput
from app.core.logging import configure_logging
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from tests.api import context_of
from tests.factories.constants import NOW
from tests.factories.trail import Trail

AUTHOR = Author(7, "enforcement_officer", 3, 11)
HEAD_TO = "UPDATE trail_head SET (trail_no, link) = (SELECT trail_no, link FROM trail ORDER BY trail_no DESC LIMIT 1)"


def looks(count: int) -> list[Entry]:
    """Return entries that use every column, each about other assets."""
    window = (NOW - timedelta(days=1), NOW)
    return [
        Entry(Note("track.read", 5, (n, n + 1), window, n, f"第{n} look, \0 nul"), AUTHOR, NOW, f"request-{n}")
        for n in range(1, count + 1)
    ]


@pytest.fixture
async def ten(application: FastAPI, trail: Trail) -> Trail:
    """A trail that goes on by ten entries."""
    async with TrailWriter(context_of(application).database) as writer:
        await writer.write(looks(10))
    return trail


async def test_the_verifier_computes_what_the_database_computed(ten: Trail) -> None:
    entries = ten.entries()
    assert len(entries) == 10
    assert await ten.walked() == Head(ten.begins_after + 10, bytes(entries[-1]["link"]))
    assert bytes(entries[2]["assets_sha256"]) == digest_of([4, 3, 3])
    assert entries[2]["detail"] == "第3 look, \N{REPLACEMENT CHARACTER} nul"
    assert all(a["written_at"] <= b["written_at"] for a, b in pairwise(entries))


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        (["UPDATE trail SET case_id = 6 WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET detail = NULL WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET at = at + interval '1 microsecond' WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET written_at = written_at - interval '1 hour' WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET subject_id = api_key_id, api_key_id = subject_id WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET link = sha256(link) WHERE trail_no = %(no)s"], 0),
        (["DELETE FROM trail WHERE trail_no = %(no)s"], 0),
        (["UPDATE trail SET trail_no = -1 WHERE trail_no = %(no)s",
          "UPDATE trail SET trail_no = %(no)s WHERE trail_no = %(no)s + 1",
          "UPDATE trail SET trail_no = %(no)s + 1 WHERE trail_no = -1"], 0),
        ([("INSERT INTO trail SELECT (jsonb_populate_record(t, '{\"at\": \"2026-11-22T00:00:00Z\"}')).* FROM trail t"
          " WHERE trail_no = %(no)s")], 0),
        (["UPDATE trail SET trail_no = -trail_no - 1 WHERE trail_no >= %(no)s",
          "UPDATE trail SET trail_no = -trail_no WHERE trail_no < 0",
          ("INSERT INTO trail SELECT (jsonb_populate_record(t, jsonb_build_object('trail_no', %(no)s::int))).*"
          " FROM trail t WHERE trail_no = %(no)s + 1"),
          "UPDATE trail_head SET trail_no = trail_no + 1"], 1),
        ([("INSERT INTO trail SELECT (jsonb_populate_record(t, jsonb_build_object('trail_no', trail_no + 8))).*"
          " FROM trail t WHERE trail_no = %(no)s")], 8),
        ([("UPDATE trail_assets SET asset_ids = '{99,100}' WHERE assets_sha256 ="
          " (SELECT assets_sha256 FROM trail WHERE trail_no = %(no)s)")], 0),
        ([("DELETE FROM trail_assets WHERE assets_sha256 ="
          " (SELECT assets_sha256 FROM trail WHERE trail_no = %(no)s)")], 0),
        (["DELETE FROM trail WHERE trail_no > %(no)s"], 1),
        (["UPDATE trail_head SET link = sha256(link)"], 7),
    ],
    ids=["case", "detail", "time", "database's time", "columns swapped", "link", "deleted", "pair swapped",
         "put in beside", "put in between", "put in at the end", "other assets", "no assets", "tail cut", "head"],
)  # fmt: skip
async def test_what_is_done_to_an_entry_is_found_there(
    ten: Trail, urls: ClusterUrls, statements: list[str], place: int
) -> None:
    third = ten.begins_after + 3
    with psycopg.connect(urls.owner_url) as connection:  # sets of assets that an earlier test wrote are used again
        row = connection.execute(
            "SELECT min(t.trail_no) FROM trail t WHERE assets_sha256 ="
            " (SELECT assets_sha256 FROM trail WHERE trail_no = %s)",
            (third,),
        ).fetchone()
    first = row[0] if row and "trail_assets" in statements[0] else third
    fault = await ten.walked(*statements, no=third)
    assert isinstance(fault, TrailFault), fault
    assert fault.trail_no == first + place
    assert await ten.walked() == Head(ten.begins_after + 10, bytes(ten.entries()[-1]["link"]))


async def test_a_cut_tail_shows_only_against_an_anchor(ten: Trail) -> None:
    entries = ten.entries()
    kept = {entries[8]["trail_no"]: bytes(entries[8]["link"])}
    cut = ("DELETE FROM trail WHERE trail_no > %(no)s", HEAD_TO)
    assert await ten.walked(anchors=kept) == Head(ten.begins_after + 10, bytes(entries[-1]["link"]))
    assert isinstance(await ten.walked(*cut, no=ten.begins_after + 5), Head)
    fault = await ten.walked(*cut, anchors=kept, no=ten.begins_after + 5)
    assert isinstance(fault, TrailFault)
    assert (fault.trail_no, "cut" in fault.reason) == (ten.begins_after + 6, True)


async def test_a_trail_written_anew_shows_against_an_anchor(ten: Trail) -> None:
    """The owner deletes the end and lets the function write it again, with another story."""
    entries = ten.entries()
    kept = {entries[9]["trail_no"]: bytes(entries[9]["link"])}
    anew = (
        "DELETE FROM trail WHERE trail_no > %(no)s",
        HEAD_TO,
        """SELECT trail_append((SELECT jsonb_agg(jsonb_build_object('at', now(), 'principal_id', 1, 'role', 'auditor',
           'action', 'nothing.bad')) FROM generate_series(1, 5)))""",
    )
    fifth = ten.begins_after + 5
    assert isinstance(await ten.walked(*anew, no=fifth), Head)
    fault = await ten.walked(*anew, anchors=kept, no=fifth)
    assert isinstance(fault, TrailFault)
    assert fault.trail_no == ten.begins_after + 10


async def test_two_processes_that_write_at_once_share_one_chain(application: FastAPI, trail: Trail) -> None:
    database = context_of(application).database
    async with TrailWriter(database) as one, TrailWriter(database) as other:
        await asyncio.gather(*(writer.write([entry]) for entry in looks(200) for writer in (one, other)))
    entries = trail.entries()
    assert [e["trail_no"] for e in entries] == [trail.begins_after + n for n in range(1, 401)]
    assert await trail.walked() == Head(entries[-1]["trail_no"], bytes(entries[-1]["link"]))


async def test_a_transaction_that_stands_still_before_its_commit_stops_nobody_for_long(
    application: FastAPI, trail: Trail, urls: ClusterUrls
) -> None:
    database = context_of(application).database
    with psycopg.connect(urls.app_url) as frozen:
        frozen.execute("SET ROLE leasetrace_service")
        frozen.execute("""SELECT trail_append('[{"at": "2026-11-25T00:00:00Z", "principal_id": 1, "role": "auditor",
                          "action": "frozen"}]')""")
        async with TrailWriter(database) as writer:
            await writer.write(looks(1))
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            frozen.execute("SELECT 1")
    assert "frozen" not in trail.actions()
    assert isinstance(await trail.walked(), Head)


async def test_connections_do_not_stand_still_for_ever_nor_wait_for_a_database_that_is_cut_off(
    application: FastAPI,
) -> None:
    database = context_of(application).database
    async with database.direct("test", statement_timeout_s=10) as direct, database.reading(SERVICE) as session:
        kept = "SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
        assert await (await direct.execute(kept)).fetchone() == ("300000",)
        assert await session.scalar(text(kept)) == "60000"
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
        assert raw is not None
        for connection in (direct, raw):
            told = connection.info.get_parameters()
            assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("30000", "10")


STATEMENTS = (
    "INSERT INTO trail SELECT * FROM trail LIMIT 1",
    "INSERT INTO trail_assets VALUES ('x', '{1}')",
    "UPDATE trail SET detail = 'x'",
    "UPDATE trail_head SET trail_no = 0",
    "DELETE FROM trail",
    "DELETE FROM trail_head",
    "DELETE FROM trail_assets",
    "DELETE FROM trail_anchor",
    "UPDATE trail_anchor SET trail_no = 0",
    "TRUNCATE trail",
    "ALTER TABLE trail DISABLE TRIGGER ALL",
)


@pytest.mark.parametrize("role", ["", *ROW_SECURITY_ROLES])
async def test_no_role_of_the_application_can_touch_the_trail(ten: Trail, urls: ClusterUrls, role: str) -> None:
    with psycopg.connect(urls.app_url, autocommit=True) as connection:
        if role:
            connection.execute(f"SET ROLE {role}")
        for statement in STATEMENTS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        shown = "leasetrace_service", "leasetrace_auditor"
        if role not in shown:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM trail")


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({}, 0),
        ({"grantee_id": "0"}, 0),
        ({"grantee_kind": "", "grantee_id": "0"}, 0),
        ({"grantee_kind": "principal", "grantee_id": "3"}, 0),
        ({"grantee_kind": "court", "grantee_id": "0"}, 0),
        ({"grantee_kind": "court", "grantee_id": "4"}, 0),
        ({"grantee_kind": "court", "grantee_id": "3"}, 10),
        ({"grantee_kind": "auditor"}, 10),
    ],
)
async def test_an_auditors_role_alone_shows_nothing(
    ten: Trail, urls: ClusterUrls, said: dict[str, str], seen: int
) -> None:
    with psycopg.connect(urls.app_url) as connection:
        for name, value in said.items():
            connection.execute("SELECT set_config('leasetrace.' || %s, %s, true)", (name, value))
        connection.execute("SET LOCAL ROLE leasetrace_auditor")
        found = connection.execute("SELECT count(*) FROM trail WHERE trail_no > %s", (ten.begins_after,)).fetchone()
        sets = connection.execute("SELECT count(*) > 0 FROM trail_assets").fetchone()
    assert found == (seen,)
    assert sets == (seen > 0,)


@pytest.mark.parametrize("table", ["trail", "trail_assets", "trail_202611", "trail_default"])
async def test_the_owner_cannot_by_mistake_either(ten: Trail, urls: ClusterUrls, table: str) -> None:
    changes = ["TRUNCATE {}", "DELETE FROM {}", "UPDATE {} SET assets_sha256 = 'x'"]
    with psycopg.connect(urls.owner_url, autocommit=True) as connection:
        for statement in changes[: 1 if table == "trail_default" else 3]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


async def test_a_caller_chooses_neither_number_nor_link_nor_the_databases_time(ten: Trail, urls: ClusterUrls) -> None:
    forged = (
        '[{"at": "2020-01-01T00:00:00Z", "principal_id": 1, "role": "lessor_reader", "subject_id": 4,'
        ' "action": "x", "trail_no": 1,'
        ' "link": "\\\\x00", "written_at": "2020-01-01T00:00:00Z", "assets_sha256": "%s", "asset_count": 9,'
        ' "asset_ids": "{3,1,3}"}]'
    )
    with psycopg.connect(urls.app_url) as connection:
        connection.execute("SET ROLE leasetrace_lessor")
        connection.execute("SET leasetrace.lessor_ids = '{4}'")
        digests = digest_of([3, 1]).hex(), digest_of([987_654_321, 987_654_322]).hex()
        done = connection.execute("SELECT trail_append(%s::jsonb)", (forged % digests[0],)).fetchone()
        assert done == (ten.begins_after + 11,)
        connection.commit()
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("SELECT trail_append(%s::jsonb)", (forged % digests[1],))
    *_, before, last = ten.entries()
    assert (last["trail_no"], last["asset_count"], last["asset_ids"]) == (ten.begins_after + 11, 2, [1, 3])
    assert last["written_at"] >= before["written_at"]
    assert await ten.walked() == Head(last["trail_no"], bytes(last["link"]))


def told(**fields: object) -> str:
    """Return an entry as ``trail_append`` takes it."""
    return json.dumps([{"at": "2026-11-25T00:00:00Z", "principal_id": 9, "action": "x.y", **fields}])


LESSOR = ("leasetrace_lessor", {"lessor_ids": "{4}"})
COURT = ("leasetrace_grantee", {"grantee_kind": "court", "grantee_id": "4"})
CREW = ("leasetrace_grantee", {"grantee_kind": "principal", "grantee_id": "9"})
COURTS_OWN = ("leasetrace_auditor", {"grantee_kind": "court", "grantee_id": "4"})
AUDITOR = ("leasetrace_auditor", {"grantee_kind": "auditor"})
ADMINISTRATOR = ("leasetrace_administrator", {"lessor_ids": "{}"})


@pytest.mark.parametrize(
    ("sight", "fields", "taken"),
    [
        (LESSOR, {"role": "lessor_manager", "subject_id": 4}, True),
        (LESSOR, {"role": "lessor_manager", "subject_id": 5}, False),
        (LESSOR, {"role": "lessor_manager"}, False),
        (LESSOR, {"role": "platform_administrator", "subject_id": 4}, False),
        (LESSOR, {"role": "lessor_manager", "subject_id": 4, "principal_id": 0}, False),
        (("leasetrace_lessor", {}), {"role": "lessor_manager", "subject_id": 4}, False),
        (COURT, {"role": "enforcement_officer", "subject_id": 4}, True),
        (COURT, {"role": "enforcement_officer", "subject_id": 5}, False),
        (COURT, {"role": "enforcement_officer"}, False),
        (COURT, {"role": "enforcement_officer", "subject_id": 4, "principal_id": 0}, False),
        (CREW, {"role": "crew"}, True),
        (CREW, {"role": "dispatcher", "principal_id": 8}, False),
        (("leasetrace_grantee", {}), {"role": "crew"}, False),
        (COURTS_OWN, {"role": "court_administrator", "subject_id": 4}, True),
        (COURTS_OWN, {"role": "auditor"}, False),
        (AUDITOR, {"role": "auditor"}, True),
        (("leasetrace_auditor", {}), {"role": "auditor"}, False),
        (ADMINISTRATOR, {"role": "platform_administrator"}, True),
        (ADMINISTRATOR, {"role": "auditor"}, False),
        (("leasetrace_service", {}), {"role": "worker", "principal_id": 0}, True),
    ],
)
async def test_nobody_writes_in_the_name_of_another(
    trail: Trail, urls: ClusterUrls, sight: tuple[str, dict[str, str]], fields: dict[str, object], taken: bool
) -> None:
    role, settings = sight
    with psycopg.connect(urls.app_url) as connection:
        for name, value in settings.items():
            connection.execute("SELECT set_config('leasetrace.' || %s, %s, true)", (name, value))
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        if taken:
            connection.execute("SELECT trail_append(%s::jsonb)", (told(**fields),))
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT trail_append(%s::jsonb)", (told(**fields),))
            connection.rollback()
    assert len(trail.entries()) == taken


@pytest.mark.parametrize(
    "fields",
    [
        {"assets_sha256": digest_of([987_654_323]).hex(), "asset_ids": "{987654323,NULL}"},
        {"assets_sha256": digest_of([987_654_324]).hex(), "asset_ids": "{987654325}"},
        {"assets_sha256": digest_of([]).hex(), "asset_ids": "{}"},
        {"assets_sha256": digest_of([987_654_324]).hex()},
        {"at": "10000-01-01T00:00:00Z"},
        {"at": "infinity"},
        {"window_from": "0001-12-31T23:59:59Z BC"},
        {"window_from": "-infinity"},
        {"window_until": "10000-01-01T00:00:00Z"},
        {"window_until": "infinity"},
    ],
)
async def test_what_could_not_be_verified_is_not_taken(
    trail: Trail, urls: ClusterUrls, fields: dict[str, object]
) -> None:
    with psycopg.connect(urls.app_url) as connection:
        connection.execute("SET ROLE leasetrace_service")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("SELECT trail_append(%s::jsonb)", (told(role="worker", **fields),))
    assert trail.entries() == []


async def test_the_first_and_the_last_moment_hold(application: FastAPI, trail: Trail) -> None:
    ends = (
        datetime.min.replace(tzinfo=timezone(timedelta(hours=8))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=8))),
    )
    async with TrailWriter(context_of(application).database) as writer:
        await writer.write([Entry(Note("track.read", window=ends), AUTHOR, NOW)])
    (entry,) = trail.entries()
    assert (entry["window_from"].year, entry["window_until"].year) == (1, 9999)
    assert isinstance(await trail.walked(), Head)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE trail SET window_until = '10000-01-01Z' WHERE trail_no = %(no)s",
        "UPDATE trail SET window_until = 'infinity' WHERE trail_no = %(no)s",
        "UPDATE trail SET window_from = '4713-01-01Z BC' WHERE trail_no = %(no)s",
        "UPDATE trail SET written_at = '-infinity' WHERE trail_no = %(no)s",
        (
            "UPDATE trail_assets SET asset_ids = asset_ids || NULL::integer FROM trail t"
            " WHERE trail_assets.assets_sha256 = t.assets_sha256 AND trail_no = %(no)s"
        ),
        (
            "UPDATE trail_assets SET asset_ids = ARRAY[[3,4],[3,4]] FROM trail t"
            " WHERE trail_assets.assets_sha256 = t.assets_sha256 AND trail_no = %(no)s"
        ),
    ],
)
async def test_rows_that_python_cannot_read_are_named(ten: Trail, tampering: str) -> None:
    fault = await ten.walked(tampering, no=ten.begins_after + 3)
    assert isinstance(fault, TrailFault)
    assert fault.trail_no == ten.begins_after + 3 if "trail_assets" not in tampering else fault.trail_no > 0


async def test_a_changed_set_that_no_entry_names_hides_no_other(ten: Trail) -> None:
    orphan = "INSERT INTO trail_assets SELECT sha256(n::text::bytea), '{1}' FROM generate_series(1, 9) n"
    changed = """UPDATE trail_assets SET asset_ids = '{1,2,3}' WHERE assets_sha256 IN
                 (SELECT assets_sha256 FROM trail WHERE trail_no > %(no)s)"""
    assert isinstance(await ten.walked(orphan, changed, no=ten.begins_after), TrailFault)


async def test_entries_go_to_the_partition_of_their_month_and_the_rest_to_the_default_one(
    application: FastAPI, urls: ClusterUrls, trail: Trail
) -> None:
    database = context_of(application).database
    months = [NOW, NOW + timedelta(days=31), NOW + timedelta(days=100), NOW + timedelta(days=3650)]
    async with TrailWriter(database) as writer:
        for at in months:
            await writer.write([Entry(Note("x.y"), AUTHOR, at)])
    with psycopg.connect(urls.owner_url) as connection:
        found = connection.execute(
            "SELECT tableoid::regclass::text FROM trail WHERE trail_no > %s ORDER BY trail_no", (trail.begins_after,)
        ).fetchall()
        kinds = connection.execute(
            "SELECT c.relrowsecurity, count(t.*) FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid"
            " WHERE c.relname = 'trail_202703' GROUP BY 1"
        ).fetchone()
    assert [row[0] for row in found] == ["trail_202611", "trail_202612", "trail_202703", "trail_default"]
    assert kinds == (True, 2)
    assert isinstance(await trail.walked(), Head)


async def test_partitions_are_made_ahead_over_the_turn_of_the_year(own_settings: Settings) -> None:
    database = Database(own_settings)
    async with database.direct("test", statement_timeout_s=10) as connection:
        for _ in range(2):
            await ensure_partitions(connection, NOW + timedelta(days=40))
        cursor = await connection.execute("SELECT to_regclass('trail_202701'), to_regclass('trail_202703')")
        assert None not in (await cursor.fetchone() or (None,))
    await database.close()


async def test_a_month_that_has_begun_in_the_default_partition_stays_there_and_keeps_nobody_waiting(
    own_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    begun, month = "2027-05-03T00:00:00Z", date(2027, 5, 1)
    configure_logging("WARNING")
    with psycopg.connect(own_settings.database.url.get_secret_value(), autocommit=True) as other:
        other.execute("SET ROLE leasetrace_service")
        other.execute("SELECT trail_append(%s::jsonb)", (told(role="worker", at=begun),))
        with other.transaction():  # a long look at the trail
            other.execute("SELECT count(*) FROM trail")
            database = Database(own_settings)
            async with database.direct("test", statement_timeout_s=1) as connection:
                for _ in range(3):
                    assert not await ensure_month(connection, month)
            await database.close()
    assert capfd.readouterr().err.count("trail_partition") == 1


async def written(own_settings: Settings, count: int) -> None:
    database = Database(own_settings)
    async with TrailWriter(database) as writer:
        await writer.write(looks(count))
    await database.close()


async def verified(own_settings: Settings, anchors: dict[int, bytes] | None = None) -> str:
    console = Console(record=True, width=200, force_terminal=False)
    await verify_trail(own_settings, console, anchors or {})
    return console.export_text().strip().splitlines()[-1]


async def test_the_command_prints_a_head_that_later_serves_as_an_anchor(
    own_settings: Settings, tmp_path: Path
) -> None:
    assert (await verified(own_settings)).startswith("0 entries hold together")
    await written(own_settings, 4)
    said = await verified(own_settings)
    printed = re.search(r"Head: (\d+:[0-9a-f]{64})$", said)
    assert printed
    assert Head.parse(printed[1]) == await read_head(own_settings)
    append_to(tmp_path / "kept.txt", await read_head(own_settings), NOW)
    await written(own_settings, 3)
    append_to(tmp_path / "kept.txt", await read_head(own_settings), NOW)
    assert (tmp_path / "kept.txt").read_text().startswith("2026-11-23T04:00:00Z 4:")
    anchors = dict(read_anchors(tmp_path))
    assert set(anchors) == {4, 7}
    assert (await verified(own_settings, anchors)).startswith("7 entries hold together; 2 anchors are met")
    with pytest.raises(AppError, match="Entry 4 of the trail: it is not the one that the anchor names"):
        await verified(own_settings, {4: FIRST_LINK})
    with pytest.raises(AppError, match="Entry 8 of the trail: it is missing, with all up to the anchor, number 9"):
        await verified(own_settings, {9: FIRST_LINK})


def test_the_daily_file_is_whole_and_written_once_a_day(tmp_path: Path) -> None:
    first, second = Head(1, bytes(32)), Head(2, bytes(32))
    made = write_day(tmp_path, first, NOW)
    assert write_day(tmp_path, second, NOW + timedelta(hours=3)) is None
    tomorrow = write_day(tmp_path, second, NOW + timedelta(days=1))
    assert [made, tomorrow] == [tmp_path / "trail-2026-11-23.txt", tmp_path / "trail-2026-11-24.txt"]
    assert sorted(tmp_path.iterdir()) == [made, tomorrow]
    assert set(read_anchors(tmp_path)) == {1, 2}
    with pytest.raises(FileNotFoundError):
        write_day(tmp_path / "not-mounted", first, NOW)


@pytest.mark.parametrize("text", ["", "7", "x:" + "0" * 64, "7:" + "0" * 63, "7:" + "g" * 64, "-7:" + "0" * 64])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        anchors_of([text])


def test_anchors_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidInput, match="number 7"):
        anchors_of(["7:" + "0" * 64, "7:" + "1" * 64])
