"""Which device was on which asset: periods that touch, overlap, end; and the index that the ping path keeps."""

import asyncio
from datetime import UTC, datetime
from typing import Any, LiteralString

import httpx
import numpy as np
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.assets.bindings import DEVICE_INDEX_SQL, NONE, DeviceIndex
from app.assets.service import (
    devices_ever_on,
    lessor_by_code,
    lessor_by_id,
    load_device_index,
    register_devices,
)
from app.core.clock import FixedClock
from app.core.db.database import SERVICE
from app.core.errors import NotFound
from app.localdb.cluster import ClusterUrls
from tests.api import Principals, context_of, counted_queries, problem_fields
from tests.database import AS_SERVICE

MARCH, APRIL, MAY = ("2025-03-01T00:00:00+08:00", "2025-04-01T00:00:00+08:00", "2025-05-01T00:00:00+08:00")
BIND: LiteralString = (
    "INSERT INTO device_binding (lessor_id, device_id, asset_id, bound_from) VALUES (%s, %s, %s, now())"
)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


async def asset(client: httpx.AsyncClient, serial_no: str) -> int:
    body = {
        "asset_type": "construction_machinery",
        "kind": "excavator",
        "serial_no": serial_no,
        "lease_contract_no": "1",
    }
    return int((await client.post("/v1/assets", json=body)).json()["asset_id"])


async def device(client: httpx.AsyncClient, identifier: str) -> int:
    answer = await client.post("/v1/devices", json={"identifier": identifier, "kind": "wired"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["device_id"])


async def bind(
    client: httpx.AsyncClient, device_id: int, asset_id: int, start: str, end: str | None = None
) -> httpx.Response:
    body: dict[str, Any] = {"device_id": device_id, "asset_id": asset_id, "bound_from": start, "bound_until": end}
    return await client.post("/v1/device-bindings", json=body)


async def test_periods_may_touch_and_not_overlap(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    digger, crane, tracker = await asset(lessor, "D"), await asset(lessor, "C"), await device(lessor, "861")
    first = await bind(lessor, tracker, digger, MARCH, APRIL)
    assert first.status_code == 201
    assert first.json()["bound_until"] == "2025-03-31T16:00:00Z"
    assert (await bind(lessor, tracker, crane, APRIL)).status_code == 201
    overlapping = await bind(lessor, tracker, crane, "2025-03-31T23:59:59.999999+08:00", "2025-03-31T16:00:00Z")
    assert (overlapping.status_code, problem_fields(overlapping)) == (409, ["bound_from"])
    assert (
        f"asset {digger} from 2025-02-28T16:00:00+00:00 until 2025-03-31T16:00:00+00:00"
        in overlapping.json()["detail"]
    )
    for path, bindings in ((f"devices/{tracker}", 2), (f"assets/{digger}", 1), (f"assets/{crane}", 1)):
        assert len((await lessor.get(f"/v1/{path}/bindings")).json()["items"]) == bindings


async def test_an_asset_may_have_several_devices(principals: Principals, session: AsyncSession) -> None:
    lessor = (await principals.lessor()).client
    digger = await asset(lessor, "D")
    trackers = [await device(lessor, identifier) for identifier in ("861", "862")]
    for tracker in trackers:
        assert (await bind(lessor, tracker, digger, MARCH)).status_code == 201
    assert await devices_ever_on(session, digger) == trackers


async def test_the_end_of_a_binding_moves_where_there_is_room(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    digger, tracker = await asset(lessor, "D"), await device(lessor, "861")
    made = (await bind(lessor, tracker, digger, MARCH)).json()
    path = f"/v1/device-bindings/{made['binding_id']}"
    assert (await lessor.patch(path, json={"bound_until": MAY})).json()["bound_until"] == "2025-04-30T16:00:00Z"
    assert (await lessor.patch(path, json={"bound_until": APRIL})).status_code == 200
    assert (await bind(lessor, tracker, digger, APRIL, MAY)).status_code == 201
    for until in (None, MAY, "2025-04-01T00:00:00.000001+08:00"):
        refused = await lessor.patch(path, json={"bound_until": until})
        assert (refused.status_code, problem_fields(refused)) == (409, ["bound_until"])
    for wrong in (MARCH, "2025-01-01T00:00:00Z", "2025-04-01T00:00:00", "soon", [5], "\x00"):
        refused = await lessor.patch(path, json={"bound_until": wrong})
        assert (refused.status_code, problem_fields(refused)) == (422, ["bound_until"]), wrong
    assert (await lessor.patch(path, json={})).status_code == 422
    stored = (await lessor.get(f"/v1/devices/{tracker}/bindings")).json()["items"][0]
    assert stored == made | {"bound_until": "2025-03-31T16:00:00Z"}


async def test_an_empty_period_and_strangers_are_refused(principals: Principals, admin: httpx.AsyncClient) -> None:
    own, other = (await principals.lessor("own")).client, (await principals.lessor("other")).client
    digger, tracker = await asset(own, "D"), await device(own, "861")
    foreign_digger, foreign_tracker = await asset(other, "D"), await device(other, "861")
    empty = await bind(own, tracker, digger, MARCH, MARCH)
    assert (empty.status_code, problem_fields(empty)) == (422, ["bound_until"])
    for pair, field in (((foreign_tracker, digger), "device_id"), ((tracker, foreign_digger), "asset_id")):
        refused = await bind(own, *pair, MARCH)
        assert (refused.status_code, problem_fields(refused)) == (404, [field])
    mixed = await bind(admin, tracker, foreign_digger, MARCH)
    assert (mixed.status_code, problem_fields(mixed)) == (422, ["asset_id"])
    made = (await bind(own, tracker, digger, MARCH)).json()
    hidden = await other.patch(f"/v1/device-bindings/{made['binding_id']}", json={"bound_until": APRIL})
    assert hidden.status_code == 404
    assert (await bind(admin, foreign_tracker, foreign_digger, MARCH)).status_code == 201


async def test_two_bindings_at_once_leave_one(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    digger, tracker = await asset(lessor, "D"), await device(lessor, "861")
    answers = await asyncio.gather(*(bind(lessor, tracker, digger, MARCH) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {tuple(problem_fields(answer)) for answer in answers if answer.status_code == 409} == {("bound_from",)}


async def test_the_database_itself_keeps_lessors_apart(principals: Principals, urls: ClusterUrls) -> None:
    own, other = await principals.lessor("own"), await principals.lessor("other")
    digger, tracker = await asset(own.client, "D"), await device(other.client, "861")
    async with await psycopg.AsyncConnection.connect(urls.app_url, options=AS_SERVICE) as connection:
        for lessor_id in (own.subject_id, other.subject_id):
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                await connection.execute(BIND, (lessor_id, tracker, digger))
            await connection.rollback()


async def device_index_version(session: AsyncSession, lessor_id: int) -> int:
    """The version that the lessor's index should have, read without waiting for changes under way."""
    query = text("SELECT fleet_version FROM lessor WHERE lessor_id = :lessor_id")
    return await session.scalar(query, {"lessor_id": lessor_id}) or 0


async def test_the_index_says_who_was_where(principals: Principals, session: AsyncSession, urls: ClusterUrls) -> None:
    lessor = await principals.lessor()
    digger, crane = await asset(lessor.client, "D"), await asset(lessor.client, "C")
    tracker, spare = await device(lessor.client, "861"), await device(lessor.client, "862")
    await bind(lessor.client, tracker, crane, "2025-04-01T00:00:00.000001+08:00")
    await bind(lessor.client, tracker, digger, MARCH, APRIL)
    await device((await principals.lessor("other")).client, "863")
    index = await load_device_index(session, lessor.subject_id)
    assert index.version == await device_index_version(session, lessor.subject_id)
    assert index.resolve(["862", "861", "863"]) == [spare, tracker, NONE]
    at = np.array([us(MARCH) - 1, us(MARCH), us(APRIL) - 1, us(APRIL), us(APRIL) + 1, us(MARCH)], dtype=np.int64)
    who = np.array([tracker] * 5 + [spare], dtype=np.int32)
    assert index.asset_at(who, at).tolist() == [NONE, digger, digger, NONE, crane, NONE]
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        row = connection.execute(DEVICE_INDEX_SQL, {"lessor_id": lessor.subject_id}).fetchone()
    assert DeviceIndex.from_row(row).device_ids == index.device_ids


async def test_a_lessor_that_does_not_exist_has_an_empty_index(session: AsyncSession) -> None:
    index = await load_device_index(session, 2**31 - 1)
    assert (index.version, dict(index.device_ids)) == (0, {})
    assert await device_index_version(session, 2**31 - 1) == 0


async def test_every_change_of_the_fleet_is_noticed_and_only_at_its_commit(
    application: FastAPI, principals: Principals, urls: ClusterUrls
) -> None:
    lessor, other = await principals.lessor(), await principals.lessor("other")
    digger, tracker = await asset(lessor.client, "D"), await device(lessor.client, "861")
    database = context_of(application).database

    async def version(lessor_id: int = lessor.subject_id) -> int:
        async with database.reading(SERVICE) as session:
            return await device_index_version(session, lessor_id)

    key = lessor.subject_id
    changes: tuple[tuple[LiteralString, tuple[int, ...]], ...] = (
        ("INSERT INTO device (lessor_id, identifier, kind, created_at) VALUES (%s, '862', 'wired', now())", (key,)),
        (BIND, (key, tracker, digger)),
        ("UPDATE device SET identifier = '863' WHERE identifier = '862'", ()),
        ("UPDATE device_binding SET bound_until = bound_from + interval '1 day'", ()),
        ("DELETE FROM device_binding", ()),
        ("DELETE FROM device WHERE identifier = '863'", ()),
    )
    elsewhere = await version(other.subject_id)
    async with await psycopg.AsyncConnection.connect(
        urls.app_url, options=AS_SERVICE
    ) as connection:  # as another process would
        for change, values in changes:
            before = await version()
            await connection.execute(change, values)
            assert await version() == before
            await connection.rollback()
            assert await version() == before
            await connection.execute(change, values)
            await connection.commit()
            assert await version() > before, change
    before = await version()
    await asset(lessor.client, "C")
    assert await version() == before  # an asset without a device changes nothing for pings
    assert await version(other.subject_id) == elsewhere


async def test_an_index_is_read_with_one_statement(application: FastAPI, principals: Principals) -> None:
    lessor = await principals.lessor()
    async with context_of(application).database.reading(SERVICE) as session:
        await load_device_index(session, lessor.subject_id)
        with counted_queries(application) as statements:
            await load_device_index(session, lessor.subject_id)
        assert len(statements) == 1


async def test_devices_are_registered_once(
    application: FastAPI, principals: Principals, session: AsyncSession, clock: FixedClock
) -> None:
    lessor = await principals.lessor()
    await device(lessor.client, "861")
    identifiers = [str(861 + number) for number in range(500)]
    for _ in range(2):
        with counted_queries(application) as statements:
            await register_devices(session, lessor.subject_id, [*identifiers, "861"], clock)
        assert len(statements) <= 3
    await session.commit()
    index = await load_device_index(session, lessor.subject_id)
    assert set(index.device_ids) == set(identifiers)
    taken = await lessor.client.post("/v1/devices", json={"identifier": " 861 ", "kind": "wireless"})
    assert (taken.status_code, problem_fields(taken)) == (409, ["identifier"])
    page = (await lessor.client.get("/v1/devices", params={"identifier": "1360"})).json()["items"]
    assert [row["created_at"] for row in page] == ["2026-11-23T04:00:00Z"]


async def test_a_device_changes_its_name(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    key = await device(lessor, "861")
    await device(lessor, "862")
    path = f"/v1/devices/{key}"
    changed = (await lessor.patch(path, json={"identifier": "863", "make": "厂"})).json()
    assert (changed["identifier"], changed["kind"], changed["make"]) == ("863", "wired", "厂")
    taken = await lessor.patch(path, json={"identifier": "862", "make": None})
    assert (taken.status_code, problem_fields(taken)) == (409, ["identifier"])
    for body in ({"identifier": None}, {"kind": None}, {"kind": "solar"}, {"identifier": ""}, {"imei": "1"}):
        refused = await lessor.patch(path, json=body)
        assert (refused.status_code, problem_fields(refused)) == (422, list(body))
    assert (await lessor.get(path)).json() == changed


async def test_lessors_are_found_by_code_and_by_key(principals: Principals, session: AsyncSession) -> None:
    lessor = await principals.lessor("yuanhai")
    found = await lessor_by_code(session, "yuanhai")
    assert found.lessor_id == lessor.subject_id
    assert await lessor_by_id(session, found.lessor_id) == found
    assert await lessor_by_id(session, 2**31 - 1) is None
    with pytest.raises(NotFound, match="nobody"):
        await lessor_by_code(session, "nobody")


async def test_moments_are_stored_in_utc(principals: Principals) -> None:
    lessor = (await principals.lessor()).client
    made = (await bind(lessor, await device(lessor, "861"), await asset(lessor, "D"), MARCH)).json()
    assert datetime.fromisoformat(made["bound_from"]) == datetime(2025, 2, 28, 16, tzinfo=UTC)
    for extreme in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"):
        refused = await bind(lessor, made["device_id"], made["asset_id"], extreme)
        assert refused.status_code in {409, 422}
